"""Softmax and its gradient by the names of PyTorch's kernels, which models with a gradient of their own call."""

from __future__ import annotations

from ...core.dtype import dtype
from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public


@public("_softmax", out=True, tensors="input")
def _softmax(input: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """`torch.softmax` along `dim`.

    Raises:
        RuntimeError: half_to_float is True: that is for GPUs.

    Source: torch._softmax
    """
    _check_half("softmax", half_to_float)
    return NAMESPACES["torch"]["softmax"](input, dim)


@public("_log_softmax", out=True, tensors="input")
def _log_softmax(input: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """`torch.log_softmax` along `dim`.

    Raises:
        RuntimeError: half_to_float is True: that is for GPUs.

    Source: torch._log_softmax
    """
    _check_half("log_softmax", half_to_float)
    return NAMESPACES["torch"]["log_softmax"](input, dim)


def _check_half(name: str, half_to_float: bool) -> None:
    if half_to_float:
        raise RuntimeError(f"{name} with half to float conversion is not supported on CPU")


@public("_softmax_backward_data", out=True, tensors="grad_output output")
def _softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: dtype
) -> Tensor:
    """The gradient of softmax for its input.

    Args:
        grad_output: The gradient of the result.
        output: The result.
        dim: The dimension that sums to one.
        input_dtype: The input's dtype.

    Source: torch._softmax_backward_data

    Example:
        >>> import flambeau as torch
        >>> torch._softmax_backward_data(
        ...     torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]), 0, torch.float32
        ... )
        tensor([ 0.2500, -0.2500])
    """
    weighted = grad_output * output
    return (weighted - output * weighted.sum(dim, True)).to(input_dtype)  # type: ignore[attr-defined]


@public("_log_softmax_backward_data", out=True, tensors="grad_output output")
def _log_softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: dtype
) -> Tensor:
    """The gradient of log_softmax for its input; the arguments are those of `_softmax_backward_data`.

    Source: torch._log_softmax_backward_data
    """
    return (grad_output - output.exp() * grad_output.sum(dim, True)).to(input_dtype)  # type: ignore[attr-defined]
