"""Classes of the program's own: which are read with weights_only=False, and that nothing of theirs is run."""

from __future__ import annotations

import dataclasses
import enum
import functools
import io
import zipfile
from collections import OrderedDict, namedtuple

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError, plain

nn, F = torch.nn, torch.nn.functional
Pair = namedtuple("Pair", "x y")
ran: list[str] = []


class Color(enum.Enum):
    RED = 1


class Mode(str, enum.Enum):  # noqa: UP042
    FAST = "fast"


@dataclasses.dataclass(frozen=True)
class Config:
    width: int
    sizes: list


class Attributes(dict):
    pass


class Ordered(OrderedDict):
    def __init__(self, *args: object, **kwargs: object) -> None:
        ran.append("Ordered")
        super().__init__(*args, **kwargs)


class Names(list):
    pass


class Slotted:
    __slots__ = ("x",)


class Net(nn.Module):
    def __init__(self, config: Config) -> None:
        ran.append("Net")
        super().__init__()
        self.inner, self.config = nn.Linear(2, config.width), config
        self.shape = functools.partial(F.leaky_relu, negative_slope=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shape(self.inner(x))


class Careful:
    def __setstate__(self, state: dict) -> None:
        ran.append("Careful")


class Ending:
    def __del__(self) -> None:
        ran.append("Ending")


class Strange(dict):
    def __setitem__(self, key: object, value: object) -> None:
        ran.append("Strange")


def saved(obj: object) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return buffer


def again(obj: object) -> object:
    file = saved(obj)
    with pytest.raises(SerializationError, match="weights_only=False reads"):
        torch.load(file)
    file.seek(0)
    ran.clear()
    return torch.load(file, weights_only=False)


def test_modules_of_the_program() -> None:
    model, x = Net(Config(3, [1, 2])), torch.randn(4, 2)
    found = again(model)
    assert type(found) is Net
    assert ran == []
    assert torch.equal(found(x), model(x))
    assert found.config == Config(3, [1, 2])


def test_optimizers() -> None:
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = torch.optim.AdamW([w], lr=0.1)
    w.grad = torch.ones(2)
    optimizer.step()
    found = again({"optimizer": optimizer, "w": w})
    same, other = found["optimizer"], found["w"]
    assert type(same) is torch.optim.AdamW
    assert same.param_groups[0]["params"][0] is other
    for one, p in ((optimizer, w), (same, other)):
        p.grad = torch.full((2,), 0.5)
        one.step()
    assert torch.equal(w, other)
    assert same.state[other]["step"].item() == 2


def test_pytorchs_names_of_optimizers() -> None:
    assert plain.home(torch.optim.AdamW) == "torch.optim.adamw"
    assert plain.home(torch.optim.Muon) == "torch.optim._muon"
    assert plain.found_by_name("torch.optim._adafactor", "Adafactor") is torch.optim.Adafactor
    assert plain.found_by_name("torch.optim.sgd", "Adam") is None


@pytest.mark.parametrize(
    "value",
    [
        Color.RED,
        Mode.FAST,
        Pair(1, [2]),
        Config(1, [2]),
        Attributes(a=1, b=[2]),
        Ordered(b=1, a=2),
        Names([1, "x"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_small_classes(value: object) -> None:
    found = again([value])[0]
    assert (type(found), found) == (type(value), value)
    assert ran == []


def test_attributes_beside_items_and_slots() -> None:
    value, slotted = Attributes(a=1), Slotted()
    value.extra, slotted.x = [1], 5
    found, other = again([value, slotted])
    assert (found, found.extra, other.x) == ({"a": 1}, [1], 5)


@pytest.mark.parametrize("value", [Careful(), Ending(), Strange()], ids=lambda v: type(v).__name__)
def test_classes_whose_code_would_run_are_named(value: object) -> None:
    ran.clear()
    with pytest.raises(SerializationError, match=f"{type(value).__name__}.*add_safe_globals"):
        torch.load(saved(value), weights_only=False)
    assert ran == []


def crafted(stream: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + stream + b".")
    return buffer


HERE = __name__.encode()


@pytest.mark.parametrize(
    "stream",
    [
        b"csubprocess\nPopen\nX\x04\x00\x00\x00true\x85R",
        b"cfunctools\npartial\ncos\nsystem\n\x85R",
        b"c" + HERE + b"\nColor\nK\x07\x85R",  # no such member
        b"c" + HERE + b"\nColor\n)\x81",
        b"c" + HERE + b"\nConfig\nK\x01K\x02\x86R",  # a constructor
        b"c" + HERE + b"\nPair\nK\x01\x85\x81",  # too few
        b"c" + HERE + b"\nSlotted\n)\x81N}X\x01\x00\x00\x00ysK\x01s\x86b",
        b"c" + HERE + b"\nran\n",
    ],
)
def test_what_is_more_than_attributes_is_refused(stream: bytes) -> None:
    with pytest.raises(SerializationError):
        torch.load(crafted(stream), weights_only=False)


def test_constraints() -> None:
    constraints = torch.distributions.constraints
    found = again({"in": constraints.interval(0.0, 2.0), "rows": constraints.real_vector})
    assert found["in"].check(torch.tensor([1.0, 3.0])).tolist() == [True, False]
    assert found["rows"].event_dim == 1
