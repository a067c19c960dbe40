"""Python's times and exact numbers, torch's functions, distributions and datasets in files."""

import datetime
import functools
import io
import pickletools
import zipfile
from decimal import Decimal
from fractions import Fraction

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.serialization import SerializationError


def round_trip(value, **options):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, **options)


def stream(data):
    """A file of this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", data)
    return file


ZONE = datetime.timezone(datetime.timedelta(hours=-3), "X")


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2020, 1, 2, 3, 4, 5, 678901),
        datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC),
        datetime.time(1, 2, 3, 4, tzinfo=ZONE),
        datetime.date(1, 1, 1),
        datetime.timedelta(-5, 2, 3),
        ZONE,
        Decimal("-1.50"),
        Decimal("NaN"),
        Fraction(-1, 3),
        Fraction(7),
    ],
)
def test_times_and_exact_numbers(value):
    found = round_trip({"x": value})["x"]
    assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize(
    "call",
    [
        b"cdatetime\ndate\n(c_codecs\nencode\n(X\x04\x00\x00\x00\x07\x7f\x0d\x01X\x06\x00\x00\x00latin1tRtR.",
        b"cdatetime\ndate\n(K\x01tR.",
        b"cdatetime\ntimedelta\n(J\xff\xff\xff\x7fK\x00K\x00tR.",
        b"cfractions\nFraction\n(X\x0b\x00\x00\x001e999999999tR.",
        b"cfractions\nFraction\n(X\x03\x00\x00\x001/0tR.",
        b"cdecimal\nDecimal\n(X\x01\x00\x00\x00xtR.",
        b"c__builtin__\ngetattr\n(ctorch._C\n_VariableFunctionsClass\nX\x08\x00\x00\x00__init__tR.",
        b"c__builtin__\ngetattr\n(ctorch._C\n_VariableFunctionsClass\nX\x04\x00\x00\x00loadtR.",
        b"c__builtin__\ngetattr\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00upper" + b"tR.",
    ],
)
def test_wrong_arguments_are_refused(call):
    with pytest.raises(SerializationError, match="cannot be made of"):
        torch.load(stream(b"\x80\x02" + call), weights_only=False)


def test_functions_of_torch_are_named():
    for function in (torch.relu, torch.tanh, torch.add, torch.einsum):
        assert round_trip([function], weights_only=False) == [function]
        with pytest.raises(SerializationError, match="weights_only=False"):
            round_trip(function)
    doubled = round_trip(functools.partial(torch.add, alpha=2), weights_only=False)
    assert doubled(torch.ones(1), torch.ones(1)).tolist() == [3]


def test_functions_are_named_as_pytorch_names_them():
    file = io.BytesIO()
    torch.save(torch.add, file)
    with zipfile.ZipFile(file) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("data.pkl")]
        found = [arg for op, arg, _ in pickletools.genops(archive.read(name)) if op.name != "PROTO"]
    texts = [arg for arg in found if isinstance(arg, str)]
    assert texts == ["__builtin__ getattr", "torch._C _VariableFunctionsClass", "add"]


def test_functions_that_open_files_are_not_read():
    with pytest.raises((TypeError, SerializationError)):
        round_trip(torch.from_file, weights_only=False)


def test_distributions():
    D = torch.distributions
    for made in (
        D.Normal(torch.zeros(2), 1.0),
        D.Gumbel(torch.zeros(2), 1.0),
        D.TransformedDistribution(D.Normal(torch.zeros(2), 1.0), [D.ExpTransform()]),
    ):
        found = round_trip(made, weights_only=False)
        assert type(found) is type(made)
        assert torch.equal(found.log_prob(torch.ones(2)), made.log_prob(torch.ones(2)))


def test_datasets():
    data = torch.utils.data.TensorDataset(torch.arange(3))
    assert round_trip(torch.utils.data.Subset(data, [2]), weights_only=False)[0][0].item() == 2


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_hooks_that_compute_weights():
    layer, x = nn.utils.weight_norm(nn.Linear(2, 2)), torch.ones(1, 2)
    assert torch.equal(round_trip(layer, weights_only=False)(x), layer(x))


def test_classes_that_hold_resources_are_not_made():
    from flambeau.utils.data import pool

    held = [cls for cls in vars(pool).values() if isinstance(cls, type) and hasattr(cls, "__del__")]
    assert held
    for cls in held:
        data = f"\x80\x02cflambeau.utils.data.pool\n{cls.__name__}\n)\x81.".encode("latin1")
        with pytest.raises(SerializationError):
            torch.load(stream(data), weights_only=False)
