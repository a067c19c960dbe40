"""assert_close: are results what was expected, within tolerances that suit their dtype?"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.dtype import BY_NUMPY, PYTHON, dtype, int64
from ..core.promotion import promote_types
from ..core.sparse import COO, INDEX_NAMES, SparseTensor
from ..core.tensor import Tensor


class Options(NamedTuple):
    """What a comparison goes by."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool


class Mismatch(Exception):
    """What differs, and where in nested containers it stands."""

    def __init__(self, text: str, path: tuple = ()) -> None:
        super().__init__(text)
        self.text, self.path = text, path

    def message(self) -> str:
        where = "".join(f"[{key!r}]" for key in self.path)
        return self.text + (f"\n\nThe failure occurred for item {where}" if where else "")


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere.

    Args:
        actual: Tensors, arrays, numbers, or sequences or mappings of them.
        expected: What they should be.
        allow_subclasses: False: both sides must be of exactly the same class.
        rtol: Relative tolerance; by default one for the dtype. Give both or none.
        atol: Absolute tolerance.
        equal_nan: Is nan equal to nan?
        check_device: Must the devices agree?
        check_dtype: Must the dtypes? If not, values are compared in the common one.
        check_layout: Must the layouts?
        check_stride: Must the strides?
        msg: The error's message instead, or a function that makes one of it.

    Raises:
        AssertionError: They differ.
        ValueError: One of rtol and atol is given without the other.
        TypeError: There is no way to compare such objects.

    Source: torch.testing.assert_close

    Example:
        >>> import flambeau as torch
        >>> torch.testing.assert_close(torch.tensor(1.), torch.tensor(1.000001))
    """
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    options = Options(rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    try:
        _compare(actual, expected, options, allow_subclasses, ())
    except Mismatch as difference:
        text = difference.message()
        if msg is not None:
            text = msg(text) if callable(msg) else msg
        raise AssertionError(text) from None


def _compare(actual: Any, expected: Any, options: Options, subclasses: bool, path: tuple) -> None:
    if not subclasses and type(actual) is not type(expected):
        _unable(actual, expected)
    both = (actual, expected)
    try:
        if _are(both, Mapping):
            _compare_mappings(actual, expected, options, subclasses, path)
        elif _are(both, Sequence) and not any(isinstance(x, str) for x in both):
            _compare_sequences(actual, expected, options, subclasses, path)
        elif actual is None or expected is None:
            if actual is not expected:
                raise Mismatch(f"None mismatch: {actual} is not {expected}", path)
        elif _are(both, Tensor):
            _compare_tensors(actual, expected, options)
        elif _are(both, np.ndarray):
            _compare_arrays(actual, expected, options)
        elif _are(both, (bool, np.bool_)):
            if bool(actual) is not bool(expected):
                raise Mismatch(f"Booleans mismatch: {actual} is not {expected}")
        elif _are(both, (int, float, complex, np.number)):
            _compare_numbers(actual, expected, options)
        else:
            _unable(actual, expected)
    except Mismatch as difference:
        raise Mismatch(difference.text, difference.path or path) from None


def _are(both: tuple, classes: Any) -> bool:
    return all(isinstance(x, classes) for x in both)


def _unable(actual: Any, expected: Any) -> None:
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    )


def _compare_sequences(
    actual: Any, expected: Any, options: Options, subclasses: bool, path: tuple
) -> None:
    if len(actual) != len(expected):
        raise Mismatch(
            f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path
        )
    for i, (a, b) in enumerate(zip(actual, expected)):
        _compare(a, b, options, subclasses, (*path, i))


def _compare_mappings(
    actual: Any, expected: Any, options: Options, subclasses: bool, path: tuple
) -> None:
    missing = sorted(set(expected) - set(actual), key=str)
    additional = sorted(set(actual) - set(expected), key=str)
    if missing or additional:
        raise Mismatch(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {missing}\n"
            f"Additional keys in the actual mapping: {additional}",
            path,
        )
    for key in expected:
        _compare(actual[key], expected[key], options, subclasses, (*path, key))


def _differs(what: str, a: Any, b: Any) -> Mismatch:
    return Mismatch(f"The values for attribute '{what}' do not match: {a} != {b}.")


def _compare_tensors(actual: Tensor, expected: Tensor, options: Options) -> None:
    if actual.shape != expected.shape:
        raise _differs("shape", actual.shape, expected.shape)
    layouts = [getattr(x, "layout", None) for x in (actual, expected)]
    if options.check_layout and layouts[0] != layouts[1]:
        raise _differs("layout", *layouts)
    if options.check_device and actual.device != expected.device:
        raise _differs("device", actual.device, expected.device)
    if options.check_dtype and actual.dtype is not expected.dtype:
        raise _differs("dtype", actual.dtype, expected.dtype)
    if options.check_stride and actual.stride() != expected.stride():
        raise _differs("stride()", actual.stride(), expected.stride())
    dtypes = actual.dtype, expected.dtype
    a, b = actual.detach().cpu(), expected.detach().cpu()
    if isinstance(a, SparseTensor) or isinstance(b, SparseTensor):
        _compare_sparse(a, b, options)
        return
    if a.dtype is not b.dtype:
        common = promote_types(a.dtype, b.dtype)
        a, b = a.to(common), b.to(common)
    _compare_values(a._array, b._array, _tolerances(dtypes, options), options.equal_nan)


def _compare_sparse(a: Tensor, b: Tensor, options: Options) -> None:
    """The indices exactly, the values as closely as is asked; of two layouts, all elements."""
    if not (isinstance(a, SparseTensor) and isinstance(b, SparseTensor) and a.layout is b.layout):
        _compare_tensors(a.to_dense(), b.to_dense(), options)
        return
    if a.layout is COO:
        a, b = a.coalesce(), b.coalesce()
    title = " ".join(a.layout.name.split("_")[:1]).capitalize() + f" {a.layout.name[7:].upper()}"
    if a._nnz() != b._nnz():
        raise Mismatch(
            f"The number of specified values in {title.lower()[:7]}{title[7:]} tensors does not match: "
            f"{a._nnz()} != {b._nnz()}"
        )
    exact = options._replace(rtol=0.0, atol=0.0)
    names = INDEX_NAMES[a.layout]
    parts = zip((*names, "values"), _parts(a), _parts(b))
    for name, x, y in parts:
        try:
            _compare_tensors(x, y, options if name == "values" else exact)
        except Mismatch as difference:
            text = difference.text.replace("Tensor-likes", f"{title} {name}", 1)
            raise Mismatch(text, difference.path) from None


def _parts(x: Tensor) -> tuple[Tensor, ...]:
    return (*x._array.pattern.indices, x._array.values)


def _compare_arrays(actual: np.ndarray, expected: np.ndarray, options: Options) -> None:
    if actual.shape != expected.shape:
        raise _differs("shape", actual.shape, expected.shape)
    if options.check_dtype and actual.dtype != expected.dtype:
        raise _differs("dtype", actual.dtype, expected.dtype)
    dtypes = BY_NUMPY[actual.dtype], BY_NUMPY[expected.dtype]
    _compare_values(actual, expected, _tolerances(dtypes, options), options.equal_nan)


def _tolerances(dtypes: tuple[dtype, ...], options: Options) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    return max(item.rtol for item in dtypes), max(item.atol for item in dtypes)


def _wide(x: np.ndarray) -> np.ndarray:
    """In a type in which differences do not overflow and are not rounded."""
    if x.dtype.kind in "bui":
        return x.astype(object) if x.dtype.itemsize == 8 else x.astype(np.int64)
    return x.astype(BY_NUMPY[x.dtype].compute, copy=False)


def _compare_values(
    a: np.ndarray, b: np.ndarray, tolerances: tuple[float, float], equal_nan: bool
) -> None:
    rtol, atol = tolerances
    if not a.ndim:
        _close_numbers(_python(a[()]), _python(b[()]), rtol, atol, equal_nan)
        return
    equal = np.asarray(a == b)
    if equal_nan:
        equal |= (a != a) & (b != b)
    if equal.all():
        return
    x, y = _wide(a), _wide(b)
    with np.errstate(all="ignore"):
        gap = np.abs(x - y)
        near = equal
        if rtol or atol:
            near = equal | (np.isfinite(y) & (gap <= atol + rtol * np.abs(y)))
        if near.all():
            return
        size = np.abs(y).astype(np.float64)
        share = (gap.astype(np.float64) / size).astype(
            np.float64 if a.dtype.itemsize == 8 and a.dtype.kind == "f" else np.float32
        )
    raise Mismatch(_report(gap, share, near, rtol, atol))


def _report(gap: np.ndarray, share: np.ndarray, near: np.ndarray, rtol: float, atol: float) -> str:
    loose = bool(rtol or atol)
    wrong = int((~near).sum())
    gap = np.where(near, 0, gap)
    share = np.where(near, share.dtype.type(0), share)
    lines = [
        f"Tensor-likes are not {'close' if loose else 'equal'}!\n",
        f"Mismatched elements: {wrong} / {near.size} ({wrong / near.size:.1%})",
    ]
    for what, values, allowed in (("absolute", gap, atol), ("relative", share, rtol)):
        flat = int(np.argmax(values.astype(np.float64)))
        at = tuple(int(i) for i in np.unravel_index(flat, values.shape))
        value = values.reshape(-1)[flat]
        line = f"Greatest {what} difference: {_python(value)} at index {at}"
        lines.append(line + (f" (up to {allowed} allowed)" if loose else ""))
    return "\n".join(lines)


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _compare_numbers(actual: Any, expected: Any, options: Options) -> None:
    kinds = type(_python(actual)), type(_python(expected))
    if options.check_dtype and kinds[0] is not kinds[1]:
        raise Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    dtypes = tuple(PYTHON.get(kind, int64) for kind in kinds)
    rtol, atol = _tolerances(dtypes, options)
    _close_numbers(_python(actual), _python(expected), rtol, atol, options.equal_nan)


def _close_numbers(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> None:
    if a == b or (equal_nan and a != a and b != b):
        return
    gap = abs(a - b)
    if cmath.isfinite(b) and gap <= atol + rtol * abs(b):
        return
    loose = bool(rtol or atol)
    share = gap / abs(b) if b else float("inf") if gap else float("nan")
    lines = [
        f"Scalars are not {'close' if loose else 'equal'}!\n",
        f"Expected {b} but got {a}.",
        f"Absolute difference: {gap}" + (f" (up to {atol} allowed)" if loose else ""),
        f"Relative difference: {share}" + (f" (up to {rtol} allowed)" if loose else ""),
    ]
    raise Mismatch("\n".join(lines))
