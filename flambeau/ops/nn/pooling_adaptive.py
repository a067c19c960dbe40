"""Pooling to given sizes, and the way back from maxima."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.tensor import Tensor
from ...core.twin import around, host
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation
from ..reduction.sum import mean
from .pooling import at_places, plan_of, spread, unpooled
from .taps import Taps, mapped, stretches
from .window import numbers, place_of_largest


def _sizes(name: str, input: Tensor, output_size: Any, n: int) -> tuple[int, ...]:
    """The sizes asked for; None keeps the input's."""
    if isinstance(output_size, (tuple, list)):
        if len(output_size) == n and input.ndim <= n:
            raise ValueError(f"Input dimension should be at least {n + 1}")
        if len(output_size) not in (1, n):
            raise RuntimeError(f"{name}: output_size must be {n}, but got {list(output_size)}")
        wanted = list(output_size) * (n if len(output_size) == 1 else 1)
    else:
        wanted = [output_size] * n
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}"
        )
    sizes = tuple(m if k is None else int(k) for m, k in zip(input.shape[-n:], wanted))
    if min(sizes) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0, but got {list(sizes)}"
        )
    return sizes


def _check_filled(name: str, input: Tensor) -> None:
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but got size "
            f"{list(input.shape)}"
        )


def bounds(size: int, count: int) -> list[tuple[int, int]]:
    """The parts that a dimension is cut into; they overlap where sizes do not divide."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


@host
@lru_cache(128)
def mean_taps(size: int, count: int) -> Taps:
    """Each result is the mean of a part."""
    start, end = np.array(bounds(size, count), np.int64).reshape(count, 2).T
    rows, places = stretches(start, end)
    return Taps(size, count, rows, places, 1 / (end - start)[rows])


def _mean_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """`mean_of_parts`, a dimension at a time."""
    sizes = x.shape[x.ndim - len(counts) :]
    return mapped(x, tuple(mean_taps(m, k) for m, k in zip(sizes, counts)))


def _shared_of_parts(g: Any, counts: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """`shared_of_parts`, a dimension at a time."""
    return mapped(g, tuple(mean_taps(m, k).transposed for m, k in zip(sizes, counts)))


_mean_map = kernels.Native("nn.pooling", "averaged_of_parts", _mean_of_parts)
_share_map = kernels.Native("nn.pooling", "shared_of_parts", _shared_of_parts)


@operation(label="AdaptiveAvgPool")
def mean_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The means of the parts that the last dimensions are cut into."""
    return _mean_map(x, counts)


@mean_of_parts.gradient
def _(g: Tensor, counts: tuple[int, ...], shape_x: tuple[int, ...]) -> Tensor:
    return shared_of_parts(g, counts, shape_x[-len(counts) :])


@operation(label="AdaptiveAvgPoolBackward")
def shared_of_parts(g: Any, counts: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """Each part's value, divided, added to what it saw."""
    return _share_map(g, counts, sizes)


@shared_of_parts.gradient
def _(g: Tensor, counts: tuple[int, ...]) -> Tensor:
    return mean_of_parts(g, counts)


def _adaptive_avg(n: int) -> None:
    name = f"adaptive_avg_pool{n}d"

    @decided
    def function(input: Tensor, output_size: Any) -> Callable[[Tensor], Tensor]:
        sizes = _sizes(name, input, output_size, n)
        if sizes == (1,) * n:
            dims = tuple(range(-n, 0))
            return lambda input: mean(input, dims, True)  # type: ignore[no-any-return]
        _check_filled(name, input)
        own = tuple(input.shape[-n:])
        if input._array.size and min(sizes) and all(m % k == 0 for m, k in zip(own, sizes)):
            kernel = tuple(m // k for m, k in zip(own, sizes))
            pool = NAMESPACES["nn.functional"][f"avg_pool{n}d"]
            return lambda input: pool(input, kernel)
        plan, kind = plan_of("means_of_parts", input, sizes), input._kind

        def run(input: Tensor) -> Tensor:
            if plan is None or (input._node is not None and mode.recording):
                return mean_of_parts(input, sizes)  # type: ignore[no-any-return]
            return handle.make(plan(input._array), kind, None, [0], None)

        return run

    _published(name, function, f"The means of the parts that {n} dimensions are cut into.")
    if n == 1:
        public(name)(function)


def _published(name: str, function: Any, doc: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{doc}

    Args:
        input: (N, C, sizes) or (C, sizes).

    Raises:
        RuntimeError: The sizes do not fit the input.

    Source: torch.nn.functional.{name}
    """
    public(f"nn.functional.{name}")(function)


def _places_of_parts(x: Any, sizes: tuple[int, ...]) -> Any:
    """Where each part's maximum is, in the flattened spatial dimensions."""
    n = len(sizes)
    own = x.shape[-n:]
    parts = [bounds(m, k) for m, k in zip(own, sizes)]
    lead = x.shape[:-n]
    places = np.empty((*lead, *sizes), np.int64)
    for at in np.ndindex(sizes):
        region = [parts[i][j] for i, j in enumerate(at)]
        part = x[(..., *(slice(a, b) for a, b in region))]
        flat = part.reshape(*lead, math.prod(part.shape[-n:]))
        best = np.unravel_index(place_of_largest(flat), part.shape[-n:])
        place: Any = 0
        for size, (start, _), offset in zip(own, region, best):
            place = place * size + start + offset
        places[(..., *at)] = place
    return places


def _largest_of_parts(x: Any, counts: tuple[int, ...]) -> tuple[Any, Any]:
    """The maxima of parts and their places, with NumPy."""
    places = _places_of_parts(x, counts)
    return at_places(x, places, len(counts)), places


_largest_map = kernels.Native("nn.pooling", "largest_of_parts", _largest_of_parts)


@operation(label="AdaptiveMaxPool", outputs="values places", differentiable=(0,))
def largest_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The largest element of each part, and where it is."""
    return _largest_map(x, counts)


@largest_of_parts.gradient
def _(g_values: Tensor, places: Tensor, shape_x: tuple[int, ...], counts: tuple[int, ...]) -> Any:
    return spread(g_values, places._array, shape_x[-len(counts) :], ())


def _adaptive_max(n: int) -> None:
    name = f"adaptive_max_pool{n}d"

    @decided
    def with_indices(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        sizes = _sizes(name, input, output_size, n)
        _check_filled(name, input)
        return lambda input: largest_of_parts(input, sizes)  # type: ignore[no-any-return]

    @decided
    def function(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> Callable[[Tensor], Any]:
        sizes = _sizes(name, input, output_size, n)
        _check_filled(name, input)
        if return_indices:
            return lambda input: largest_of_parts(input, sizes)
        plan, kind = plan_of("maxima", input, sizes, None), input._kind

        def run(input: Tensor) -> Tensor:
            if plan is None or (input._node is not None and mode.recording):
                return largest_of_parts(input, sizes)[0]  # type: ignore[no-any-return]
            return handle.make(plan(input._array)[0], kind, None, [0], None)

        return run

    _published(name, function, f"The maxima of the parts that {n} dimensions are cut into.")
    _published(f"{name}_with_indices", with_indices, f"`{name}` and where the maxima are.")
    if n == 1:  # the torch namespace's gives the places without being asked
        public(name)(with_indices)


def _unpool(n: int) -> None:
    name = f"max_unpool{n}d"

    def function(
        input: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        size = numbers("kernel_size", kernel_size, n, name)
        strides = size if stride is None else numbers("stride", stride, n, name)
        pads = numbers("padding", padding, n, name)
        usual = [
            (m - 1) * s + k - 2 * p for m, s, k, p in zip(input.shape[-n:], strides, size, pads)
        ]
        sizes = _unpooled_sizes(usual, strides, output_size, n)
        if input.shape != indices.shape:
            raise RuntimeError(
                f"Expected shape of indices to be: {list(input.shape)} but got: {list(indices.shape)}"
            )
        if indices.dtype.name != "int64":
            raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
        total = math.prod(sizes)
        array = indices._array
        with around((indices,)):
            fits = not array.size or bool(((array >= 0) & (array < total)).all())
        if not fits:
            raise RuntimeError(
                f"found an invalid max index: one is outside of the output volume of size {sizes}"
            )
        lead = tuple(input.shape[:-n])
        rows = *lead, math.prod(input.shape[-n:])
        flat = unpooled(input.reshape(rows), array.reshape(rows), total)
        return flat.reshape(*lead, *sizes)

    _published(name, function, "Zeros with maxima where they were: the inverse of max pooling.")


def _unpooled_sizes(
    usual: list[int], strides: tuple[int, ...], output_size: Any, n: int
) -> tuple[int, ...]:
    if output_size is None:
        return tuple(usual)
    sizes = list(output_size)[-n:]
    if len(output_size) not in (n, n + 2) and len(output_size) != n + 1:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
            f"'{len(output_size)}'"
        )
    for i, (m, u, s) in enumerate(zip(sizes, usual, strides)):
        if not u - s < m < u + s:
            raise ValueError(
                f'invalid output_size "{sizes}" (dim {i} must be between {u - s} and {u + s})'
            )
    return tuple(sizes)


for _n in (1, 2, 3):
    _adaptive_avg(_n)
    _adaptive_max(_n)
    _unpool(_n)
