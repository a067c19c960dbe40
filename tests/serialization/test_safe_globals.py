"""Whole modules, and the classes that users add."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from uuid import UUID

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError, layers
from tests.serialization.recorded import file

nn, serialization = torch.nn, torch.serialization


@pytest.fixture(autouse=True)
def _no_globals() -> Iterator[None]:
    assert serialization.get_safe_globals() == []
    yield
    serialization.clear_safe_globals()


def saved(obj: object) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return buffer


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int):
        self.x, self.y = x, y


class Plain:
    pass


LAYERS = {
    "sequence": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU()), (2, 3, 5, 5)),
    "lstm": (nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3)),
    "transformer": (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (3, 2, 4)),
    "reflecting": (nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"), (1, 2, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_modules_of_layers_are_read_where_that_is_asked_for(name: str) -> None:
    module, shape = LAYERS[name]
    x = torch.randn(shape)
    with pytest.raises(SerializationError, match="weights_only=False"):
        torch.load(saved(module))
    found = torch.load(saved(module), weights_only=False)
    assert repr(found) == repr(module)
    ours, theirs = module(x), found(x)
    assert torch.equal(*(out[0] if isinstance(out, tuple) else out for out in (ours, theirs)))


def test_a_recorded_module() -> None:
    found = torch.load(io.BytesIO(file("module")), weights_only=False)
    assert isinstance(found, nn.Sequential)
    out = found(torch.ones(1, 2)).item()
    assert out == pytest.approx(torch.nn.functional.gelu(torch.tensor(1.25)).item())


def test_classes_of_users_are_named_and_can_be_added() -> None:
    with pytest.raises(SerializationError, match=rf"{__name__}\.Net") as caught:
        torch.load(saved(Net()))
    assert "weights_only=False" in str(caught.value)
    assert "add_safe_globals" in str(caught.value)
    module = Net()
    x = torch.ones(1, 2)
    with serialization.safe_globals([Net]):
        assert serialization.get_safe_globals() == [Net]
        found = torch.load(saved(module), weights_only=False)
        with serialization.safe_globals([nn.Linear]):
            assert type(torch.load(saved(module))) is Net
    assert serialization.get_safe_globals() == []
    assert torch.equal(found(x), module(x))


def test_names_may_be_given() -> None:
    whole = file("user")
    assert serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(whole)) == [
        "project.net.Net",
        "torch.nn.modules.linear.Linear",
    ]
    with serialization.safe_globals([(Net, "project.net.Net"), nn.Linear]):
        assert serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(whole)) == []
        found = torch.load(io.BytesIO(whole))
    assert type(found) is Net
    assert found.inner.weight.tolist() == [[0.5]]


def test_objects_of_added_classes() -> None:
    plain, point = Plain(), Point(1, 2)
    plain.parts = [UUID(int=5)]
    for weights_only in (True, False):
        with pytest.raises(SerializationError, match=r"uuid\.UUID.*add_safe_globals"):
            torch.load(saved(plain), weights_only=weights_only)
    with serialization.safe_globals([Plain, Point, UUID]):
        found, other = torch.load(saved([plain, point]))
        assert found.parts == [UUID(int=5)]
        assert (other.x, other.y) == (1, 2)
        file = saved([plain, point])
    assert serialization.get_unsafe_globals_in_checkpoint(file) == [
        f"{__name__}.Plain",
        f"{__name__}.Point",
        "uuid.UUID",
    ]


def test_a_subclass_of_tensor() -> None:
    class Tagged(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Tagged)
    x.tag = "a"
    with pytest.raises(SerializationError, match="Tagged"):
        torch.load(saved(x))
    with serialization.safe_globals([Tagged]):
        found = torch.load(saved(x))
    assert (type(found), found.tag, found.tolist()) == (Tagged, "a", [1.0, 1.0])


def test_what_cannot_be_added() -> None:
    with pytest.raises(TypeError, match="classes or functions"):
        serialization.add_safe_globals(["os.system"])
    serialization.add_safe_globals([(os.system, "os.system"), (os.system, "posix.system")])
    stream = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", stream)
    with pytest.raises(SerializationError, match=r"os\.system"):
        torch.load(buffer)


def test_a_layer_is_never_made_by_its_constructor() -> None:
    """Whose memory would be of the sizes that the file says."""
    for call in (b"J\x00\x00\x00\x7fK\x01\x86R", b"J\x00\x00\x00\x7fK\x01\x86\x81"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(
                "a/data.pkl", b"\x80\x02ctorch.nn.modules.linear\nLinear\n" + call + b"."
            )
        with pytest.raises(SerializationError, match=r"constructor|cannot be made of"):
            torch.load(buffer, weights_only=False)


def test_what_to_do_depends_on_what_is_missing() -> None:
    for text, advice in (
        ("torch._utils\n_rebuild_mkldnn_tensor", "does not have"),
        ("torch.nn.modules.linear\nLinear", "weights_only=False"),
        ("project\nNet", "add_safe_globals"),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02c" + text.encode() + b"\n.")
        with pytest.raises(SerializationError, match=advice):
            torch.load(buffer)


def test_layers_have_pytorchs_names() -> None:
    names = layers.layer_classes()
    for name in (
        *(
            "activation GELU",
            "activation MultiheadAttention",
            "adaptive AdaptiveLogSoftmaxWithLoss",
        ),
        *(
            "batchnorm BatchNorm2d",
            "container Sequential",
            "container ParameterDict",
            "conv Conv2d",
        ),
        *(
            "conv ConvTranspose1d",
            "distance CosineSimilarity",
            "dropout Dropout",
            "flatten Flatten",
        ),
        *("fold Unfold", "instancenorm InstanceNorm1d", "linear Identity", "linear LazyLinear"),
        *("linear NonDynamicallyQuantizableLinear", "loss CTCLoss", "normalization GroupNorm"),
        *("normalization LocalResponseNorm", "padding ZeroPad2d", "pixelshuffle PixelShuffle"),
        *("pooling LPPool2d", "rnn LSTM", "rnn GRUCell", "sparse Embedding", "upsampling Upsample"),
        *("transformer TransformerEncoderLayer", "module Module", "channelshuffle ChannelShuffle"),
    ):
        assert f"torch.nn.modules.{name}" in names
