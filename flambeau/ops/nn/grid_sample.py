"""Sampling at given places: nn.functional.grid_sample and affine_grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._caller import warn
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import NAMESPACES, public
from .pooling import picked


@public("nn.functional.affine_grid", "affine_grid_generator")
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places that affine maps send a regular grid to, for `grid_sample`.

    Args:
        theta: (N, 2, 3), or (N, 3, 4) for three dimensions.
        size: (N, C, H, W) or (N, C, D, H, W) of the result.
        align_corners: Do -1 and 1 mean the outer elements' centres, or their outer edges?

    Raises:
        ValueError: theta is not floating point, or the sizes do not fit.
        NotImplementedError: There are not two or three dimensions.

    Source: torch.nn.functional.affine_grid
    """
    if align_corners is None:
        _warn_align("affine_grid")
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    sizes = tuple(int(n) for n in size)
    if len(sizes) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    n = len(sizes) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(sizes) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    axes = [_axis(m, align_corners) for m in sizes[2:]]
    mesh = np.meshgrid(*axes, indexing="ij")[::-1]
    base = np.stack([*mesh, np.ones_like(mesh[0])], -1).reshape(1, -1, n + 1)
    points = wrap(base.astype(theta._kind.numpy), theta._kind)
    return (points @ theta.mT).reshape(sizes[0], *sizes[2:], n)


def _axis(size: int, aligned: bool) -> Any:
    if aligned:
        return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)
    return (np.arange(size) * 2 + 1) / size - 1


def _warn_align(name: str) -> None:
    warn(
        f"Default {name} behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired."
    )


@public("nn.functional.grid_sample")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places of a grid.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, ..., 2) or (N, ..., 3), x before y before z, each from -1 to 1.
        mode: "bilinear", "nearest" or "bicubic".
        padding_mode: What is outside: "zeros", "border" or "reflection".
        align_corners: Do -1 and 1 mean the outer elements' centres, or their outer edges?

    Raises:
        ValueError, RuntimeError: The options or shapes do not fit.

    Source: torch.nn.functional.grid_sample; Jaderberg et al. (2015)
    """
    _check_grid(input, grid, mode, padding_mode)
    if align_corners is None:
        _warn_align("grid_sample")
        align_corners = False
    sizes = input._array.shape[2:]
    coordinates = []
    for i, size in enumerate(sizes[::-1]):
        x = grid[..., i]
        x = (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) * 0.5
        if mode != "bicubic":
            x = _confined(x, size, padding_mode, align_corners)
        coordinates.append(x)
    coordinates = coordinates[::-1]
    corners = _corners(coordinates, mode)
    result: Any = None
    for choice in itertools.product(*corners):
        places = [place for place, _ in choice]
        part = _fetch(input, places, sizes, padding_mode, align_corners, mode == "bicubic")
        weight: Any = None
        for _, w in choice:
            if w is not None:
                weight = w if weight is None else weight * w
        part = part if weight is None else part * weight.unsqueeze(1)
        result = part if result is None else result + part
    return result


def _corners(coordinates: list[Tensor], mode: str) -> list[list[tuple[Any, Any]]]:
    """For each dimension the elements that take part: their places, and their weights."""
    corners: list[list[tuple[Any, Any]]] = []
    for x in coordinates:
        if mode == "nearest":
            corners.append([(np.rint(x._array), None)])
            continue
        low = np.floor(x._array)
        t = x - wrap(low, x._kind)
        if mode == "bilinear":
            corners.append([(low, 1 - t), (low + 1, t)])
        else:
            corners.append([(low + o, _cubic(t - o)) for o in (-1, 0, 1, 2)])
    return corners


def _cubic(x: Tensor, a: float = -0.75) -> Tensor:
    """Keys' kernel, differentiable."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return NAMESPACES["torch"]["where"](x <= 1, near, far)


def _confined(x: Tensor, size: int, padding_mode: str, aligned: bool) -> Tensor:
    """A coordinate brought into the input by the padding mode."""
    if padding_mode == "border":
        return x.clamp(0, size - 1)
    if padding_mode == "reflection":
        low, high = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
        span = high - low
        if span == 0:
            return (x * 0).clamp(0, size - 1)
        away = (x - low).abs()
        flips = np.floor(away._array / span)
        extra = away - wrap((flips * span).astype(x._kind.numpy), x._kind)
        even = wrap(flips % 2 == 0, x._kind.with_dtype(_bool()))
        back = NAMESPACES["torch"]["where"](even, extra + low, high - extra)
        return back.clamp(0, size - 1)
    return x


def _bool() -> Any:
    from ...core.dtype import DTYPES

    return DTYPES["bool"]


def _fetch(
    input: Tensor,
    places: list[Any],
    sizes: tuple[int, ...],
    padding_mode: str,
    aligned: bool,
    confine: bool,
) -> Tensor:
    """The input's elements at whole-number places, 0 outside."""
    inside: Any = True
    flat: Any = 0
    for place, size in zip(places, sizes):
        if confine and padding_mode != "zeros":
            kind = input._kind
            bare = wrap(place.astype(kind.numpy), kind)
            place = np.rint(_confined(bare, size, padding_mode, aligned)._array)
        with np.errstate(invalid="ignore"):
            within = (place >= 0) & (place < size)
            whole = np.where(within, place, 0).astype(np.int64)
        inside = inside & within
        flat = flat * size + whole
    n, c = input.shape[:2]
    at = np.broadcast_to(flat.reshape(n, 1, -1), (n, c, flat[0].size))
    values = picked(input.reshape(n, c, -1), at).reshape(n, c, *flat.shape[1:])
    if inside.all():
        return values
    mask = wrap(inside[:, None].astype(input._kind.numpy), input._kind)
    return values * mask


def _check_grid(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
            f"'{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input "
            f"with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid "
            f"with sizes {list(grid.shape)}"
        )
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} and "
            f"grid has {grid.dtype}"
        )
    if mode == "bicubic" and input.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
