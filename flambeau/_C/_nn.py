"""torch._C._nn: functions of layers, and how `Module.to` reads its arguments.

Source: torch._C._nn
"""

from __future__ import annotations

from typing import Any

from ..core.device import device, resolve
from ..core.dtype import dtype
from ..core.layout import memory_format
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES


def _parse_to(
    *args: Any, **kwargs: Any
) -> tuple[device | None, dtype | None, bool, memory_format | None]:
    """What the arguments of ``to`` mean: a device, a dtype, `non_blocking` and a memory format.

    Raises:
        TypeError: They are not those of ``to``.

    Source: torch._C._nn._parse_to

    Example:
        >>> import flambeau as torch
        >>> torch._C._nn._parse_to("cpu", torch.float64)
        (device(type='cpu'), torch.float64, False, None)
    """
    found: dict[str, Any] = dict.fromkeys(("device", "dtype", "non_blocking", "copy"))
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        found["dtype"], found["device"] = rest[0].dtype, rest[0].device
        rest.pop(0)
    elif rest and (isinstance(rest[0], (str, int, device)) and not isinstance(rest[0], bool)):
        found["device"] = rest.pop(0)
    elif rest and rest[0] is None:
        rest.pop(0)
    if rest and (isinstance(rest[0], dtype) or rest[0] is None):
        found["dtype"] = rest.pop(0)
    for name in ("non_blocking", "copy"):
        if rest and isinstance(rest[0], bool):
            found[name] = rest.pop(0)
    format = kwargs.pop("memory_format", None)
    for name, value in kwargs.items():
        if name not in found:
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
        found[name] = value
    if rest or not isinstance(found["dtype"], (dtype, type(None))):
        raise TypeError(f"to() received an invalid combination of arguments: {args}")
    where = found["device"]
    return (
        None if where is None else resolve(where),
        found["dtype"],
        bool(found["non_blocking"]),
        format,
    )


def __getattr__(name: str) -> Any:
    """The functions of nn.functional."""
    if name in NAMESPACES["nn.functional"]:
        return NAMESPACES["nn.functional"][name]
    from ..nn import functional

    if name.startswith("__") or not hasattr(functional, name):
        raise AttributeError(f"module 'torch._C._nn' has no attribute '{name}'")
    return getattr(functional, name)
