"""The device of factories as a context, by the name that programs look for.

Source: torch.utils._device
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.device import device as Device


class DeviceContext:
    """Inside, factories make tensors on a device; ``with torch.device(...)`` does the same.

    Args:
        device: The device.

    Source: torch.utils._device.DeviceContext

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils._device import DeviceContext
        >>> with DeviceContext("meta"):
        ...     torch.zeros(2).device
        device(type='meta')
    """

    def __init__(self, device: Any):
        self.device = Device(device)

    def __enter__(self) -> DeviceContext:
        self.device.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.device.__exit__(*error)


def set_device(device: Any) -> Callable[[Callable], Callable]:
    """Decorator: the function runs with its factories on a device.

    Source: torch.utils._device.set_device
    """

    def decorated(function: Callable) -> Callable:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            with Device(device):
                return function(*args, **options)

        return call

    return decorated


__all__ = ["DeviceContext", "set_device"]
