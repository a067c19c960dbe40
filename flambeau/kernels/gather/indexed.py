"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``.

What a key means is a `Plan` (`plan.py`); `loops.py` writes the loops of one, `rows.py` those of whole runs
at one index array. Indices may be changed by other threads, or lie in the memory that is written: a kernel checks
each where it is used, and is given copies of those in the target's memory; NumPy is given copies of all.

A fresh result is made and written in one pass; where an index is wrong, the result is dropped. Before an
array that others see is written, all indices are checked, so that a failure leaves it as it was.

Additions to one place happen in the order of the key on any number of threads: they share the work only where
different parts of it belong to different places. Those of half types happen in float32 (`part.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_shapes, ufunc_at
from ..array import compress, few
from ..array.copy import contiguous, in_order
from ..runtime import memory
from ..runtime.process import enabled
from . import along, flat, rows
from .bounds import natural, outside, within
from .loops import Loops, by_parts
from .part import WIDE, cast, is_half, part_of
from .plan import Along, Plan, named, plan_of

SMALL = 1024
"""Elements, of the largest index array or of what the key means, up to which NumPy takes less time."""
_SIZES = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    if len(key) == 1 and key[0].__class__ is np.ndarray and key[0].dtype.kind == "b":
        return compress.selected(x, key[0])
    if enabled():
        made = along.taken(x, key)
        if made is None:
            made = _taken_flat(x, key)
        if made is not None:
            return made
        if len(key) == 1 and key.__class__ is not Along and key[0].__class__ is np.ndarray:
            index = key[0]
            if index.ndim > 1 and x.__class__ is np.ndarray:
                made = take(x, key.__class__((index.reshape(-1),)))
                return made.reshape(index.shape + x.shape[1:])
    if _is_large(x, key) and x.itemsize in _SIZES and enabled():
        if len(key) == 1 and x.__class__ is np.ndarray and rows.reads(x, key[0]):
            return _take_rows(x, key[0], key.__class__ is tuple)
        plan = plan_of(x, key)
        if plan is not None:
            made = memory.empty(plan.shape, x.dtype)
            _fresh(plan, "take", _SIZES[x.itemsize], x, made, "")
            return made
    return _take_by_numpy(x, key)


def add_at(x: Any, key: tuple, values: Any) -> None:
    """``np.add.at(x, key, values)``: repeated indices add again; nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    if is_half(x.dtype):
        part = part_of(x, key, WIDE)
        add_at(part.array, part.key, cast(part.fitted(values), WIDE))
        part.store()
        return
    if x.dtype == bool:
        combine_at("maximum", x, key, values)
        return
    if along.write_at("add", x, key, values) or flat.write("add", x, key, values):
        return
    plan = _plan(x, key, values, True)
    if plan is None or not _write(plan, True, x, values):
        _add_by_numpy(x, own(key), values)


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts. Nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    if along.write_at("put", x, key, values) or flat.write("put", x, key, values):
        return
    plan = _plan(x, key, values, False)
    if plan is None or not _write(plan, False, x, values):
        x[own(key)] = values


def combine_at(how: str, x: Any, key: tuple, values: Any) -> None:
    """Each value combined with the element at its index, repeated ones one after the other.

    Args:
        how: The name of NumPy's function: "multiply", "maximum" or "minimum"; or "add", as `add_at` does it.

    Raises:
        IndexError: An index is out of range.
    """
    if how == "add":
        add_at(x, key, values)
        return
    if x.dtype == bool:  # sums are "or", products "and", and bytes of 0 and 1 have both as extremes
        how = "minimum" if how == "multiply" else how
        x, values = x.view(np.int8), np.asarray(values, bool).view(np.int8)
    if not (along.write_at(how, x, key, values) or flat.write(how, x, key, values)):
        ufunc_at(getattr(np, how), x, own(key), values)


def placed(x: Any, key: tuple, values: Any, add: bool) -> Any:
    """A copy of x in which `values` are written, or added, at the key.

    Raises:
        IndexError: An index is out of range.
    """
    if not (add and is_half(x.dtype)):
        made = along.made(x, x.shape, key, values, add)
        if made is not None:
            return made
    apart = x.flags.c_contiguous and not (add and is_half(x.dtype))
    plan = _plan(x, key, values, add) if apart else None
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
    if is_half(values.dtype):
        return cast(spread(shape, key, cast(values, WIDE)), values.dtype)
    if key.__class__ is Along and values.size <= few.MOST and enabled():
        made = few.add_back(values, key.dim, shape[key.dim], key.index)  # type: ignore[attr-defined]
        if made is not NotImplemented and made.shape == shape:
            return made
    made = along.made(None, shape, key, values, True)
    if made is not None:
        return made
    made = memory.empty(shape, values.dtype)
    plan = _plan(made, key, values, True)
    if plan is None or not _made(plan, True, made, values, None):
        made.fill(0)
        add_at(made, key, values)
    return made


def own(key: tuple) -> tuple:
    """A key as NumPy is given it: of arrays that nobody else writes to, and with no index that is wrong only here.

    Raises:
        IndexError: An index is negative that must not be.
    """
    copies = [item.copy() if item.__class__ is np.ndarray else item for item in key]
    if key.__class__ is not tuple:
        at = key.dim if key.__class__ is Along else None  # type: ignore[attr-defined]
        for index in copies if at is None else (copies[at],):
            if index.__class__ is np.ndarray and not natural(index):
                raise IndexError("an index is negative")
    return tuple(copies)


def _taken_flat(x: Any, key: tuple) -> Any:
    """`take` at several index arrays; None where it is not for this."""
    found = flat.flattened(x, key)
    if found is None:
        return None
    rows, index = found
    made = along.taken(rows, (index,))
    if made is None and rows.ndim > 1:
        made = _take_rows(rows, index, False) if rows.itemsize in _SIZES else None
    return None if made is None else made.reshape(key[0].shape + rows.shape[1:])


def _is_large(x: Any, key: tuple) -> bool:
    """Does the key mean many elements, as far as the sizes tell?"""
    for item in key:
        if item.__class__ is np.ndarray and item.size > SMALL:
            return True
    return named(x, key) > SMALL


def _element(dtype: Any, add: bool) -> str | None:
    """What a kernel sees in an array; None for what it is not made for."""
    return along.NUMBERS.get(f"{dtype.kind}{dtype.itemsize}") if add else _SIZES.get(dtype.itemsize)


def _plan(x: Any, key: tuple, values: Any, add: bool) -> Plan | None:
    if not (values.size > SMALL or _is_large(x, key)) or values.dtype != x.dtype:
        return None
    return plan_of(x, key) if _element(x.dtype, add) else None


def _take_by_numpy(x: Any, key: tuple) -> Any:
    index = key[0] if len(key) == 1 else None
    if (
        index.__class__ is np.ndarray
        and index.ndim
        and index.dtype.kind == "i"
        and key.__class__ is tuple
        and x.size
        and x.flags.c_contiguous
    ):
        return x.take(index, 0)  # which checks each index where it is used
    found = x[own(key)]
    return found if found.flags.c_contiguous else found.copy(order="C")


def _add_by_numpy(x: Any, key: tuple, values: Any) -> None:
    if len(key) == 1 and x.ndim == 1:
        np.add.at(x, key[0], values)
    elif values.size > 300 and values.size * 4 > x.size and x.flags.c_contiguous:
        # NumPy adds several times faster by positions in one dimension.
        places = np.arange(x.size).reshape(x.shape)[key]
        np.add.at(
            x.reshape(-1), places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1)
        )
    else:
        ufunc_at(np.add, x, key, values)


# --------------------------------------------------------------------------------------- running


def _take_rows(x: Any, index: Any, signed: bool) -> Any:
    made = memory.empty(index.shape + x.shape[1:], x.dtype)
    element = _SIZES[x.itemsize]
    if rows.take(element, x, index, made, False) and not (
        signed and not rows.take(element, x, index, made, True)
    ):
        raise outside(x.shape[:1])
    return made


def _fresh(plan: Plan, how: str, element: str, x: Any, other: Any, start: str, *old: Any) -> None:
    """Run loops that make an array. Negative indices are not expected: finding one, it runs again.

    Raises:
        IndexError: An index is out of range.
    """
    loops = Loops(plan, how, start)
    if loops.run(element, x, other, False, *old) and not (
        plan.signed and not loops.run(element, x, other, True, *old)
    ):
        raise outside(plan.sizes)


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
    """Write at a key into an array that others see; False where that is for NumPy."""
    if not x.flags.writeable or broadcast_shapes(values.shape, plan.shape) != plan.shape:
        return False
    if np.may_share_memory(x, values):
        values = values.copy()
    plan.indices = [i.copy() if np.may_share_memory(x, i) else i for i in plan.indices]
    how, element = "add" if add else "put", str(_element(x.dtype, add))
    signs = _checked(plan)
    if rows.fits(plan, x):
        rows.write(plan, how, element, x, values, signs, "")
    else:
        values = in_order(np.broadcast_to(values, plan.shape))
        if Loops(plan, how, "").run(element, x, values, signs):
            raise outside(plan.sizes)  # another thread has changed an index since they were checked
    return True


def _checked(plan: Plan) -> bool:
    """Are there negative indices? Raises IndexError where one is out of range."""
    signs = False
    for array, size in zip(plan.indices, plan.sizes):
        if not within(array, 0, size):
            if not plan.signed or not within(array, -size, size):
                raise outside(plan.sizes)
            signs = True
    return signs
