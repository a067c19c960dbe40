"""Weights of convolutions in another layout in memory.

Source: torch.nn.utils.memory_format
"""

from __future__ import annotations

from typing import Any, TypeVar

from ..convolution import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

M = TypeVar("M")


def _convert(module: Any, kinds: tuple, memory_format: Any) -> Any:
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lay the weights of all 2-d convolutions out in a memory format; the module itself.

    Source: torch.nn.utils.convert_conv2d_weight_memory_format
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lay the weights of all 3-d convolutions out in a memory format; the module itself.

    Source: torch.nn.utils.convert_conv3d_weight_memory_format
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
