"""Copies of tensors among accelerators: there are none, and tensors on the CPU are refused as in PyTorch.

Source: torch.nn.parallel.comm
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from ...core.accelerator import _get_device_index


def _refuse(what: str) -> NoReturn:
    raise AssertionError(
        f"{what} function not implemented for CPU tensors: there is no accelerator"
    )


def scatter(
    tensor: Any, devices: Any = None, chunk_sizes: Any = None, dim: int = 0, streams: Any = None
) -> Any:
    """A tensor's parts, on devices.

    Raises:
        ValueError: One of the devices is a CPU.
    """
    for device in devices or ():
        _get_device_index(device)
    _refuse("Scatter")


def gather(tensors: Sequence[Any], dim: int = 0, destination: Any = None) -> Any:
    """Tensors of devices, joined on one.

    Raises:
        AssertionError: They are on the CPU.
    """
    _refuse("Gather")


def broadcast(tensor: Any, devices: Any = None, *, out: Any = None) -> Any:
    """Copies of a tensor on devices.

    Raises:
        AssertionError: It is on the CPU.
    """
    _refuse("Broadcast")


def broadcast_coalesced(tensors: Any, devices: Any, buffer_size: int = 10485760) -> Any:
    """Copies of tensors on devices.

    Raises:
        AssertionError: They are on the CPU.
    """
    _refuse("Broadcast")


def reduce_add(inputs: Sequence[Any], destination: Any = None) -> Any:
    """The sum of tensors of devices, on one.

    Raises:
        AssertionError: They are on the CPU.
    """
    _refuse("reduce_add")


def reduce_add_coalesced(inputs: Any, destination: Any = None, buffer_size: int = 10485760) -> Any:
    """The sums of lists of tensors of devices, on one.

    Raises:
        AssertionError: They are on the CPU.
    """
    _refuse("reduce_add")
