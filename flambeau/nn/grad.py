"""Gradients of convolutions as functions.

Source: torch.nn.grad
"""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from . import functional as F


def _make(n: int, towards: str) -> Any:
    convolve = getattr(F, f"conv{n}d")

    def gradient(
        first: Any,
        second: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        from .. import empty  # type: ignore[attr-defined]

        of_input = towards == "input"
        size, other = (first, second) if of_input else (second, first)
        if size is None:
            raise ValueError(f"grad.conv{n}d_{towards} requires specifying the {towards}'s size")
        x = empty(tuple(size), dtype=other.dtype).zero_().requires_grad_()
        pair = (x, other.detach()) if of_input else (other.detach(), x)
        y = convolve(*pair, None, stride, padding, dilation, groups)
        return grad(y, x, grad_output)[0]

    gradient.__name__ = gradient.__qualname__ = f"conv{n}d_{towards}"
    sizes = "input_size, weight" if towards == "input" else "input, weight_size"
    gradient.__doc__ = f"""The gradient of conv{n}d towards its {towards}.

    Args:
        first, second: ({sizes}): one of the operands, and the other's size.
        grad_output: The gradient of the result.
        stride, padding, dilation, groups: As of the convolution.

    Source: torch.nn.grad.conv{n}d_{towards}
    """
    return gradient


conv1d_input, conv2d_input, conv3d_input = (_make(n, "input") for n in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_make(n, "weight") for n in (1, 2, 3))
