"""The few names of torch's private module that programs use: all about ``__torch_function__``."""

from .core.handler import DisableTorchFunction, DisableTorchFunctionSubclass
from .core.handler import disabled as _disabled_torch_function_impl
from .core.handler import state as _state
from .core.random.generator import Generator


def _is_torch_function_enabled() -> bool:
    """Do classes handle functions?"""
    return _state.enabled


__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Generator",
    "_disabled_torch_function_impl",
]
