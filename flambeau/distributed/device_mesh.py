"""Devices of several processes as an array: there are no such processes.

Source: torch.distributed.device_mesh
"""

from __future__ import annotations

from typing import Any, NoReturn

from .rendezvous import NO_GROUPS


class DeviceMesh:
    """Devices as an array.

    Raises:
        RuntimeError: Always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(NO_GROUPS)


def init_device_mesh(*args: Any, **kwargs: Any) -> NoReturn:
    """Arrange the devices of all processes.

    Raises:
        RuntimeError: Always.

    Source: torch.distributed.init_device_mesh
    """
    raise RuntimeError(NO_GROUPS)
