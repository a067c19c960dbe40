"""Gradients of convolutions as functions of their own: of the input, and of the weight.

Source: torch.nn.grad
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..autograd import grad
from ..core.tensor import Tensor
from . import functional as F

Ints = int | Sequence[int]


def _of_input(convolve: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def of_input(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Ints = 1,
        padding: Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Tensor:
        # The gradient does not depend on the input's values.
        place = grad_output.new_empty(tuple(input_size)).requires_grad_()
        output = convolve(place, weight.detach(), None, stride, padding, dilation, groups)
        (result,) = grad(output, place, grad_output)
        assert result is not None
        return result

    of_input.__name__ = of_input.__qualname__ = f"{name}_input"
    of_input.__doc__ = f"""The gradient of {name} with respect to its input.

    Args:
        input_size: The shape of the input.
        weight: The convolution's weight.
        grad_output: The gradient of the output.
        stride, padding, dilation, groups: The convolution's.

    Source: torch.nn.grad.{name}_input
    """
    return of_input


def _of_weight(convolve: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def of_weight(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Ints = 1,
        padding: Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Tensor:
        place = grad_output.new_empty(tuple(weight_size)).requires_grad_()
        output = convolve(input.detach(), place, None, stride, padding, dilation, groups)
        (result,) = grad(output, place, grad_output)
        assert result is not None
        return result

    of_weight.__name__ = of_weight.__qualname__ = f"{name}_weight"
    of_weight.__doc__ = f"""The gradient of {name} with respect to its weight.

    Args:
        input: The convolution's input.
        weight_size: The shape of the weight.
        grad_output: The gradient of the output.
        stride, padding, dilation, groups: The convolution's.

    Source: torch.nn.grad.{name}_weight
    """
    return of_weight


conv1d_input, conv1d_weight = _of_input(F.conv1d, "conv1d"), _of_weight(F.conv1d, "conv1d")
conv2d_input, conv2d_weight = _of_input(F.conv2d, "conv2d"), _of_weight(F.conv2d, "conv2d")
conv3d_input, conv3d_weight = _of_input(F.conv3d, "conv3d"), _of_weight(F.conv3d, "conv3d")
