"""skip_init: modules whose first values nobody needs."""

from __future__ import annotations

import inspect
from typing import Any

from ..module import Module


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module for values that will be loaded; what it holds until then is not defined.

    Raises:
        RuntimeError: The class is no Module, or takes no device.

    Source: torch.nn.utils.skip_init
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    return module_cls(*args, **kwargs)
