"""Functions that make masked tensors.

Source: torch.masked.maskedtensor.creation
"""

from __future__ import annotations

from ...autograd.mode import is_grad_enabled
from ...core.tensor import Tensor
from .core import MaskedTensor, with_mask


def masked_tensor(data: Tensor, mask: Tensor, requires_grad: bool = False) -> MaskedTensor:
    """A new leaf of the data and a mask, both copied.

    Args:
        data: A tensor.
        mask: Of its shape, bool: True for elements that count.
        requires_grad: Whether gradients are wanted of it.

    Raises:
        TypeError: one is no tensor, or the mask is not bool.
        ValueError: their shapes differ.

    Source: torch.masked.masked_tensor

    Example:
        >>> import flambeau as torch
        >>> from flambeau.masked import masked_tensor
        >>> masked_tensor(torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
        MaskedTensor(
          [  1.0000,       --]
        )
    """
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data: Tensor, mask: Tensor) -> MaskedTensor:
    """The data's memory with a mask; gradients flow to the data, zeros to what does not count.

    Raises:
        TypeError: one is no tensor, or the mask is not bool.
        ValueError: their shapes differ.

    Source: torch.masked.as_masked_tensor

    Example:
        >>> import flambeau as torch
        >>> from flambeau.masked import as_masked_tensor
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> as_masked_tensor(x, torch.tensor([True, False])).sum().backward()
        >>> x.grad
        tensor([1., 0.])
    """
    made = with_mask(data, mask)
    if not (data.requires_grad and is_grad_enabled()):
        return made
    watched = data.view_as(data)  # type: ignore[attr-defined]
    watched.register_hook(lambda g: g.masked_fill(~mask, 0))
    return with_mask(watched, mask)
