"""The weights of a model's convolutions in another memory format.

Source: torch.nn.utils.memory_format
"""

from __future__ import annotations

from typing import Any, TypeVar

from ..convolution import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

M = TypeVar("M", bound=Module)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lay the weights of all 2-D convolutions of a model out anew, in place.

    Args:
        module: A model, changed.
        memory_format: `torch.channels_last` or `torch.contiguous_format`.

    Returns: the model.

    Source: torch.nn.utils.convert_conv2d_weight_memory_format

    Example:
        >>> import flambeau as torch
        >>> net = torch.nn.Conv2d(2, 3, 3)
        >>> net = torch.nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
        >>> net.weight.stride()
        (18, 1, 6, 2)
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """The same for all 3-D convolutions of a model, with `torch.channels_last_3d`.

    Source: torch.nn.utils.convert_conv3d_weight_memory_format
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)


def _convert(module: M, layers: tuple[type, ...], memory_format: Any) -> M:
    for part in module.modules():
        if isinstance(part, layers):
            weight: Any = part.weight
            weight.data = weight.detach().clone(memory_format=memory_format)
    return module
