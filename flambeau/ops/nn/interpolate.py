"""nn.functional.interpolate: resizing the last dimensions.

Every mode but the nearest ones is a linear map of each dimension by itself: `Taps` say what each result is
a mixture of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..._caller import warn
from ...core.tensor import Tensor
from ...core.twin import host
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from .taps import Taps, chosen, resampled, stretches

MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}


@host
def positions(size: int, count: int, scale: float | None, aligned: bool) -> Any:
    """Where in the input each result lies."""
    if aligned:
        return np.arange(count) * ((size - 1) / (count - 1) if count > 1 else 0.0)
    return (np.arange(count) + 0.5) * _step(size, count, scale) - 0.5


def _step(size: int, count: int, scale: float | None) -> float:
    return 1 / scale if scale else size / count


@host
def _nearest(size: int, count: int, scale: float | None, exact: bool) -> Any:
    step = np.float32(_step(size, count, scale))
    at = np.arange(count, dtype=np.float32) + np.float32(0.5 if exact else 0)
    return np.minimum((at * step).astype(np.int64), size - 1)


@host
def linear_taps(size: int, count: int, scale: float | None, aligned: bool) -> Taps:
    """Each result lies between two elements."""
    at = np.maximum(positions(size, count, scale, aligned), 0)
    low = np.minimum(at.astype(np.int64), size - 1)
    places = np.concatenate([low, np.minimum(low + 1, size - 1)])
    weights = np.concatenate([1 - (at - low), at - low])
    return Taps(size, count, np.tile(np.arange(count), 2), places, weights)


def cubic(x: Any, a: float = -0.75) -> Any:
    """Keys' cubic convolution kernel (1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@host
def cubic_taps(size: int, count: int, scale: float | None, aligned: bool) -> Taps:
    """Each result mixes four elements; beyond the edge is the edge."""
    at = positions(size, count, scale, aligned)
    low = np.floor(at) + np.array([[-1], [0], [1], [2]])
    places = np.clip(low, 0, size - 1).astype(np.int64)
    rows = np.tile(np.arange(count), 4)
    return Taps(size, count, rows, places.ravel(), cubic(at - low).ravel())


@host
def smooth_taps(size: int, count: int, scale: float | None, aligned: bool, mode: str) -> Taps:
    """The same with a kernel that widens where the size shrinks: antialias=True."""
    step = (size - 1) / (count - 1) if aligned and count > 1 else _step(size, count, scale)
    wide = max(step, 1.0)
    reach = (2.0 if mode == "bicubic" else 1.0) * wide
    center = step * (np.arange(count) + 0.5)
    start = np.maximum((center - reach + 0.5).astype(np.int64), 0)
    end = np.minimum((center + reach + 0.5).astype(np.int64), size)
    rows, places = stretches(start, end)
    away = (places - center[rows] + 0.5) / wide
    weights = cubic(away, -0.5) if mode == "bicubic" else np.maximum(1 - np.abs(away), 0.0)
    return Taps(size, count, rows, places, weights / np.bincount(rows, weights, count)[rows])


@host
@lru_cache(128)
def _taps(
    mode: str, size: int, count: int, scale: float | None, aligned: bool, smooth: bool
) -> Taps:
    if mode.startswith("nearest"):
        places = _nearest(size, count, scale, mode == "nearest-exact")
        return Taps(size, count, np.arange(count), places, np.ones(count))
    if smooth:
        return smooth_taps(size, count, scale, aligned, mode)
    return (cubic_taps if mode == "bicubic" else linear_taps)(size, count, scale, aligned)


@public("nn.functional.interpolate")
@decided
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Resize the last dimensions.

    Args:
        input: (N, C, sizes).
        size: The sizes wanted, a number or one for each dimension, or
        scale_factor: by how much they grow.
        mode: "nearest", "nearest-exact", "linear" (one dimension), "bilinear" and "bicubic" (two),
            "trilinear" (three), "area".
        align_corners: Do the corner elements keep their place, or the corners of the area?
        recompute_scale_factor: Use the ratio of the sizes in place of the factor given.
        antialias: Smooth where the size shrinks; "bilinear" and "bicubic" only.

    Raises:
        ValueError, NotImplementedError: The options do not fit.

    Source: torch.nn.functional.interpolate
    """
    n = input.ndim - 2
    check_mode(input, mode, align_corners, antialias)
    sizes, scales = targets(input, size, scale_factor, recompute_scale_factor)
    if input.dtype.name == "uint8" and not mode.startswith("nearest"):

        def rounded(x: Any) -> Tensor:
            made = interpolate(x.float(), sizes, None, mode, align_corners, None, antialias)
            return made.round().clamp(0, 255).to(x.dtype)  # type: ignore[no-any-return]

        return rounded
    if mode == "area":
        pool = NAMESPACES["nn.functional"][f"adaptive_avg_pool{n}d"]
        return lambda x: pool(x, sizes)
    by, maps = _maps(input, sizes, scales, mode, bool(align_corners), bool(antialias))
    return lambda x: by(x, maps)


def resized(
    input: Tensor,
    sizes: Sequence[int],
    scales: Sequence[float | None],
    mode: str,
    align_corners: bool = False,
    antialias: bool = False,
) -> Tensor:
    """The last dimensions with these sizes.

    Args:
        scales: The factors that positions are computed with; None: the sizes' ratio.
    """
    by, maps = _maps(input, sizes, scales, mode, align_corners, antialias)
    return by(input, maps)  # type: ignore[no-any-return]


def _maps(
    input: Tensor, sizes: Sequence[int], scales: Sequence[float | None], mode: str,
    align_corners: bool, antialias: bool,
) -> tuple[Any, tuple[Taps, ...]]:  # fmt: skip
    """The operation that resizes, and what it takes each dimension from."""
    own = tuple(input.shape[2:])
    maps = tuple(_taps(mode, *each, align_corners, antialias) for each in zip(own, sizes, scales))
    return (chosen if mode.startswith("nearest") else resampled), maps


def check_mode(input: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    n = input.ndim - 2
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | "
                "bicubic | trilinear"
            )
    elif mode not in MODES:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | "
            f"nearest-exact (got {mode})"
        )
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as "
            "input"
        )
    if n not in MODES[mode]:
        raise NotImplementedError(
            f"Got {input.ndim}D input, but {mode} mode needs "
            f"{' or '.join(f'{m + 2}D' for m in MODES[mode])} input"
        )


def targets(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The sizes wanted, and the factors that positions are computed with (None: the sizes' ratio)."""
    n = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if recompute and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    given = size if size is not None else scale_factor
    if isinstance(given, (tuple, list)) and len(given) != n:
        what = "output_size" if size is not None else "scale_factor"
        raise ValueError(
            f"Input and {what} must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(input.shape[2:])} and {what} of {given}."
        )
    listed = list(given) if isinstance(given, (tuple, list)) else [given] * n
    if size is not None:
        sizes = [int(k) for k in listed]
        scales: list[float | None] = [None] * n
    else:
        sizes = [math.floor(float(m) * float(s)) for m, s in zip(input.shape[2:], listed)]
        scales = [None] * n if recompute else [float(s) for s in listed]
    if min(sizes) < 1 or 0 in input.shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(input.shape[2:])} "
            f"output {sizes}"
        )
    return sizes, scales


@public("nn.functional.upsample")
def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its old name.

    Source: torch.nn.functional.upsample
    """
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@public("nn.functional.upsample_nearest")
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "nearest".

    Source: torch.nn.functional.upsample_nearest
    """
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


@public("nn.functional.upsample_bilinear")
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "bilinear" and aligned corners.

    Source: torch.nn.functional.upsample_bilinear
    """
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _deprecated(name: str) -> None:

    warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.")
