"""nn.functional.pad: more elements around a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...core.kind import INT64_MAX
from ...core.number import converted
from ...core.tensor import Tensor
from ...dispatch.registry import is_overridden, override, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation

Pads = tuple[tuple[int, int], ...]


def _padded(x: Any, pads: Pads, places: Callable[[int, int, int], Any] | None, value: Any) -> Any:
    """`kernels.array.pad.padded` with NumPy."""
    if places is not None:
        for dim, (n, (a, b)) in enumerate(zip(x.shape, pads)):
            if a or b:
                x = x.take(np.asarray(places(n, a, b)), dim)
        return x
    kept = x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pads))]
    grow = [(max(a, 0), max(b, 0)) for a, b in pads]
    result = np.full([n + a + b for n, (a, b) in zip(kept.shape, grow)], value, x.dtype)
    result[tuple(slice(a, a + n) for n, (a, _) in zip(kept.shape, grow))] = kept
    return result


_pad_map = kernels.Native("array.pad", "padded", _padded)


@operation(label="ConstantPadNd", linear=False, moves=True)
def constant_pad_(x: Any, pads: Pads, value: Any) -> Any:
    """`value` around x; negative amounts cut off."""
    return _pad_map(x, pads, None, value)


@constant_pad_.gradient
def _(g: Tensor, pads: Pads) -> Tensor:
    return constant_pad_(g, tuple((-a, -b) for a, b in pads), 0)


@operation(label="Pad", moves=True)
def extended_(x: Any, pads: Pads, mode: str) -> Any:
    """Elements of x around it."""
    return _pad_map(x, pads, _PLACES[mode], 0)


@extended_.gradient
def _(g: Tensor, pads: Pads, mode: str, shape_x: tuple[int, ...]) -> Tensor:
    for dim, (n, (before, after)) in enumerate(zip(shape_x, pads)):
        if before or after:
            g = returned(g, _PLACES[mode](n, before, after), dim, n)
    return g


@operation(label="Pad")
def taken(x: Any, places: Any, dim: int) -> Any:
    """The elements at `places` along a dimension, which may come several times."""
    return x.take(np.asarray(places), dim)


@taken.gradient
def _(g: Tensor, places: Any, dim: int, shape_x: tuple[int, ...]) -> Tensor:
    return returned(g, places, dim, shape_x[dim])


@operation(label="PadBackward")
def returned(x: Any, places: Any, dim: int, size: int) -> Any:
    """The transpose of `taken`: elements summed where they were taken from."""
    shape = *x.shape[:dim], size, *x.shape[dim + 1 :]
    return kernels.gather.indexed.spread(shape, (*(slice(None),) * dim, places), x)


@returned.gradient
def _(g: Tensor, places: Any, dim: int) -> Tensor:
    return taken(g, places, dim)


@public("nn.functional.pad")
@remembers("input")
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """More elements around the last dimensions.

    Args:
        pad: How many before and after the last dimension, then before and after the one before it, ...;
            negative numbers cut off.
        mode: "constant"; "reflect", mirrored without the edge; "replicate", the edge again; "circular".
        value: Of "constant". Default: 0.

    Raises:
        RuntimeError, ValueError, NotImplementedError: The amounts do not fit the input or the mode.

    Source: torch.nn.functional.pad

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.pad(torch.tensor([[1, 2]]), (1, 2))
        tensor([[0, 1, 2, 0, 0]])
    """
    if is_overridden(input):
        return override(_pad, (input,), (input, pad, mode, value), {})
    amounts = [int(n) for n in pad]
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) // 2 > input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(amounts)} and input of dimension {input.ndim}"
        )
    pairs = list(zip(amounts[::2], amounts[1::2]))[::-1]
    pairs = [(0, 0)] * (input.ndim - len(pairs)) + pairs
    if mode == "constant":
        _check_sizes(input, pairs)
        return constant_pad_(input, tuple(pairs), _filling(input, value))
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _PLACES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check_mode(input, len(amounts) // 2)
    for dim, (before, after) in enumerate(pairs):
        if before or after:
            _check_amounts(input, mode, dim, before, after)
    return extended_(input, tuple(pairs), mode)


_pad = pad


def _filling(input: Tensor, value: Any) -> Any:
    """The value around the input, which does not wrap around.

    Raises:
        RuntimeError: The dtype cannot hold it.
    """
    if not value:
        return 0
    exact = value if isinstance(value, int) and 0 < value <= INT64_MAX else value * 1.0
    return converted(exact, input.dtype)


def _reflected(size: int, before: int, after: int) -> Any:
    places = np.arange(-before, size + after)
    places = np.abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def _wrapped(size: int, before: int, after: int) -> Any:
    """What negative amounts leave is what goes around."""
    kept = np.arange(max(-before, 0), size + min(after, 0))
    return kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % len(kept)]


_PLACES = {
    "reflect": _reflected,
    "replicate": lambda n, a, b: np.clip(np.arange(-a, n + b), 0, n - 1),
    "circular": _wrapped,
}


def _check_sizes(input: Tensor, pairs: list[tuple[int, int]]) -> None:
    for i, (n, (a, b)) in enumerate(zip(input.shape, pairs)):
        if n + a + b < 0 or n + min(a, 0) + min(b, 0) < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {a} and {b} resulted in a negative output "
                f"size, which is invalid. Check dimension {i} of your input."
            )


def _check_mode(input: Tensor, padded: int) -> None:
    if padded > 3 or not padded + 1 <= input.ndim <= padded + 2:
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: the last one, "
            f"two or three of a tensor with one or two more; got {padded} of {input.ndim}"
        )


def _check_amounts(input: Tensor, mode: str, dim: int, before: int, after: int) -> None:
    n = input.shape[dim]
    if mode == "reflect" and (before >= n or after >= n):
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: "
            f"padding ({before}, {after}) at dimension {dim} of input {list(input.shape)}"
        )
    if mode == "circular" and max(before, after) > n + min(before, after, 0):
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if n == 0 or n + before + after < 1:
        raise RuntimeError(
            f"Expected a non-empty result of padding ({before}, {after}) at dimension {dim} of input "
            f"{list(input.shape)}"
        )
