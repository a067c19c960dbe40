"""Classes that files keep, written here and read here, or recorded from PyTorch 2.13.0."""

from __future__ import annotations

import argparse
import io
import pathlib
import types
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import flambeau as torch
from flambeau.serialization import SerializationError
from tests.serialization.recorded import file


def round_trip(obj: object, **options: object) -> object:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return torch.load(buffer, **options)


def recorded(name: str, **options: object) -> object:
    return torch.load(io.BytesIO(file(name)), **options)


PYTHON = {
    "Counter": Counter("aab"),
    "defaultdict": defaultdict(list, {1: [2]}),
    "defaultdict without": defaultdict(None, {1: 2}),
    "defaultdict of OrderedDicts": defaultdict(OrderedDict, {1: OrderedDict(a=1)}),
    "OrderedDict": OrderedDict(b=1, a=2),
    "deque": deque([1, [2]], 3),
    "set": {1, "a", (2, 3)},
    "frozenset": frozenset([1, None]),
    "bytes": b"\x00\xff",
    "no bytes": b"",
    "bytearray": bytearray(b"\x00\xff"),
    "complex": complex(1, float("inf")),
    "range": range(1, 9, 2),
    "slice": slice(1, None, -2),
    "long": 2**2040,
    "longer": -(3**5000),
    "text": "é\ud800\U0001f525",
    "Namespace": argparse.Namespace(lr=0.1, sizes=[1, 2]),
    "SimpleNamespace": types.SimpleNamespace(a=(1,)),
    "Path": pathlib.Path("a/b"),
    "PureWindowsPath": pathlib.PureWindowsPath("c:/a"),
    "empty": [(), [], {}, set(), ""],
    "Size": torch.Size([2, 3]),
    "dtype": torch.bfloat16,
    "device": torch.device("cpu"),
    "layout": torch.strided,
    "memory format": torch.channels_last,
}


@pytest.mark.parametrize("name", PYTHON)
def test_classes_are_kept(name: str) -> None:
    value = PYTHON[name]
    found = round_trip(value)
    assert (found, type(found)) == (value, type(value))
    if isinstance(value, defaultdict):
        assert found.default_factory is value.default_factory
    if isinstance(value, deque):
        assert found.maxlen == value.maxlen


NUMPY = {
    **{f"array {code}": np.arange(6).reshape(2, 3).astype(code) for code in "bBhHiIlLefdgFDG?"},
    **{f"scalar {code}": np.dtype(code).type(1) for code in "bBhHiIlLefdgFDG?"},
    "big-endian": np.arange(3, dtype=">i4"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12)[::-2],
    "scalar array": np.array(3.0),
    "empty": np.zeros((0, 3)),
    "text": np.array(["ab", "é"]),
    "bytes": np.array([b"ab\0c", b""]),
    "time": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "duration": np.array([3, -1], "m8[25s]"),
    "structure": np.array([(1, [2.0, 3.0])], [("a", "i4"), ("b", "f8", (2,))]),
    "structure of structures": np.zeros(2, [("a", [("b", "?"), ("c", ">u2")])]),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "string": np.str_("a"),
    "moment": np.datetime64("2020-01-01T00:00", "m"),
    "dtype": np.dtype("f4"),
    "structured dtype": np.dtype([("a", "i4")]),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_is_kept(name: str) -> None:
    value = NUMPY[name]
    found = round_trip(value)
    assert type(found) is type(value)
    if isinstance(value, np.dtype):
        assert found == value
        return
    assert found.dtype == value.dtype
    assert found.dtype.isalignedstruct == value.dtype.isalignedstruct
    assert found.shape == value.shape
    assert found.flags.f_contiguous == (value.flags.f_contiguous or name == "strided")
    assert np.array_equal(found, value, equal_nan=name in ("time",))
    if isinstance(value, np.ndarray):
        found[...] = found  # an array of its own


def test_bfloat16_of_numpy_is_kept() -> None:
    value = torch.ones(2, dtype=torch.bfloat16)._array
    found = round_trip(value)
    assert found.dtype == value.dtype
    assert found.tobytes() == value.tobytes()


def test_objects_of_numpy_are_refused() -> None:
    for value in (np.array([None]), np.zeros(1, [("a", "O")])):
        with pytest.raises(TypeError, match="Python objects"):
            torch.save(value, io.BytesIO())
    with pytest.raises(TypeError, match="asarray"):
        torch.save(np.ma.masked_array([1.0]), io.BytesIO())


def test_what_has_no_form_in_files_is_refused() -> None:
    row = namedtuple("row", "a b")
    for value in (lambda: 1, row(1, 2), torch.finfo(), slice(0.5)):
        with pytest.raises(TypeError, match="cannot save"):
            torch.save({"x": [value]}, io.BytesIO())
    with pytest.raises(TypeError, match="no shape yet"):
        torch.save(torch.nn.LazyLinear(1).weight, io.BytesIO())
    with pytest.raises(TypeError, match="a defaultdict of"):
        torch.save(defaultdict(lambda: 1), io.BytesIO())


def test_what_is_too_deep_to_load_is_not_saved() -> None:
    deep: list = []
    for _ in range(999):
        deep = [deep]
    found, levels = round_trip(deep), 1
    while found:
        found, levels = found[0], levels + 1
    assert levels == 1000
    for value in ([deep], {"x": deep}, (deep,)):
        with pytest.raises(ValueError, match="levels"):
            torch.save(value, io.BytesIO())
    own: list = [1]
    own.append({"own": own})
    with pytest.raises(ValueError, match="contains itself"):
        torch.save(own, io.BytesIO())
    shared = [1]
    first, second = round_trip([shared, (shared,)])
    assert first is second[0]


def test_storages_are_shared_with_tensors() -> None:
    x = torch.arange(6.0)
    whole, typed, part = round_trip([x, x.storage(), x[2:4]])
    assert isinstance(typed, torch.TypedStorage)
    assert typed.dtype is torch.float32
    assert typed.untyped().data_ptr() == whole.untyped_storage().data_ptr()
    typed[3] = 9.0
    assert (whole[3].item(), part.tolist()) == (9.0, [2.0, 9.0])
    untyped = round_trip(torch.tensor([1, 2], dtype=torch.int16).untyped_storage())
    assert (type(untyped), untyped.tolist()) == (torch.UntypedStorage, [1, 0, 2, 0])
    with pytest.raises(RuntimeError, match="UntypedStorage"):
        torch.save([x, x.untyped_storage()], io.BytesIO())
    with pytest.raises(TypeError, match="no class"):
        torch.save(torch.ones(1, dtype=torch.uint16).storage(), io.BytesIO())


def test_attributes_of_tensors_are_kept() -> None:
    x, p = torch.ones(2), torch.nn.Parameter(torch.ones(2), requires_grad=False)
    x.held, p.held = {"names": [1]}, x
    found = round_trip([x, p, torch.nn.Buffer(torch.ones(1), persistent=False)])
    assert found[0].held == {"names": [1]}
    assert found[1].held is found[0]
    assert not found[1].requires_grad
    assert isinstance(found[1], torch.nn.Parameter)
    assert isinstance(found[2], torch.nn.Buffer)
    assert not found[2].persistent


def test_tensors_of_any_layout_load_again() -> None:
    x = torch.arange(24.0).view(2, 3, 4)
    for value in (x.transpose(0, 2), x[:, 1:2], x[0, 0, 0], x[:0], x[0].expand(5, 3, 4)):
        found = round_trip(value)
        assert (found.stride(), found.shape) == (value.stride(), value.shape)
        assert torch.equal(found, value)
    huge = round_trip(torch.full((1,), 3.0).expand(1 << 40))
    assert huge.shape == (1 << 40,)
    assert huge[-1].item() == 3.0


@pytest.mark.parametrize("name", torch.core.dtype.DTYPES)
def test_every_dtype_is_kept(name: str) -> None:
    kind = torch.core.dtype.DTYPES[name]
    value = torch.zeros(3, dtype=kind)
    found = round_trip([value, kind])
    assert found[0].dtype is found[1] is kind
    assert found[0].untyped_storage().tolist() == value.untyped_storage().tolist()


def test_tensors_without_elements() -> None:
    x = torch.empty(2, 3, dtype=torch.float16, device="meta", requires_grad=True)
    found = round_trip(x)
    assert (found.shape, found.stride(), found.dtype) == ((2, 3), (3, 1), torch.float16)
    assert found.is_meta
    assert found.requires_grad
    recorded_one = recorded("meta")
    assert (recorded_one.shape, recorded_one.device.type) == ((2, 3), "meta")
    with pytest.raises(NotImplementedError, match="no data"):
        recorded_one.tolist()


# ---- recorded from PyTorch -----------------------------------------------------------------------


def test_recorded_state_dict() -> None:
    found = recorded("state_dict")
    assert type(found) is OrderedDict
    assert found["weight"].tolist() == [[0.5, 0.5]]
    assert found["bias"].tolist() == [0.25]
    assert found._metadata == {"": {"version": 1}}


def test_recorded_attributes() -> None:
    tensor, parameter = recorded("attributes")
    assert (tensor.tolist(), tensor.foo) == ([1.0, 1.0], 1)
    assert (parameter.tolist(), parameter.foo, parameter.requires_grad) == ([1.0, 1.0], 1, True)


def test_recorded_lazy_tensors() -> None:
    conjugate, negated = recorded("lazy")
    assert conjugate.tolist() == [1 - 2j, 3 + 4j]
    assert negated.tolist() == [-2.0, 4.0]


def test_recorded_python_classes() -> None:
    found = recorded("python")
    expected = {
        "counter": Counter("aab"),
        "default": defaultdict(int, a=1),
        "range": range(1, 5, 2),
        "bytes": [b"", b"\xff", bytearray(b"ab")],
        "set": {1},
        "frozenset": frozenset([1]),
        "deque": deque([1, 2], 3),
        "slice": slice(1, 2),
        "complex": 1 + 2j,
        "long": 2**3000,
        "namespace": argparse.Namespace(lr=1),
        "path": pathlib.Path("a/b"),
    }
    assert found == expected
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in expected.items()}
    assert found["default"].default_factory is int


def test_recorded_numpy() -> None:
    found = recorded("numpy")
    assert found["array"].tolist() == [[0, 1, 2]]
    assert found["array"].dtype == np.int16
    assert found["fortran"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["fortran"].flags.f_contiguous
    assert (found["scalar"], type(found["scalar"])) == (2.5, np.float64)
    assert found["text"].tolist() == ["ab", "c"]
    assert str(found["time"][0]) == "2020-01-01"
    assert found["structure"].dtype == np.dtype([("a", "i4"), ("b", "f8", (2,))])
    assert found["dtype"] == np.dtype("f4")
    assert found["empty"].shape == (0, 3)


def test_recorded_storages() -> None:
    tensor, typed, untyped = recorded("storages")
    assert typed.untyped() is tensor.untyped_storage()
    assert untyped.tolist() == [1, 1]


def test_bools_are_zero_or_one() -> None:
    buffer, changed = io.BytesIO(), io.BytesIO()
    torch.save([torch.tensor([True, False]), np.array([True])], buffer)
    source = zipfile.ZipFile(buffer)
    with zipfile.ZipFile(changed, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(name, b"\x02\x00" if name.endswith("data/0") else data)
    with pytest.raises(SerializationError, match="bools"):
        torch.load(changed)
