"""Are two results the same, as far as rounding lets them be?"""

from __future__ import annotations

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from .operand import is_floating


class Near(NamedTuple):
    """How near two results have to be.

    Attributes:
        wide, half: Units of the last place, of 32 and more bits and of half types, that a result may be off
        scale: relative to itself and this, a number or one for each element.
        may_overflow: Sums of its operands may be infinite on the way.
    """

    wide: float = 0.0
    half: float = 0.0
    scale: Any = 0.0
    may_overflow: bool = False

    def ulps(self, dtype: np.dtype) -> float:
        return self.half if dtype.itemsize == 2 and is_floating(dtype) else self.wide


EXACT = Near()


def epsilon(dtype: np.dtype) -> float:
    if dtype.name == "complex32":
        return 2.0**-10
    if dtype.kind == "c":
        return float(np.finfo(dtype).eps)
    return float(ml_dtypes.finfo(dtype).eps) if is_floating(dtype) else 0.0


def largest(array: np.ndarray) -> float:
    """The largest finite magnitude."""
    parts = (array.real, array.imag) if array.dtype.kind == "c" else (array,)
    with np.errstate(all="ignore"):
        sizes = [np.abs(part.astype(float)) for part in parts]
    return max(float(size[np.isfinite(size)].max(initial=0.0)) for size in sizes)


def difference(got: Any, want: Any, near: Near) -> str | None:
    """What is wrong with `got`, or None."""
    if not isinstance(got, np.ndarray) or not isinstance(want, np.ndarray):
        return _of_objects(got, want, near)
    if got.shape != want.shape:
        return f"shape {list(got.shape)} for {list(want.shape)}"
    kinds = {_kind(got.dtype), _kind(want.dtype)}
    if kinds == {"exact"}:
        unequal = got != want
        return _shown(got, want, unequal) if unequal.any() else None
    rtol = near.ulps(got.dtype) * max(epsilon(got.dtype), 1e-15)
    if "complex" in kinds:
        with np.errstate(all="ignore"):
            want = want.astype(got.dtype if got.dtype.kind == "c" else complex)
        return _of_complex(got.astype(complex), want.astype(complex), rtol, near)
    floating = _kind(got.dtype) == "float"
    facts = ml_dtypes.finfo(got.dtype if floating else want.dtype)
    top, small = float(facts.max), float(facts.smallest_subnormal)
    return _of_floats(got.astype(float), want.astype(float), rtol, small, top, near)


def _kind(dtype: np.dtype) -> str:
    if dtype.kind == "c" or dtype.name == "complex32":
        return "complex"
    return "float" if is_floating(dtype) else "exact"


def _of_objects(got: Any, want: Any, near: Near) -> str | None:
    if isinstance(got, (float, int)) and isinstance(want, (float, int)):
        return difference(np.asarray(got), np.asarray(want), near)
    if isinstance(got, np.ndarray) or isinstance(want, np.ndarray):
        return f"{got!r} for {want!r}"[:300]
    return None if repr(got) == repr(want) else f"{got!r} for {want!r}"[:300]


def _of_floats(
    g: np.ndarray, w: np.ndarray, rtol: float, small: float, top: float, near: Near
) -> str | None:
    with np.errstate(all="ignore"):
        off = np.abs(g - w) > rtol * (np.abs(w) + near.scale) + 4 * small
        over = np.isinf(g) & (np.abs(w) >= top * (1 - rtol)) & (np.sign(g) == np.sign(w))
        over |= np.isinf(w) & (np.abs(g) >= top * (1 - rtol)) & (np.sign(g) == np.sign(w))
        finite = np.isfinite(g) & np.isfinite(w)
    same = (g == w) | (np.isnan(g) & np.isnan(w)) | over
    if near.may_overflow:
        same |= ~(np.isfinite(g) & np.isfinite(w))
    wrong = np.where(finite, off, ~same)
    return _shown(g, w, wrong) if wrong.any() else None


def _of_complex(g: np.ndarray, w: np.ndarray, rtol: float, near: Near) -> str | None:
    """Numbers with a part that is not finite are the same if both are not finite."""
    finite = np.isfinite(g) & np.isfinite(w)
    with np.errstate(all="ignore"):
        off = np.abs(g - w) > rtol * (np.abs(w) + near.scale) + 1e-37
    other = (
        np.isfinite(g) & ~np.isfinite(w) if near.may_overflow else np.isfinite(g) != np.isfinite(w)
    )
    wrong = np.where(finite, off, other)
    return _shown(g, w, wrong) if wrong.any() else None


def _shown(got: np.ndarray, want: np.ndarray, wrong: np.ndarray) -> str:
    place = tuple(int(i[0]) for i in np.nonzero(wrong)) if got.ndim else ()
    count = int(np.count_nonzero(wrong))
    return f"{count} of {wrong.size} differ, at {list(place)}: {got[place]} for {want[place]}"
