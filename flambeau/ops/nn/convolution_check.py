"""What a convolution's arguments must be like."""

from __future__ import annotations

from typing import Any

from ...core.error import two_devices
from ...core.tensor import Tensor, class_name
from .window import numbers


def check_convolution(
    name: str,
    input: Any,
    weight: Any,
    bias: Any,
    groups: int,
    n: int,
    transposed: bool,
) -> None:
    """Raises TypeError or RuntimeError where tensors do not fit together."""
    for position, (key, value) in enumerate((("input", input), ("weight", weight), ("bias", bias))):
        if not isinstance(value, Tensor) and not (key == "bias" and value is None):
            raise TypeError(
                f"{name}(): argument '{key}' (position {position + 1}) must be Tensor, not "
                f"{class_name(value)}"
            )
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    if weight.ndim != n + 2:
        raise RuntimeError(
            f"{name}: expected a weight of {n + 2} dimensions, but got size {list(weight.shape)}"
        )
    _check_dtypes(input, weight, bias)
    if not isinstance(groups, int) or groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    channels = input.shape[-n - 1]
    given = "transposed=1" if transposed else f"groups={groups}"
    head = f"Given {given}, weight of size {list(weight.shape)}, expected "
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"{head}weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(weight.shape)} instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"{head}weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"{list(weight.shape)} instead"
        )
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if channels != wanted:
        last = [
            *range(input.ndim - n - 1),
            input.ndim - 1,
            *range(input.ndim - n - 1, input.ndim - 1),
        ]
        advice = (
            ": channels come before sizes, use input.permute(" + ", ".join(map(str, last)) + ")"
        )
        raise RuntimeError(
            f"{head}input{list(input.shape)} to have {wanted} channels, but got {channels} channels "
            f"instead{advice if input.shape[-1] == wanted else ''}"
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"Given transposed={transposed}, weight of size {list(weight.shape)}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {list(bias.shape)} instead"
        )


def _check_dtypes(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for key, value in (("weight", weight), ("bias", bias)):
        if value is None or value._kind is input._kind:
            continue
        head = f"Input type ({input.type()}) and {key} type ({value.type()}) should be the same"  # type: ignore[attr-defined]
        if value.device != input.device:
            raise RuntimeError(f"{head}. {two_devices((input.device, value.device))}")
        if value.dtype is not input.dtype:
            raise RuntimeError(f"{head}: convert one with .to(dtype)")


def resolved_padding(
    name: str,
    padding: Any,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    n: int,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding before and after, for each dimension.

    Raises:
        RuntimeError: An unknown word, or "same" with strides.
    """
    if not isinstance(padding, str):
        pads = numbers("padding", padding, n, name)
        return pads, pads
    if padding == "valid":
        return (0,) * n, (0,) * n
    if padding != "same":
        raise RuntimeError(
            f"Invalid padding string: '{padding}'; it should be 'valid' or 'same', or numbers"
        )
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, size)]
    before = tuple(total // 2 for total in totals)
    return before, tuple(total - low for total, low in zip(totals, before))
