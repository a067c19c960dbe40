"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``.

What a key means is a `Plan` (`plan.py`); `loops.py` writes the loops of one, `rows.py` those of whole runs
at one index array. A fresh result is made and written in one pass, in which indices are checked, too: where
one is wrong, the result is dropped. Before an array that others see is written, all indices are checked.

Additions to one place happen in the order of the key on any number of threads: they share the work only where
different parts of it belong to different places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array import compress
from ..array.copy import contiguous, in_order
from ..llvm import Value
from ..runtime import memory
from ..runtime.entry import Body, kernel
from ..runtime.memory import INT64
from ..runtime.process import enabled, machine
from . import rows
from .loops import Loops, by_parts
from .plan import Along, Plan, Unsigned, plan_of

SMALL = 1024
"""Elements, of the largest index array or of what the key means, up to which NumPy takes less time."""
_LARGEST = (1 << 63) - 1
_SIZES = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
_ADDED = {
    "f4": "float", "f8": "double", "i1": "i8", "u1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
}  # fmt: skip


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    if len(key) == 1 and key[0].__class__ is np.ndarray and key[0].dtype.kind == "b":
        return compress.selected(x, key[0])
    if _is_large(x, key) and x.itemsize in _SIZES and enabled():
        if len(key) == 1 and x.__class__ is np.ndarray and rows.reads(x, key[0]):
            return _take_rows(x, key[0], key.__class__ is tuple)
        plan = plan_of(x, key)
        if plan is not None:
            made = memory.empty(plan.shape, x.dtype)
            _fresh(plan, "take", _SIZES[x.itemsize], x, made, "")
            return made
    _check_unsigned(key)
    found = x[key]
    return found if found.flags.c_contiguous else found.copy(order="C")


def add_at(x: Any, key: tuple, values: Any) -> None:
    """``np.add.at(x, key, values)``: repeated indices add again; nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    plan = _plan(x, key, values, True)
    if plan is None or not _write(plan, True, x, values):
        _check_unsigned(key)
        _add_by_numpy(x, key, values)


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts.

    Raises:
        IndexError: An index is out of range.
    """
    plan = _plan(x, key, values, False)
    if plan is None or not _write(plan, False, x, values):
        _check_unsigned(key)
        x[key] = values


def placed(x: Any, key: tuple, values: Any, add: bool) -> Any:
    """A copy of x in which `values` are written, or added, at the key.

    Raises:
        IndexError: An index is out of range.
    """
    plan = _plan(x, key, values, add) if x.flags.c_contiguous else None
    if plan is not None:
        made = memory.empty(x.shape, x.dtype)
        if _made(plan, add, made, values, x):
            return made
    made = contiguous(x)
    (add_at if add else put_at)(made, key, values)
    return made


def spread(shape: tuple[int, ...], key: tuple, values: Any) -> Any:
    """Zeros to which `values` are added at the key.

    Raises:
        IndexError: An index is out of range.
    """
    made = memory.empty(shape, values.dtype)
    plan = _plan(made, key, values, True)
    if plan is None or not _made(plan, True, made, values, None):
        made.fill(0)
        add_at(made, key, values)
    return made


def within(index: Any, low: int, high: int) -> bool:
    """Are all elements of an int64 array in order at least `low` and less than `high`?"""
    if index.size <= 16 or not enabled():
        return not index.size or bool(low <= index.min() and index.max() < high)
    return not _range()(index, 1, index.size, index.size, 1, *_bounds(low, high - low))


def _check_unsigned(key: tuple) -> None:
    """Raises IndexError where NumPy would take a negative index that the key does not allow."""
    if isinstance(key, Unsigned):
        for index in (key.index,) if key.__class__ is Along else key:
            if index.__class__ is np.ndarray and not _natural(index):
                raise IndexError("an index is negative")


def _natural(index: Any) -> bool:
    """Is no index negative?"""
    if index.dtype is INT64 and index.flags.c_contiguous and index.flags.aligned and enabled():
        return not _range()(index, 1, index.size, index.size, 1, *_bounds(0, _LARGEST))
    return not index.size or bool(index.min() >= 0)


def _is_large(x: Any, key: tuple) -> bool:
    """Does the key mean many elements, as far as the sizes tell?"""
    most, rest, shape = 0, x.size, x.shape
    for i, item in enumerate(key):
        if item.__class__ is np.ndarray:
            if item.size > SMALL:
                return True
            most = max(most, item.size)
            rest //= max(shape[i], 1) if i < len(shape) else 1
    return most * rest > SMALL


def _element(dtype: Any, add: bool) -> str | None:
    """What a kernel sees in an array; None for what it is not made for."""
    return _ADDED.get(f"{dtype.kind}{dtype.itemsize}") if add else _SIZES.get(dtype.itemsize)


def _plan(x: Any, key: tuple, values: Any, add: bool) -> Plan | None:
    if not (values.size > SMALL or _is_large(x, key)) or values.dtype != x.dtype:
        return None
    return plan_of(x, key) if _element(x.dtype, add) else None


def _add_by_numpy(x: Any, key: tuple, values: Any) -> None:
    key = tuple(key)
    if len(key) == 1 and x.ndim == 1:
        np.add.at(x, key[0], values)
    elif values.size > 300 and values.size * 4 > x.size and x.flags.c_contiguous:
        # NumPy adds several times faster by positions in one dimension.
        places = np.arange(x.size).reshape(x.shape)[key]
        np.add.at(
            x.reshape(-1), places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1)
        )
    else:
        np.add.at(x, key, values)


# --------------------------------------------------------------------------------------- running


def _take_rows(x: Any, index: Any, signed: bool) -> Any:
    made = memory.empty(index.shape + x.shape[1:], x.dtype)
    element = _SIZES[x.itemsize]
    if rows.take(element, x, index, made, False) and not (
        signed and not rows.take(element, x, index, made, True)
    ):
        raise _outside(x.shape[:1])
    return made


def _fresh(plan: Plan, how: str, element: str, x: Any, other: Any, start: str, *old: Any) -> None:
    """Run loops that make an array. Negative indices are not expected: finding one, it runs again.

    Raises:
        IndexError: An index is out of range.
    """
    loops = Loops(plan, how, start)
    if not loops.checks:
        loops.run(element, x, other, _checked(plan), False, *old)
    elif loops.run(element, x, other, False, True, *old) and not (
        plan.signed and not loops.run(element, x, other, True, True, *old)
    ):
        raise _outside(plan.sizes)


def _made(plan: Plan, add: bool, made: Any, values: Any, old: Any) -> bool:
    """Begin an array with the old values, or zeros, and write at a key; False where that is not one pass."""
    how = "add" if add else "put"
    element = str(_element(made.dtype, add))
    start, source = ("zero", ()) if old is None else ("copy", (old,))
    if rows.fits(plan, made):
        signs = _checked(plan)
        rows.write(plan, how, element, made, values, signs, start, *source)
    elif by_parts(plan, made):
        values = in_order(np.broadcast_to(values, plan.shape))
        _fresh(plan, how, element, made, values, start, *source)
    else:
        return False
    return True


def _write(plan: Plan, add: bool, x: Any, values: Any) -> bool:
    if not x.flags.writeable or np.may_share_memory(x, values):
        return False
    how, element = "add" if add else "put", str(_element(x.dtype, add))
    if np.broadcast_shapes(values.shape, plan.shape) != plan.shape:
        return False
    signs = _checked(plan)
    if rows.fits(plan, x):
        rows.write(plan, how, element, x, values, signs, "")
    else:
        values = in_order(np.broadcast_to(values, plan.shape))
        Loops(plan, how, "").run(element, x, values, signs, False)
    return True


def _checked(plan: Plan) -> bool:
    """Are there negative indices? Raises IndexError where one is out of range."""
    signs = False
    for array, size in zip(plan.indices, plan.sizes):
        if not within(array, 0, size):
            if not plan.signed or not within(array, -size, size):
                raise _outside(plan.sizes)
            signs = True
    return signs


def _outside(sizes: Sequence[int]) -> IndexError:
    several = " and ".join(str(size) for size in sizes)
    return IndexError(f"an index is out of range for a dimension of size {several}")


class Bounds(NamedTuple):
    """What indices are compared with: they are from `low` on, and so many."""

    low: int
    count: int


@lru_cache(1024)
def _bounds(low: int, count: int) -> Bounds:
    return Bounds(low=low, count=count)


@cache
def _range() -> Callable[..., int]:
    """Reports 1 where an element less `low`, as an unsigned number, is not below `count`."""

    def write(code: Body) -> None:
        lanes = code.lanes
        low, count = code.splat(code.n.low), code.splat(code.n.count)
        found = code.slot(code.vector("i1"), code.constant(0, code.vector("i1")))
        index, whole = code.p["index"], code.begin + ((code.end - code.begin) & -lanes)

        def look(value: Value) -> None:
            outside = (value - low).below(count) ^ 1
            code.store(code.load(found, code.vector("i1")) | outside, found)

        with code.loop(code.begin, whole, lanes) as i:
            look(code.load(code.at(index, "i64", i), code.vector("i64")))
        with code.loop(whole, code.end) as i:
            look(code.splat(code.get(index, "i64", i)))
        bits = code.load(found, code.vector("i1")).cast_to(f"i{lanes}")
        code.report(bits.differs(0).widen("i64"))

    return kernel("within", ("index",), Bounds, write, machine().bits // 64)
