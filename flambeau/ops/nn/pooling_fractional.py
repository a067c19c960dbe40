"""Fractional max pooling: windows at random distances (Graham, 2015)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.tensor import Tensor
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation
from .pooling import check_dims, spread
from .window import numbers


def starts(sample: Any, size: int, count: int, kernel: int) -> Any:
    """Where the windows of one dimension start, for random numbers of any shape: (..., count).

    The numbers and the step are of the input's dtype, as in PyTorch, for rounding towards 0 is sensitive.
    """
    last = size - kernel
    if count == 1:
        return np.full((*sample.shape, 1), last)
    step = sample.dtype.type(last) / sample.dtype.type(count - 1)
    i = np.arange(count - 1).astype(sample.dtype)
    u = sample[..., None]
    places = ((i + u) * step).astype(np.int64) - (u * step).astype(np.int64)
    return np.concatenate([places, np.full((*sample.shape, 1), last)], -1)


def _starts(x: Any, kernel: tuple[int, ...], sizes: tuple[int, ...], samples: Any) -> list[Any]:
    """Where the windows of each plane start, for each dimension: (batch, channels, count).

    The first random number belongs to the width of an image, but to the depth of a volume.
    """
    n, own = len(sizes), x.shape[2:]
    return [
        starts(samples[..., n - 1 - i if n == 2 else i], own[i], sizes[i], kernel[i])
        for i in range(n)
    ]


def _largest(x: Any, samples: Any, kernel: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """The maxima of windows that start where random numbers say, and their places, with NumPy."""
    first = _starts(x, kernel, sizes, samples)
    n, (batch, channels) = len(sizes), x.shape[:2]
    own = x.shape[2:]
    flat = x.reshape(batch, channels, math.prod(own))
    best: Any = None
    places: Any = None
    for offset in np.ndindex(kernel):
        at: Any = 0
        for i in range(n):
            shape = [batch, channels, *(sizes[i] if j == i else 1 for j in range(n))]
            at = at * own[i] + (first[i] + offset[i]).reshape(shape)
        values = np.take_along_axis(
            flat, at.reshape(batch, channels, math.prod(sizes)), -1
        ).reshape(at.shape)
        if best is None:
            best, places = values, at
            continue
        better = (values > best) | np.isnan(values)
        best, places = np.where(better, values, best), np.where(better, at, places)
    return best, places


_largest_map = kernels.Native("nn.pooling", "largest_at_random", _largest)


@operation(label="FractionalMaxPool", outputs="values places", differentiable=(0,))
def fractional(x: Any, kernel: tuple[int, ...], sizes: tuple[int, ...], samples: Any) -> Any:
    """The maxima of windows that start where random numbers say, and where they are."""
    return _largest_map(x, samples[: x.shape[0], : x.shape[1]], kernel, sizes)


@fractional.gradient
def _(g_values: Tensor, places: Tensor, shape_x: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    return spread(g_values, places._array, shape_x[-len(sizes) :], None)


_DOC = """The maxima of windows at random distances, over {n} dimensions.

    Args:
        input: (N, C, sizes) or (C, sizes).
        kernel_size: Of the windows.
        output_size, output_ratio: Of the result, or its ratio to the input's.
        return_indices: Give the places of the maxima too.

    Raises:
        ValueError, RuntimeError: The options do not fit.

    Source: torch.nn.functional.{name}
    """


def _fractional(n: int) -> None:
    name = f"fractional_max_pool{n}d"

    @decided("input _random_samples")
    def with_indices(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        check_dims(name, input, n)
        input._kind.check_elements(name)
        kernel = numbers("kernel_size", kernel_size, n, name)
        sizes = _sizes(name, input, output_size, output_ratio, n)
        batched = input.ndim == n + 2
        x = input if batched else input.unsqueeze(0)
        _check(name, x, kernel, sizes, n)
        if _random_samples is not None:
            _check_samples(x, _random_samples, n)
        rand, shape = NAMESPACES["torch"]["rand"], (*x.shape[:2], n)
        options = {"dtype": input.dtype, "device": input.device}

        def run(input: Tensor, samples: Tensor | None) -> tuple[Tensor, Tensor]:
            x = input if batched else input.unsqueeze(0)  # type: ignore[attr-defined]
            drawn = rand(shape, **options) if samples is None else samples
            values, indices = fractional(x, kernel, sizes, drawn._array)
            return (values, indices) if batched else (values.squeeze(0), indices.squeeze(0))

        return run

    def function(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        result = with_indices(input, kernel_size, output_size, output_ratio, False, _random_samples)
        return result if return_indices else result[0]

    for key, made in ((name, function), (f"{name}_with_indices", with_indices)):
        made.__name__ = made.__qualname__ = key
        made.__doc__ = _DOC.format(n=n, name=key)
        public(f"nn.functional.{key}")(made)


def _sizes(name: str, input: Tensor, size: Any, ratio: Any, n: int) -> tuple[int, ...]:
    if size is not None:
        return numbers("output_size", size, n, name)
    if ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    ratios = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * n
    if len(ratios) != n:
        raise ValueError(f"{name} requires output_ratio to have length {n}")
    return tuple(int(m * r) for m, r in zip(input.shape[-n:], ratios))


def _check(name: str, x: Tensor, kernel: tuple, sizes: tuple, n: int) -> None:
    for m, k, out in zip(x.shape[-n:], kernel, sizes):
        if k < 1 or out < 1 or out + k - 1 > m:
            raise RuntimeError(
                f"{name}: pool size {list(kernel)} too large relative to input {list(x.shape)} for an "
                f"output of {list(sizes)}"
            )


def _check_samples(x: Tensor, samples: Tensor, n: int) -> None:
    if samples.dtype is not x.dtype:
        raise RuntimeError(
            "Expect _random_samples to have the same dtype as input: got "
            f"{samples.dtype} and {x.dtype}"
        )
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    batch, channels = x.shape[:2]
    if samples.shape[0] < batch or samples.shape[1] < channels or samples.shape[2] != n:
        raise RuntimeError(
            f"Expect _random_samples of shape [{batch}, {channels}, {n}], got {list(samples.shape)}"
        )


for _n in (2, 3):
    _fractional(_n)
