"""Differences, slopes and areas of sampled functions."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.decided import decided
from ...dispatch.registry import public
from ..join.cat import cat


@public("diff", method=True, out=True, tensors="input")
@decided("input prepend append")
def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along a dimension, n times over.

    Args:
        input: The values.
        n: How many times.
        dim: Along which dimension.
        prepend: Values that come before.
        append: Values that come after.

    Raises:
        RuntimeError: There is no dimension, n is negative, or prepend or append does not fit.

    Source: torch.diff

    Example:
        >>> import flambeau as torch
        >>> torch.diff(torch.tensor([1, 3, 6]))
        tensor([2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    at = wrap_dim(dim, input.ndim)
    parts = [x for x in (prepend, input, append) if x is not None]
    for x in parts:
        if x.ndim != input.ndim:
            raise RuntimeError(
                "diff expects prepend or append to be the same dimension as input, got "
                f"{x.ndim} and {input.ndim}"
            )

    def run(input: Any, before: Any, after: Any) -> Tensor:
        parts = [x for x in (before, input, after) if x is not None]
        x = cat(parts, at) if len(parts) > 1 else input
        if n == 0:
            return x.clone() if x is input else x  # type: ignore[no-any-return]
        for _ in range(min(n, x._array.shape[at])):
            size = x._array.shape[at]
            left, right = (
                x.narrow(at, 0, max(size - 1, 0)),
                x.narrow(at, min(1, size), max(size - 1, 0)),
            )
            x = right ^ left if x._kind.dtype.category == 0 else right - left
        return x  # type: ignore[no-any-return]

    return run


def _spacings(x: Tensor, spacing: Any, dim: Any) -> tuple[list[int], list[Any]]:
    """The dimensions, and the distance or the coordinates along each."""
    chosen = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = [wrap_dim(d, x.ndim) for d in chosen]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    if spacing is None:
        spacing = 1.0
    if not isinstance(spacing, (list, tuple)):
        return dims, [spacing] * len(dims)
    if len(spacing) != len(dims):
        wanted = (
            f"'self.dim() = {x.ndim}', since dim argument was not given"
            if dim is None
            else f"'dim' argument {len(dims)}"
        )
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
            f"{wanted}, but got a list of length {len(spacing)}"
        )
    return dims, list(spacing)


def _along(values: Tensor, ndim: int, at: int) -> Tensor:
    return values.reshape([-1 if i == at else 1 for i in range(ndim)])


def _slope(x: Tensor, at: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[at]
    if not isinstance(spacing, Tensor) or not spacing.ndim:
        return _even_slope(x, at, spacing, edge_order)
    if spacing.shape != (n,):
        raise RuntimeError(
            f"torch.gradient expected as many coordinates as the dimension is long, {n}, but got "
            f"a tensor of shape {list(spacing.shape)}"
        )
    steps = _along(spacing[1:] - spacing[:-1], x.ndim, at)
    before, after = steps.narrow(at, 0, n - 2), steps.narrow(at, 1, n - 2)
    left, mid, right = (x.narrow(at, i, n - 2) for i in range(3))
    inner = (
        -after / (before * (before + after)) * left
        + (after - before) / (before * after) * mid
        + before / (after * (before + after)) * right
    )
    first, last = (_edge(x, steps, at, edge_order, end) for end in (0, 1))
    return cat([first, inner, last], at)


def _even_slope(x: Tensor, at: int, spacing: Any, edge_order: int) -> Tensor:
    """Of samples at one distance, where the middle one of three does not count."""
    n = x.shape[at]
    inner = (x.narrow(at, 2, n - 2) - x.narrow(at, 0, n - 2)) / (2 * spacing)
    a, b, *more = (x.narrow(at, i, 1) for i in range(edge_order + 1))
    c, d, *before = (x.narrow(at, n - 1 - i, 1) for i in range(edge_order + 1))
    first = -1.5 * a + 2 * b - 0.5 * more[0] if more else b - a
    last = 0.5 * before[0] - 2 * d + 1.5 * c if before else c - d
    return cat([first / spacing, inner, last / spacing], at)


def _edge(x: Tensor, steps: Tensor, at: int, order: int, end: int) -> Tensor:
    """The slope at the first or the last point, from its one or two neighbours on one side."""
    n, m = x.shape[at], steps.shape[at]
    a, b = (x.narrow(at, n - 1 - i if end else i, 1) for i in (0, 1))
    h = steps.narrow(at, m - 1 if end else 0, 1)
    sign = -1 if end else 1
    if order == 1:
        return (a - b if end else b - a) / h
    k = steps.narrow(at, m - 2 if end else 1, 1)
    c = x.narrow(at, n - 3 if end else 2, 1)
    return sign * (-(2 * h + k) / (h * (h + k)) * a + (h + k) / (h * k) * b - h / (k * (h + k)) * c)


@public("gradient", out=True, tensors="input")
def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Estimates of a sampled function's slope along dimensions, by central differences.

    Args:
        input: The samples.
        spacing: Their distance, a distance for each dimension, or coordinates for each.
        dim: The dimensions. Default: all.
        edge_order: 1 or 2: how exact the slopes at the edges are.

    Raises:
        RuntimeError: There are too few samples, or spacing does not fit.

    Source: torch.gradient

    Example:
        >>> import flambeau as torch
        >>> torch.gradient(torch.tensor([1., 4., 9.]))
        (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims, spacings = _spacings(input, spacing, dim)
    x = input
    if x.dtype.category < 2:
        from ...core.dtype import get_default_dtype

        x = x.to(get_default_dtype())
    for at in dims:
        if x.shape[at] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    return tuple(_slope(x, at, step, edge_order) for at, step in zip(dims, spacings))


def _pieces(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The areas between neighbouring samples."""
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes x or dx, not both")
    at = wrap_dim(dim, y.ndim)
    n = y.shape[at]
    if n == 0:
        return y, at
    left, right = y.narrow(at, 0, n - 1), y.narrow(at, 1, n - 1)
    if x is None:
        return (left + right) * (_step(name, dx) / 2.0), at
    points = x if x.ndim != 1 else _along(x, y.ndim, at)
    if points.ndim < y.ndim:
        points = points.reshape([1] * (y.ndim - points.ndim) + list(points.shape))
    if points.shape[at] != n:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    width = points.narrow(at, 1, n - 1) - points.narrow(at, 0, n - 1)
    return (left + right) * width / 2.0, at


@public("trapezoid", "trapz", out=True, tensors="y")
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area below samples, by the trapezoidal rule.

    Args:
        y: The samples.
        x: Where they were taken.
        dx: Their distance, if it is always the same. Default: 1.
        dim: Along which dimension.

    Raises:
        RuntimeError: There is not one x for each sample.

    Source: torch.trapezoid

    Example:
        >>> import flambeau as torch
        >>> torch.trapezoid(torch.tensor([1., 3., 5.]))
        tensor(6.)
    """
    at = wrap_dim(dim, y.ndim) if y.ndim else 0
    if x is None and y.ndim and y.shape[at] > 1 and y.dtype.category > 1:
        # Every sample counts in two pieces but for those at the ends.
        step = _step("trapezoid", dx)
        ends = y.select(at, 0) + y.select(at, -1)
        return (y.sum(at) - ends * 0.5) * step
    pieces, at = _pieces("trapezoid", y, x, dx, dim)
    return pieces.sum(at)


def _step(name: str, dx: Any) -> Any:
    """The distance of samples."""
    step = 1 if dx is None else dx
    if isinstance(step, (bool, complex)) and not isinstance(step, int):
        raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
    return step


@public("cumulative_trapezoid", out=True, tensors="y")
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area below samples up to each of them, by the trapezoidal rule.

    Source: torch.cumulative_trapezoid

    Example:
        >>> import flambeau as torch
        >>> torch.cumulative_trapezoid(torch.tensor([1., 3., 5.]))
        tensor([2., 6.])
    """
    pieces, at = _pieces("cumulative_trapezoid", y, x, dx, dim)
    return pieces.cumsum(at)


__all__ = ["cumulative_trapezoid", "diff", "gradient", "trapezoid"]
