"""torch.utils.data._utils.pin_memory: copies in page-locked memory, for an accelerator.

Source: torch.utils.data._utils.pin_memory
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....core.tensor import Tensor
from ..collate import _listed, _mapped


def pin_memory(data: Any, device: Any = None) -> Any:
    """The same with its tensors in page-locked memory, also inside containers.

    Raises:
        RuntimeError: It has tensors, and there is no accelerator to lock memory for.

    Source: torch.utils.data._utils.pin_memory.pin_memory
    """
    if isinstance(data, Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()  # type: ignore[attr-defined]
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _mapped(data, {key: pin_memory(value, device) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(pin_memory(item, device) for item in data))
    if isinstance(data, tuple):
        return type(data)(pin_memory(item, device) for item in data)
    if isinstance(data, Sequence):
        return _listed(data, [pin_memory(item, device) for item in data])
    return data
