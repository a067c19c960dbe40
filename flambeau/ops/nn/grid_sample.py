"""Sampling at given places: nn.functional.grid_sample and affine_grid."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import kernels
from ..._caller import warn
from ...autograd import grad as gradients
from ...autograd.mode import enable_grad
from ...autograd.mode import mode as recording
from ...core.device import CPU
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor, wrap
from ...core.twin import around
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation
from ..join.padding import pad
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
    return mapped_(theta, sizes, bool(align_corners))


def _base(axes: Sequence[Any], dtype: Any) -> Any:
    """The points of a grid, each with a 1: (points, n + 1)."""
    mesh = np.meshgrid(*axes[::-1], indexing="ij")[::-1]
    return np.stack([*mesh, np.ones_like(mesh[0])], -1).reshape(-1, len(axes) + 1).astype(dtype)


def _mapped(theta: Any, axes: Sequence[Any]) -> Any:
    """`kernels.nn.affine.mapped` with NumPy."""
    points = _base(axes, theta.dtype) @ theta.swapaxes(1, 2)
    return points.reshape(len(theta), *(len(axis) for axis in axes[::-1]), len(axes))


_map = kernels.Native("nn.affine", "mapped", _mapped)


@operation(label="AffineGridGenerator")
def mapped_(theta: Any, sizes: tuple[int, ...], aligned: bool) -> Any:
    """A regular grid sent through affine maps; the half types are rounded once."""
    axes = [_axis(m, aligned) for m in sizes[:1:-1]]
    made = _map(theta.astype(BY_NUMPY[theta.dtype].compute, copy=False), axes)
    return made.astype(theta.dtype, copy=False)


@mapped_.gradient
def _(g: Tensor, sizes: tuple[int, ...], aligned: bool) -> Tensor:
    axes = [_axis(m, aligned) for m in sizes[:1:-1]]
    base = wrap(g._kind.xp.asarray(_base(axes, g._kind.numpy)), g._kind)
    return g.reshape(sizes[0], -1, len(axes)).mT @ base


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
@decided
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """The input at the places of a grid.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, ..., 2) or (N, ..., 3), x before y before z, each from -1 to 1; NaN counts as -1.
        mode: "bilinear", "nearest" or "bicubic".
        padding_mode: What is outside: "zeros", "border" or "reflection".
        align_corners: Do -1 and 1 mean the outer elements' centres, or their outer edges?

    Raises:
        ValueError, RuntimeError: The options or shapes do not fit.

    Source: torch.nn.functional.grid_sample; Jaderberg et al. (2015)
    """
    _check_grid(input, grid, mode, padding_mode)
    by, aligned = composed, bool(align_corners)
    if input._kind.device is CPU and 0 not in input._array.shape and kernels.enabled():
        by = sampled

    def run(input: Tensor, grid: Tensor) -> Tensor:
        if align_corners is None:
            _warn_align("grid_sample")
        return by(input, grid, mode, padding_mode, aligned)  # type: ignore[no-any-return]

    return run


@operation(operands="x grid", label="GridSampler")
def sampled(x: Any, grid: Any, mode: str, padding_mode: str, aligned: bool) -> Any:
    """Images at the places of a grid; the half types are rounded once."""
    wide = BY_NUMPY[x.dtype].compute
    if x.dtype == wide:
        return kernels.nn.sampling.samples(x, grid, mode, padding_mode, aligned)
    made = kernels.nn.sampling.samples(
        x.astype(wide), grid.astype(wide), mode, padding_mode, aligned
    )
    return made.astype(x.dtype)


@sampled.gradient
def _(
    g: Tensor, x: Tensor, grid: Tensor, mode: str, padding_mode: str, aligned: bool,
    needs: tuple[bool, ...],
) -> Sequence[Tensor | None]:  # fmt: skip
    if recording.recording:
        wanted = [t for t, needed in zip((x, grid), needs) if needed]
        with enable_grad():
            y = composed(x, grid, mode, padding_mode, aligned)
            found = iter(gradients(y, wanted, g, create_graph=True))
        return [next(found) if needed else None for needed in needs]
    options = mode, padding_mode, aligned
    return [
        spread_samples(g, grid, x._array.shape, *options) if needs[0] else None,
        sample_slopes(g, x, grid, *options) if needs[1] else None,
    ]


@sampled.tangent
def _(
    t_x: Tensor | None,
    t_grid: Tensor | None,
    x: Tensor,
    grid: Tensor,
    mode: str,
    padding_mode: str,
    aligned: bool,
) -> Tensor | None:
    from ...autograd.forward import through  # loaded: it asks for the tangents

    def function(image: Tensor, places: Tensor) -> tuple:
        return (composed(image, places, mode, padding_mode, aligned),)

    return through(function, (x, grid), (t_x, t_grid))[0]


@operation(operands="g grid")
def spread_samples(
    g: Any, grid: Any, shape: tuple[int, ...], mode: str, padding_mode: str, aligned: bool
) -> Any:
    """The gradient of `sampled` towards images of this shape; to be differentiated it is a composite."""
    own, at = (a.astype(BY_NUMPY[g.dtype].compute, copy=False) for a in (g, grid))
    made = kernels.nn.sampling.toward_image(own, at, shape, mode, padding_mode, aligned)
    return made.astype(g.dtype, copy=False)


@operation(operands="g x grid")
def sample_slopes(g: Any, x: Any, grid: Any, mode: str, padding_mode: str, aligned: bool) -> Any:
    """The gradient of `sampled` towards the grid; to be differentiated it is a composite."""
    own, image, at = (a.astype(BY_NUMPY[g.dtype].compute, copy=False) for a in (g, x, grid))
    made = kernels.nn.sampling.toward_grid(own, image, at, mode, padding_mode, aligned)
    return made.astype(g.dtype, copy=False)


def composed(
    input: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool
) -> Tensor:
    """The same as a composite: for other devices, and for gradients of gradients."""
    sizes = input._array.shape[2:]
    options = padding_mode, align_corners, mode == "bicubic"
    coordinates = [located_(grid[..., i], size, *options) for i, size in enumerate(sizes[::-1])]
    corners = _corners(coordinates[::-1], mode, sizes, padding_mode, align_corners)
    choices = list(itertools.product(*corners))
    indices = [_index([place for place, _ in choice], sizes) for choice in choices]
    rows = _rows(input, indices)
    result: Any = None
    for choice, at in zip(choices, indices):
        part = _fetch(rows, at)
        weights = [w for _, w in choice if w is not None]
        if weights:
            part = part * functools.reduce(operator.mul, weights).unsqueeze(1)
        result = part if result is None else result + part
    return result


def _corners(
    coordinates: list[Tensor], mode: str, sizes: tuple[int, ...], padding_mode: str, aligned: bool
) -> list[list[tuple[Any, Any]]]:
    """For each dimension the elements that take part: their places, and their weights (None: 1)."""
    corners: list[list[tuple[Any, Any]]] = []
    for x, size in zip(coordinates, sizes):
        if mode == "nearest":
            learns = x._node is not None  # the gradient is 0
            corners.append([(np.rint(x._array), x * 0 + 1 if learns else None)])
            continue
        low = np.floor(x._array)
        t = x - wrap(low, x._kind)
        if mode == "bilinear":
            corners.append([(low, 1 - t), (low + 1, t)])
            continue
        taps = []
        for o in (-1, 0, 1, 2):
            place = low + o
            if padding_mode != "zeros":
                place = np.rint(_brought(place, size, padding_mode, aligned)[0])
            taps.append((place, _cubic(t - o)))
        corners.append(taps)
    return corners


def _cubic(x: Tensor, a: float = -0.75) -> Tensor:
    """Keys' kernel, differentiable."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return NAMESPACES["torch"]["where"](x <= 1, near, far)


@operation(operands="x", label="GridSampler")
def located_(x: Any, size: int, padding_mode: str, aligned: bool, cubic: bool) -> Any:
    """Where in a dimension of the input a grid's numbers from -1 to 1 lie, by the padding mode."""
    return _located(x, size, padding_mode, aligned, cubic)[0]


@located_.gradient
def _(g: Tensor, x: Tensor, size: int, padding_mode: str, aligned: bool, cubic: bool) -> Tensor:
    return g * wrap(_located(x._array, size, padding_mode, aligned, cubic)[1], x._kind)


def _located(x: Any, size: int, padding_mode: str, aligned: bool, cubic: bool) -> tuple[Any, Any]:
    """The places, and their slopes: 0 at a bound and beyond, where nothing changes outwards.

    NaN counts as -1, and so does what is infinitely far where the input goes on by reflection.
    """
    lost = ~np.isfinite(x) if padding_mode == "reflection" else np.isnan(x)
    x = np.where(lost, x.dtype.type(-1), x)
    place = (x + 1) * ((size - 1) / 2) if aligned else ((x + 1) * size - 1) * 0.5
    slope = np.where(lost, 0, x.dtype.type((size - 1) / 2 if aligned else size / 2))
    if padding_mode == "zeros" or (cubic and padding_mode == "border"):
        place, turn = _clipped(place, -3, size + 2)  # no element is so near that it takes part
    elif cubic:
        return place, slope
    else:
        place, turn = _brought(place, size, padding_mode, aligned)
    return place, slope * turn


def _clipped(x: Any, low: float, high: float) -> tuple[Any, Any]:
    """The bounded numbers, and their slopes."""
    return np.clip(x, low, high), ((x > low) & (x < high)).astype(x.dtype)


def _brought(x: Any, size: int, padding_mode: str, aligned: bool) -> tuple[Any, Any]:
    """Places brought into the input by the padding mode, and their slopes."""
    turn: Any = 1
    if padding_mode == "reflection":
        x, turn = _reflected(x, *((0.0, size - 1.0) if aligned else (-0.5, size - 0.5)))
    x, inside = _clipped(x, 0, size - 1)
    return x, turn * inside


def _reflected(x: Any, low: float, high: float) -> tuple[Any, Any]:
    """Places reflected at two bounds as often as it takes, and their slopes."""
    span = high - low
    if span == 0:
        return np.zeros_like(x), np.zeros_like(x)
    away, side = np.abs(x - low), np.where(x < low, -1, 1).astype(x.dtype)
    extra, even = np.fmod(away, x.dtype.type(span)), np.floor(away / span) % 2 == 0
    return np.where(even, extra + low, high - extra), np.where(even, side, -side)


def _index(places: list[Any], sizes: tuple[int, ...]) -> Any:
    """Whole-number places in the flattened input; one beyond its end for what is outside."""
    inside: Any = True
    flat: Any = 0
    for place, size in zip(places, sizes):
        inside = inside & (place >= 0) & (place < size)
        flat = flat * size + place
    return np.where(inside, flat, math.prod(sizes)).astype(np.int64)


def _rows(input: Tensor, indices: list[Any]) -> Tensor:
    """The images as rows, with a zero at the end if something is outside."""
    n, c, *sizes = input.shape
    total = math.prod(sizes)
    rows: Any = input.reshape(n, c, total)  # type: ignore[attr-defined]
    with around((input,)):
        outside = any(at.size and at.max() == total for at in indices)
    return pad(rows, (0, 1)) if outside else rows


def _fetch(rows: Tensor, at: Any) -> Tensor:
    """The elements of rows (N, C, size) at places (N, ...)."""
    n, c, _ = rows.shape
    count = math.prod(at.shape[1:])
    places = np.broadcast_to(at.reshape(n, 1, count), (n, c, count))
    return picked(rows, places).reshape(n, c, *at.shape[1:])


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
