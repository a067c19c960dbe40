"""dtype singletons, their facts, NumPy's types, the default, finfo and iinfo."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.core import dtype as types
from flambeau.core.dtype import ALIASES, DTYPES, dtype, finfo, from_numpy, iinfo

# name: itemsize, floating, complex, signed, abbreviation, class, arithmetic (recorded from torch)
FACTS = {
    "bool": (1, False, False, False, "b8", "BoolTensor", "bool"),
    "uint8": (1, False, False, False, "u8", "ByteTensor", "uint8"),
    "uint16": (2, False, False, False, "u16", "UInt16Tensor", "uint16"),
    "uint32": (4, False, False, False, "u32", "UInt32Tensor", "uint32"),
    "uint64": (8, False, False, False, "u64", "UInt64Tensor", "uint64"),
    "int8": (1, False, False, True, "i8", "CharTensor", "int8"),
    "int16": (2, False, False, True, "i16", "ShortTensor", "int16"),
    "int32": (4, False, False, True, "i32", "IntTensor", "int32"),
    "int64": (8, False, False, True, "i64", "LongTensor", "int64"),
    "float16": (2, True, False, True, "f16", "HalfTensor", "float32"),
    "bfloat16": (2, True, False, True, "bf16", "BFloat16Tensor", "float32"),
    "float32": (4, True, False, True, "f32", "FloatTensor", "float32"),
    "float64": (8, True, False, True, "f64", "DoubleTensor", "float64"),
    "float8_e4m3fn": (1, True, False, True, "f8e4m3fn", "Float8_e4m3fnTensor", "float32"),
    "float8_e4m3fnuz": (1, True, False, True, "f8e4m3fnuz", "Float8_e4m3fnuzTensor", "float32"),
    "float8_e5m2": (1, True, False, True, "f8e5m2", "Float8_e5m2Tensor", "float32"),
    "float8_e5m2fnuz": (1, True, False, True, "f8e5m2fnuz", "Float8_e5m2fnuzTensor", "float32"),
    "float8_e8m0fnu": (1, True, False, False, "f8e8m0fnu", "Float8_e8m0fnuTensor", "float32"),
    "complex32": (4, False, True, True, "c32", "ComplexHalfTensor", "complex64"),
    "bcomplex32": (4, False, True, True, "bc32", "BComplex32Tensor", "complex64"),
    "complex64": (8, False, True, True, "c64", "ComplexFloatTensor", "complex64"),
    "complex128": (16, False, True, True, "c128", "ComplexDoubleTensor", "complex128"),
}
ALL = list(DTYPES.values())


@pytest.fixture
def restored_default() -> Iterator[None]:
    before = types.get_default_dtype()
    yield
    types.set_default_dtype(before)


def test_every_type_has_its_facts() -> None:
    found = {
        name: (
            item.itemsize,
            item.is_floating_point,
            item.is_complex,
            item.is_signed,
            item.abbr,
            types.legacy_name(item, "cpu").removeprefix("torch."),
            item.compute.name,
        )
        for name, item in DTYPES.items()
    }
    assert found == FACTS


@pytest.mark.parametrize("item", ALL, ids=str)
def test_is_a_singleton(item: dtype) -> None:
    assert repr(item) == str(item) == f"{item}" == f"torch.{item.name}"
    assert pickle.loads(pickle.dumps(item)) is item
    assert copy.copy(item) is item
    assert copy.deepcopy([item])[0] is item
    assert [other for other in ALL if other == item] == [item]


@pytest.mark.parametrize("item", ALL, ids=str)
def test_numpy_type_and_back(item: dtype) -> None:
    assert item.numpy.itemsize == item.itemsize
    assert item.numpy.name == item.name
    assert from_numpy(item.numpy) is item
    assert (
        item.category
        == (item.numpy.kind in "iu") + 2 * item.is_floating_point + 3 * item.is_complex
    )


def test_aliases() -> None:
    names = {alias: item.name for alias, item in ALIASES.items()}
    assert names == {
        "half": "float16",
        "float": "float32",
        "double": "float64",
        "short": "int16",
        "int": "int32",
        "long": "int64",
        "chalf": "complex32",
        "cfloat": "complex64",
        "cdouble": "complex128",
    }


def test_is_closed() -> None:
    for arguments in ((), ("float32",)):
        with pytest.raises(TypeError, match=r"cannot create 'torch\.dtype' instances"):
            dtype(*arguments)
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Other", (dtype,), {})
    for name in ("name", "other"):
        with pytest.raises(AttributeError):
            setattr(types.float32, name, "float64")
        with pytest.raises(AttributeError):
            delattr(types.float32, name)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = types.bfloat16.other  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        _ = types.float32 < types.float64  # type: ignore[operator]


@pytest.mark.parametrize(
    ("item", "real", "complex_"),
    [
        ("float16", "float16", "complex32"),
        ("bfloat16", "bfloat16", "bcomplex32"),
        ("float32", "float32", "complex64"),
        ("float64", "float64", "complex128"),
        ("complex64", "float32", "complex64"),
        ("complex128", "float64", "complex128"),
        ("int32", "int32", None),
        ("bool", "bool", None),
    ],
)
def test_to_real_and_to_complex(item: str, real: str, complex_: str | None) -> None:
    assert DTYPES[item].to_real() is DTYPES[real]
    if complex_ is not None:
        assert DTYPES[item].to_complex() is DTYPES[complex_]
    else:
        with pytest.raises(RuntimeError, match="Unknown Complex ScalarType"):
            DTYPES[item].to_complex()


# -- NumPy ---------------------------------------------------------------------------------------


def test_from_numpy_takes_every_spelling() -> None:
    assert from_numpy(np.dtype("longlong")) is types.int64
    assert from_numpy(np.float32) is types.float32
    assert from_numpy("bool") is types.bool_


@pytest.mark.parametrize("kind", ["object_", "str_", "datetime64", "void"])
def test_from_numpy_refuses_what_no_tensor_holds(kind: str) -> None:
    match = (
        rf"can't convert np.ndarray of type numpy.{kind}\. The only supported types are: float64, "
    )
    with pytest.raises(TypeError, match=match):
        from_numpy(np.dtype(getattr(np, kind)))


def test_from_numpy_refuses_foreign_byte_order() -> None:
    with pytest.raises(ValueError, match="byte order different from the native byte order"):
        from_numpy(np.dtype(np.int32).newbyteorder())


@pytest.mark.parametrize(
    "use", ["types.bfloat16.numpy", "types.from_numpy(np.dtype(__import__('ml_dtypes').bfloat16))"]
)
def test_bfloat16_is_loaded_by_its_first_use(use: str) -> None:
    # ml_dtypes costs milliseconds that programs without bfloat16 shall not pay.
    program = (
        "import sys, numpy as np; from flambeau.core import dtype as types\n"
        "assert 'ml_dtypes' not in sys.modules\n"
        f"{use}\n"
        "assert types.from_numpy(types.bfloat16.numpy) is types.bfloat16\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert types.bfloat16.numpy == np.dtype(ml_dtypes.bfloat16)


# -- Names of old classes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("torch.FloatTensor", ("float32", "cpu")),
        ("torch.UInt16Tensor", ("uint16", "cpu")),
        ("torch.cuda.LongTensor", ("int64", "cuda")),
        ("torch.Tensor", ("float32", "cpu")),
    ],
)
def test_parse_legacy_name(name: str, expected: tuple[str, str]) -> None:
    item, device_type = types.parse_legacy_name(name)
    assert (item.name, device_type) == expected
    if name != "torch.Tensor":
        assert types.legacy_name(item, device_type) == name


@pytest.mark.parametrize("name", ["foo", "FloatTensor", "torch.float32", "numpy.FloatTensor", ""])
def test_parse_legacy_name_refuses_others(name: str) -> None:
    with pytest.raises(ValueError, match=f"invalid type: '{name}'"):
        types.parse_legacy_name(name)


# -- The default ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("restored_default")
@pytest.mark.parametrize(
    ("item", "complex_"),
    [("float64", "complex128"), ("bfloat16", "complex64"), ("float16", "complex32")],
)
def test_default_dtype_belongs_to_the_process(item: str, complex_: str) -> None:
    types.set_default_dtype(DTYPES[item])
    seen: list[dtype] = []
    thread = threading.Thread(target=lambda: seen.append(types.get_default_dtype()))
    thread.start()
    thread.join()
    assert types.get_default_dtype() is seen[0] is types.state.default is DTYPES[item]
    assert types.state.default_complex is DTYPES[complex_]
    assert finfo().dtype == item


@pytest.mark.parametrize("given", [types.int32, types.complex64, types.bool_, "float32", None])
def test_set_default_dtype_refuses_others(given: Any) -> None:
    before = types.get_default_dtype()
    with pytest.raises(TypeError, match="only floating-point types are supported as the default"):
        types.set_default_dtype(given)
    assert types.get_default_dtype() is before


# -- Limits --------------------------------------------------------------------------------------

F32 = (
    "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
    "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"
)
F64 = (
    "finfo(resolution=1e-15, min=-1.79769e+308, max=1.79769e+308, eps=2.22045e-16, "
    "smallest_normal=2.22507e-308, tiny=2.22507e-308, dtype=float64)"
)
FLOAT_REPRS = {
    "float16": "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, "
    "smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)",
    "bfloat16": "finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.0078125, "
    "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=bfloat16)",
    "float32": F32,
    "float64": F64,
    "complex64": F32,
    "complex128": F64,
}


@pytest.mark.parametrize("name", FLOAT_REPRS)
def test_finfo(name: str) -> None:
    limits = finfo(DTYPES[name])
    assert repr(limits) == str(limits) == FLOAT_REPRS[name]
    expected = ml_dtypes.finfo(DTYPES[name].numpy)
    for attribute in ("bits", "eps", "max", "min", "smallest_normal", "tiny"):
        assert getattr(limits, attribute) == float(getattr(expected, attribute)), attribute
    assert limits.resolution == float(repr(limits).split("resolution=")[1].split(",")[0])


@pytest.mark.parametrize("name", [name for name in DTYPES if "int" in name])
def test_iinfo(name: str) -> None:
    limits, expected = iinfo(DTYPES[name]), np.iinfo(name)
    found = (limits.bits, limits.min, limits.max, limits.dtype)
    assert found == (expected.bits, expected.min, expected.max, name)


def test_iinfo_prints_as_torch_does() -> None:
    assert repr(iinfo(types.uint8)) == "iinfo(min=0, max=255, dtype=uint8)"
    assert str(iinfo(types.int32)) == "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)"
    assert str(iinfo(types.uint64)) == "iinfo(min=0, max=1.84467e+19, dtype=uint64)"


def test_limits_compare_by_type() -> None:
    assert finfo(type=types.float32) == finfo(types.complex64) != finfo(types.float64)
    assert iinfo(type=types.int8) == iinfo(types.int8) != iinfo(types.uint8)
    assert finfo(types.float32) != 3
    for limits in (finfo(types.float32), iinfo(types.int8)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(limits)


@pytest.mark.parametrize(
    ("kind", "arguments", "match"),
    [
        (finfo, (types.int32,), r"torch.finfo\(\) requires a floating point input type"),
        (finfo, (types.bool_,), r"torch.finfo\(\) requires a floating point input type"),
        (iinfo, (types.float32,), r"torch.iinfo\(\) requires an integer input type"),
        (iinfo, (types.bool_,), "torch.bool is not supported by torch.iinfo"),
        (
            finfo,
            ("float32",),
            r"finfo\(\): argument 'type' \(position 1\) must be torch.dtype, not str",
        ),
        (iinfo, (3,), r"iinfo\(\): argument 'type' \(position 1\) must be torch.dtype, not int"),
        (iinfo, (), "missing 1 required positional argument"),
    ],
)
def test_limits_refuse_other_types(kind: Any, arguments: tuple[Any, ...], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        kind(*arguments)
