"""Data types: one object a type, what is known of each, and the process-wide default.

A `dtype` is a singleton, so fast code compares with `is`. What the library knows of a type stands
in its one declaration below; a new type is added there, and nothing else lists types. (Kernels know
no tensors: what machine code reads and writes is told by `kernels.loops.element`, by NumPy types.)
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

BOOL, INTEGER, FLOAT, COMPLEX = range(4)
"""The categories of types, in the order in which promotion prefers them."""


class dtype:
    """The type of a tensor's elements, such as `torch.float32`.

    Attributes:
        name: The type's name, without a module: "float32".
        abbreviation: A short name for dumps of programs: "f32".
        legacy: The first part of the name of torch's old tensor class: "Float" of `FloatTensor`.
        c_name: What C++ calls it: "long int".
        numpy: The NumPy type that holds the elements.
        compute: The NumPy type of arithmetic: float32 for the reduced types, complex64 for
            complex32 and bcomplex32, else `numpy`.
        itemsize: Bytes an element.
        category: `BOOL`, `INTEGER`, `FLOAT` or `COMPLEX`.
        is_floating_point: Whether the category is `FLOAT`.
        is_complex: Whether the category is `COMPLEX`.
        is_signed: Whether negative numbers can be held.
        is_reduced: Whether it is a floating type of less than float32's precision.
        is_barebones: Whether it is an unsigned type that PyTorch stores but hardly computes with.
        is_extension: Whether the package ml_dtypes adds it to NumPy.
        is_alone: Whether it promotes with no other type of numbers, as those of eight bits.
        fraction: Bits of a floating number's fraction, without the leading 1.
        bias: What is added to a floating number's exponent.
        largest: The largest number.
        rtol, atol: How close numbers are to be for `testing.assert_close`.
        dlpack: The code of its kind of elements in a DLPack capsule, for extension types that have one.
        prepare: What float32 numbers become before NumPy converts them, where that alone would give
            other numbers than PyTorch's conversion.
        conversion: The method of Tensor that converts to it: "half"; or nothing. Types that have one
            have a storage class in saved files, too.

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2).dtype
        torch.float32
    """

    __slots__ = (
        "__weakref__",
        "_real",
        "abbreviation",
        "atol",
        "bias",
        "c_name",
        "category",
        "compute",
        "conversion",
        "dlpack",
        "fraction",
        "is_alone",
        "is_barebones",
        "is_complex",
        "is_extension",
        "is_floating_point",
        "is_reduced",
        "is_signed",
        "itemsize",
        "largest",
        "legacy",
        "name",
        "numpy",
        "prepare",
        "rtol",
    )

    name: str
    abbreviation: str
    legacy: str
    c_name: str
    numpy: np.dtype[Any]
    compute: np.dtype[Any]
    itemsize: int
    category: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    is_reduced: bool
    is_barebones: bool
    is_extension: bool
    is_alone: bool
    fraction: int
    bias: int
    largest: float
    rtol: float
    atol: float
    dlpack: int | None
    prepare: Callable[[Any], Any] | None
    conversion: str
    _real: dtype | None

    def __new__(cls, *args: object, **kwargs: object) -> dtype:
        raise TypeError("cannot create 'torch.dtype' instances; use one such as torch.float32")

    def __init_subclass__(cls, **kwargs: object) -> NoReturn:
        raise TypeError("type 'torch.dtype' is not an acceptable base type")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        state = "is read-only" if name in self.__slots__ else "does not exist"
        raise AttributeError(f"'torch.dtype' object: attribute {name!r} {state}")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __getattr__(self, name: str) -> Any:
        # The one empty slot is that of an extension type, until it is first asked for.
        if name == "numpy" and self.is_extension:
            return _load_extension(self)
        raise AttributeError(f"'torch.dtype' object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _named, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: object) -> dtype:
        return self

    @property
    def abbr(self) -> str:
        """torch's name for `abbreviation`."""
        return self.abbreviation

    def to_real(self) -> dtype:
        """The type of the real part: float32 for complex64; a real type is its own.

        Source: torch.dtype.to_real

        Example:
            >>> import flambeau as torch
            >>> torch.complex64.to_real()
            torch.float32
        """
        return self._real or self

    def to_complex(self) -> dtype:
        """The complex type whose parts hold this floating type.

        Raises:
            RuntimeError: For a bool or integer type, which has none.

        Source: torch.dtype.to_complex

        Example:
            >>> import flambeau as torch
            >>> torch.float64.to_complex()
            torch.complex128
        """
        if self.category < FLOAT or self.is_alone:
            raise RuntimeError(
                f"Unknown Complex ScalarType for {self.legacy}: only a floating-point type of 16 bits "
                f"or more has one; convert first, for example to torch.float32"
            )
        return self if self.is_complex else _COMPLEX.get(self) or _COMPLEX[BY_NUMPY[self.compute]]


def _named(name: str) -> dtype:
    """The inverse of pickling."""
    if name not in DTYPES:
        return importlib.import_module(f"{__package__}.quantized_dtype").QUANTIZED[name]
    return DTYPES[name]


DTYPES: dict[str, dtype] = {}
"""Every type by its name."""
CONVERSIONS: dict[str, dtype] = {}
"""The types that Tensor has a method for, by its name: "half", "long"."""

_COMPLEX: dict[dtype, dtype] = {}
_COMPUTE = {FLOAT: np.dtype(np.float32), COMPLEX: np.dtype(np.complex64)}
_fill = object.__setattr__


def _define(
    name: str,
    abbreviation: str,
    legacy: str,
    c_name: str,
    category: int,
    itemsize: int,
    conversion: str = "",
    **more: Any,
) -> dtype:
    self: dtype = object.__new__(dtype)
    facts: dict[str, Any] = {
        "name": name,
        "abbreviation": abbreviation,
        "legacy": legacy,
        "c_name": c_name,
        "category": category,
        "itemsize": itemsize,
        "conversion": conversion,
        "is_floating_point": category == FLOAT,
        "is_complex": category == COMPLEX,
        "is_signed": name.startswith("int") or (category >= FLOAT and not name.endswith("nu")),
        "is_alone": category == FLOAT and itemsize == 1,
        "is_barebones": category == INTEGER and not conversion,
        **_limits(category, itemsize, **more),
    }
    facts["is_reduced"] = category >= FLOAT and facts["fraction"] < 23
    if not facts["is_extension"]:
        facts["numpy"] = np.dtype(name)
    facts["compute"] = _COMPUTE[category] if facts["is_reduced"] else facts["numpy"]
    for attribute, value in facts.items():
        _fill(self, attribute, value)
    if self._real is not None:
        _COMPLEX[self._real] = self
    if conversion:
        CONVERSIONS[conversion] = self
    return DTYPES.setdefault(name, self)


def _limits(
    category: int,
    itemsize: int,
    fraction: int = 0,
    bias: int = 0,
    largest: float | None = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    dlpack: int | None = None,
    prepare: Callable[[Any], Any] | None = None,
    is_extension: bool | None = None,
    real: dtype | None = None,
) -> dict[str, Any]:
    """The facts that only some types have; a complex type has those of its parts.

    largest: Where a type spends patterns of bits otherwise than IEEE 754 does.
    dlpack: The code of a type that ml_dtypes adds to NumPy.
    is_extension: Does ml_dtypes add it? Said of a type that has no such code.
    """
    if is_extension is None:
        is_extension = dlpack is not None
    if real is not None:
        names = ("fraction", "bias", "largest", "rtol", "atol")
        shared = {name: getattr(real, name) for name in names}
        extension = {"dlpack": dlpack, "is_extension": is_extension, "prepare": None}
        return {**shared, **extension, "_real": real}
    if largest is None:
        largest = (2.0 - 2.0**-fraction) * 2.0**bias
    return {
        "fraction": fraction,
        "bias": bias,
        "largest": largest,
        "rtol": rtol,
        "atol": atol,
        "dlpack": dlpack,
        "is_extension": is_extension,
        "prepare": prepare,
        "_real": None,
    }


def _saturated(x: Any) -> Any:
    """What is too large becomes the largest number, as the type has no infinity."""
    return np.clip(x, -448, 448)


def _magnitude(x: Any) -> Any:
    """A type of powers of two has neither signs nor zero: the smallest stands for it."""
    return np.maximum(np.abs(x), np.float32(2.0**-127))


# fmt: off
bool_ = _define("bool", "b8", "Bool", "bool", BOOL, 1, "bool")
uint8 = _define("uint8", "u8", "Byte", "unsigned char", INTEGER, 1, "byte")
uint16 = _define("uint16", "u16", "UInt16", "short unsigned int", INTEGER, 2)
uint32 = _define("uint32", "u32", "UInt32", "unsigned int", INTEGER, 4)
uint64 = _define("uint64", "u64", "UInt64", "long unsigned int", INTEGER, 8)
int8 = _define("int8", "i8", "Char", "signed char", INTEGER, 1, "char")
int16 = _define("int16", "i16", "Short", "short int", INTEGER, 2, "short")
int32 = _define("int32", "i32", "Int", "int", INTEGER, 4, "int")
int64 = _define("int64", "i64", "Long", "long int", INTEGER, 8, "long")
float16 = _define("float16", "f16", "Half", "c10::Half", FLOAT, 2, "half",
                  fraction=10, bias=15, rtol=1e-3, atol=1e-5)
bfloat16 = _define("bfloat16", "bf16", "BFloat16", "c10::BFloat16", FLOAT, 2, "bfloat16",
                   fraction=7, bias=127, rtol=1.6e-2, atol=1e-5, dlpack=4)
float32 = _define("float32", "f32", "Float", "float", FLOAT, 4, "float",
                  fraction=23, bias=127, rtol=1.3e-6, atol=1e-5)
float64 = _define("float64", "f64", "Double", "double", FLOAT, 8, "double",
                  fraction=52, bias=1023, rtol=1e-7, atol=1e-7)
float8_e4m3fn = _define("float8_e4m3fn", "f8e4m3fn", "Float8_e4m3fn", "c10::Float8_e4m3fn", FLOAT, 1,
                        fraction=3, bias=7, largest=448.0, rtol=0.125, atol=1e-5, dlpack=10,
                        prepare=_saturated)
float8_e4m3fnuz = _define("float8_e4m3fnuz", "f8e4m3fnuz", "Float8_e4m3fnuz", "c10::Float8_e4m3fnuz",
                          FLOAT, 1, fraction=3, bias=8, largest=240.0, rtol=0.125, atol=1e-5, dlpack=11)
float8_e5m2 = _define("float8_e5m2", "f8e5m2", "Float8_e5m2", "c10::Float8_e5m2", FLOAT, 1,
                      fraction=2, bias=15, rtol=0.25, atol=1e-5, dlpack=12)
float8_e5m2fnuz = _define("float8_e5m2fnuz", "f8e5m2fnuz", "Float8_e5m2fnuz", "c10::Float8_e5m2fnuz",
                          FLOAT, 1, fraction=2, bias=16, largest=57344.0, rtol=0.25, atol=1e-5, dlpack=13)
float8_e8m0fnu = _define("float8_e8m0fnu", "f8e8m0fnu", "Float8_e8m0fnu", "c10::Float8_e8m0fnu", FLOAT, 1,
                         bias=127, largest=2.0**127, dlpack=14, prepare=_magnitude)
complex32 = _define("complex32", "c32", "ComplexHalf", "c10::complex<c10::Half>", COMPLEX, 4, "chalf",
                    real=float16, dlpack=5)
bcomplex32 = _define("bcomplex32", "bc32", "BComplex32", "c10::complex<c10::BFloat16>", COMPLEX, 4,
                     real=bfloat16, is_extension=True)
complex64 = _define("complex64", "c64", "ComplexFloat", "c10::complex<float>", COMPLEX, 8, "cfloat",
                    real=float32)
complex128 = _define("complex128", "c128", "ComplexDouble", "c10::complex<double>", COMPLEX, 16,
                     "cdouble", real=float64)
# fmt: on

ALIASES: dict[str, dtype] = {
    name: item
    for name, item in CONVERSIONS.items()
    if name not in ("bool", "byte", "char", item.name)
}
"""torch's second names of types: half, long."""

PYTHON: dict[type, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}
"""The types that Python's own number types stand for where a dtype is asked for."""


# -- NumPy's types ---------------------------------------------------------------------------------


class _ByNumpy(dict[Any, dtype]):
    """{NumPy type: dtype}; what is not found at once is a spelling, an extension type or an error."""

    def __missing__(self, key: Any) -> dtype:
        held = np.dtype(key)
        known = DTYPES.get(held.name)
        if known is not None and known.is_extension:
            _load_extension(known)
        if held in self:
            return self[held]
        if not held.isnative:
            raise ValueError(
                "given numpy array has byte order different from the native byte order. Conversion "
                "between byte orders is currently not supported; convert the array with "
                "array.astype(array.dtype.newbyteorder('='))."
            )
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{held.type.__name__}. The only supported "
            f"types are: {', '.join(_NUMPY_NAMES)}, and bool."
        )


def _place_in_message(item: dtype) -> tuple[int, int]:
    """Where torch's message lists a type, which programs may match."""
    if item.category == INTEGER:
        return 2 + (not item.is_signed), -item.itemsize
    return (0, -item.itemsize) if item.category == FLOAT else (1, item.itemsize)


_OF_NUMPY = [item for item in DTYPES.values() if not item.is_extension]
_NUMPY_NAMES = [item.name for item in sorted(_OF_NUMPY, key=_place_in_message) if item is not bool_]

BY_NUMPY = _ByNumpy({item.numpy: item for item in _OF_NUMPY})
"""`BY_NUMPY[array.dtype]` is `from_numpy(array.dtype)` without a Python call."""


PREPARE: dict[Any, Callable[[Any], Any]] = {}
"""{NumPy type: its `dtype.prepare`} of the extension types that were met and have one."""


def _load_extension(item: dtype) -> np.dtype[Any]:
    """NumPy has no bfloat16; ml_dtypes adds it, at 9 ms, so it is imported at the first use."""
    held: np.dtype[Any] = np.dtype(getattr(importlib.import_module("ml_dtypes"), item.name))
    _fill(item, "numpy", held)
    BY_NUMPY[held] = item
    if item.prepare is not None:
        PREPARE[held] = item.prepare
    return held


def is_complex(held: np.dtype[Any]) -> bool:
    """Whether elements of a NumPy type are complex; that of ml_dtypes says "W" of itself."""
    return held.kind in "cW"


def widened(array: Any) -> Any:
    """An array of an extension type in the type of its arithmetic, which NumPy knows; others as they are."""
    return array.astype(BY_NUMPY[array.dtype].compute) if array.dtype.isbuiltin == 2 else array


def convertible(array: Any, target: Any) -> Any:
    """An array as ``astype(target)`` is to find it: real for a real type, prepared where that is needed."""
    if array.dtype.kind in "cW":
        array = widened(array) if is_complex(target) or target.kind == "b" else real_of(array)
    if PREPARE and target in PREPARE:  # empty until such a type is met; a dtype's hash takes long
        return PREPARE[target](widened(array).astype(np.float32))
    return array


def real_of(array: Any) -> Any:
    """The real parts; the array itself if it is real."""
    return widened(array).real if is_complex(array.dtype) else array


def from_numpy(numpy_dtype: Any) -> dtype:
    """The type that holds the elements of a NumPy array.

    Args:
        numpy_dtype: A `numpy.dtype`, or what `numpy.dtype` takes.

    Raises:
        TypeError: Tensors cannot hold such elements (objects, strings, dates).
        ValueError: The byte order is not the machine's own.
    """
    return BY_NUMPY[numpy_dtype]


# -- torch's old tensor classes --------------------------------------------------------------------

LEGACY: dict[str, dtype] = {f"{item.legacy}Tensor": item for item in DTYPES.values()}
"""{"FloatTensor": float32, ...}: the classes that stood for types before dtypes did."""


def legacy_name(dtype: dtype, device_type: str) -> str:
    """What `Tensor.type()` answers: "torch.FloatTensor", "torch.cuda.FloatTensor"."""
    module = "torch" if device_type == "cpu" else f"torch.{device_type}"
    return f"{module}.{dtype.legacy}Tensor"


def parse_legacy_name(name: str) -> tuple[dtype, str]:
    """The type and the type of device that "torch.cuda.FloatTensor" stands for.

    Raises:
        ValueError: There is no such class.
    """
    if name == "torch.Tensor":
        return state.default, "cpu"
    module, _, last = name.rpartition(".")
    root, _, device_type = module.partition(".")
    if root != "torch" or last not in LEGACY:
        raise ValueError(
            f"invalid type: {name!r}; expected torch.<Type>Tensor or torch.<device>.<Type>Tensor, "
            f"where <Type> is one of {', '.join(item.legacy for item in DTYPES.values())}"
        )
    return LEGACY[last], device_type or "cpu"


# -- The default -----------------------------------------------------------------------------------


class _State:
    """What the whole process shares. Fast code reads `state.default`.

    kind: The kind of what factories make when nothing is said, where that is the same in all
        threads: until a thread sets a default device, and then None.
    dependents: Called when the default changes, to forget what was made for the one before.
    """

    __slots__ = ("default", "default_complex", "dependents", "kind", "one_device")

    def __init__(self) -> None:
        self.dependents: list[Callable[[], None]] = []
        self.default = float32
        self.default_complex = complex64
        self.kind: Any = None
        self.one_device = True

    def devices_differ(self) -> None:
        """From now on, what factories make depends on the thread that asks."""
        self.one_device = False
        self.kind = None


state = _State()


def get_default_dtype() -> dtype:
    """The floating type that factories and Python numbers take when none is given.

    Source: torch.get_default_dtype

    Example:
        >>> import flambeau as torch
        >>> torch.get_default_dtype()
        torch.float32
    """
    return state.default


def set_default_dtype(d: dtype, /) -> None:
    """Set the floating type that factories and Python numbers take when none is given.

    Python complex numbers take the complex type of the same precision; with bfloat16, as with float32,
    complex64. The default belongs to the process: all threads see the change.

    Args:
        d: A floating-point type.

    Raises:
        TypeError: `d` is no dtype, or not a floating-point one.

    Source: torch.set_default_dtype

    Example:
        >>> import flambeau as torch
        >>> torch.set_default_dtype(torch.float64)
        >>> torch.tensor(1.5).dtype
        torch.float64
        >>> torch.set_default_dtype(torch.float32)
    """
    if not isinstance(d, dtype):
        raise TypeError(
            f"invalid dtype object: only floating-point types are supported as the default type, "
            f"not {d!r}; pass one such as torch.float64"
        )
    if not d.is_floating_point:
        raise TypeError(
            f"only floating-point types are supported as the default type, not {d}; pass one "
            f"such as torch.float64"
        )
    if d.is_alone:
        raise TypeError(
            f"couldn't find storage object {d.legacy}Storage: a type of eight bits cannot be the default; "
            f"pass one such as torch.float32, and convert with x.to({d})"
        )
    state.default, state.kind = d, None
    state.default_complex = complex64 if d is bfloat16 else d.to_complex()
    for forget in state.dependents:
        forget()


# -- Limits ----------------------------------------------------------------------------------------


def _checked(function: str, given: Any) -> dtype:
    if isinstance(given, dtype):
        return given
    raise TypeError(
        f"{function}(): argument 'type' (position 1) must be torch.dtype, "
        f"not {type(given).__name__}; pass one such as torch.float32"
    )


class finfo:
    """The numeric limits of a floating-point type.

    Args:
        type: A floating or complex type; a complex one has the limits of its parts. Without it, the
            default type.

    Attributes:
        dtype: The real type's name.
        bits: Bits of a number.
        eps: The step from 1 to the next larger number.
        max: The largest number.
        min: The smallest, `-max`.
        smallest_normal: The smallest positive number held with full precision; also called `tiny`.
        resolution: One unit of the last decimal digit that the type always keeps.

    Raises:
        TypeError: `type` is no dtype, or not a floating one.

    Source: torch.finfo

    Example:
        >>> import flambeau as torch
        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        given = state.default if type is None else _checked("finfo", type)
        if given.category < FLOAT:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo for {given}"
            )
        real = given.to_real()
        self.dtype: str = real.name
        self.bits: int = real.itemsize * 8
        self.eps: float = 2.0**-real.fraction
        self.max: float = real.largest
        self.min: float = -self.max
        self.smallest_normal: float = 2.0 ** (1 - real.bias)
        self.tiny: float = self.smallest_normal
        self.resolution: float = float(f"1e-{math.floor(real.fraction * math.log10(2))}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        values = "".join(f"{name}={getattr(self, name):g}, " for name in shown)
        return f"finfo({values}dtype={self.dtype})"


class iinfo:
    """The numeric limits of an integer type.

    Args:
        type: An integer type.

    Attributes:
        dtype: The type's name.
        bits: Bits of a number.
        max: The largest number.
        min: The smallest.

    Raises:
        TypeError: `type` is no dtype, or not an integer one.

    Source: torch.iinfo

    Example:
        >>> import flambeau as torch
        >>> torch.iinfo(torch.int8).min
        -128
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        given = _checked("iinfo", type)
        if given is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo; it holds False and True")
        if given.category != INTEGER:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo for {given}"
            )
        self.dtype: str = given.name
        self.bits: int = given.itemsize * 8
        self.max: int = 2 ** (self.bits - given.is_signed) - 1
        self.min: int = -self.max - 1 if given.is_signed else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
