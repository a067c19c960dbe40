"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``."""

from __future__ import annotations

from typing import Any

from ...gather.bounds import outside
from ...gather.part import WIDE, is_half
from ...gather.plan import Along, Unsigned
from .. import driver


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    return driver.cupy().ascontiguousarray(x[_checked(x, key)])


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts. Nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    x[_checked(x, key)] = values


def add_at(x: Any, key: tuple, values: Any) -> None:
    """``np.add.at(x, key, values)``: repeated indices add again; nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    if is_half(x.dtype):
        wide = x.astype(WIDE)
        add_at(wide, key, values.astype(WIDE))
        x[...] = wide.astype(x.dtype)
        return
    driver.cupy().add.at(x, _checked(x, key), values)


def placed(x: Any, key: tuple, values: Any, add: bool) -> Any:
    """A copy of x in which `values` are written, or added, at the key.

    Raises:
        IndexError: An index is out of range.
    """
    made = x.copy(order="C")
    (add_at if add else put_at)(made, key, values)
    return made


def spread(shape: tuple[int, ...], key: tuple, values: Any) -> Any:
    """Zeros to which `values` are added at the key.

    Raises:
        IndexError: An index is out of range.
    """
    if is_half(values.dtype):
        return spread(shape, key, values.astype(WIDE)).astype(values.dtype)
    made = driver.cupy().zeros(shape, values.dtype)
    add_at(made, key, values)
    return made


def own(key: tuple) -> tuple:
    """A key as CuPy is given it."""
    return _along(key) if key.__class__ is Along else tuple(key)


def _checked(x: Any, key: tuple) -> tuple:
    """A key as CuPy is given it, whose indices are in range.

    Raises:
        IndexError: One is not.
    """
    signs = not isinstance(key, Unsigned)
    dims, at = own(key), 0
    for item in dims:
        kind = getattr(getattr(item, "dtype", None), "kind", None)
        if kind in ("i", "u") and item.size:
            size = x.shape[at]
            if bool(((item < -size * signs) | (item >= size)).any()):
                raise outside((size,))
        at += item.ndim if kind == "b" else item is not None
    return dims


def _along(key: Along) -> tuple:
    xp, shape = driver.cupy(), key.index.shape
    places: list[Any] = [
        xp.arange(n).reshape((1,) * i + (n,) + (1,) * (len(shape) - 1 - i))
        for i, n in enumerate(shape)
    ]
    places[key.dim] = key.index
    return tuple(places)
