"""Converting a module: its parameters and buffers to another dtype or device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..core.device import device
from ..core.dtype import CONVERSIONS, dtype
from ..core.tensor import Tensor
from .parameter import Parameter, is_lazy

Self = TypeVar("Self", bound="Convertible")


class Convertible:
    """The part of Module that converts."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    children: Callable[[], Iterator[Any]]

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        for module in self.children() if recurse else ():
            module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = _converted(parameter, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = _converted(buffer, fn) if is_lazy(buffer) else fn(buffer)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert floating parameters and buffers: to(device), to(dtype), to(tensor)."""
        to_device = kwargs.get("device")
        to_dtype = kwargs.get("dtype")
        for arg in args:
            if isinstance(arg, Tensor):
                to_device, to_dtype = arg.device, arg.dtype
            elif isinstance(arg, dtype):
                to_dtype = arg
            elif isinstance(arg, (str, device, int)) and not isinstance(arg, bool):
                to_device = arg
        if to_dtype is not None and not (to_dtype.is_floating_point or to_dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={to_dtype}"
            )

        def convert(x: Tensor) -> Tensor:
            wanted = to_dtype if to_dtype and (x.is_floating_point() or x.is_complex()) else x.dtype
            return x.to(device=to_device or x.device, dtype=wanted)  # type: ignore[attr-defined]

        return self._apply(convert)

    def cpu(self: Self) -> Self:
        """Move everything to the CPU."""
        return self.to("cpu")

    def cuda(self: Self, device: Any = None) -> Self:
        """Move everything to a CUDA device."""
        return self.to("cuda" if device is None else device)

    def xpu(self: Self, device: Any = None) -> Self:
        """Move everything to an XPU device."""
        return self.to("xpu" if device is None else device)

    def mtia(self: Self, device: Any = None) -> Self:
        """Move everything to an MTIA device."""
        return self.to("mtia" if device is None else device)

    def ipu(self: Self, device: Any = None) -> Self:
        """Move everything to an IPU device."""
        return self.to("ipu" if device is None else device)

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without copying values, which are then undefined."""
        return self._apply(lambda x: _empty_like(x, device), recurse)

    def type(self: Self, dst_type: Any) -> Self:
        """Convert everything to a dtype."""
        return self._apply(lambda x: x.type(dst_type))  # type: ignore[attr-defined]


def _conversion(name: str, target: dtype) -> None:
    def convert(self: Convertible) -> Any:
        return self._apply(lambda x: getattr(x, name)() if x.is_floating_point() else x)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"Floating parameters and buffers as {target.name}."
    setattr(Convertible, name, convert)


for _name, _target in CONVERSIONS.items():
    if _target.is_floating_point:
        _conversion(_name, _target)


def _converted(parameter: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    """The parameter with its values (and gradient) converted; the same object, so optimisers keep it."""
    if is_lazy(parameter):
        parameter.data = fn(parameter.data)
        return parameter
    parameter.data = fn(parameter.detach())
    if parameter.grad is not None:
        grad = parameter.grad
        converted = fn(grad.detach())
        parameter.grad = converted.requires_grad_(grad.requires_grad)
    return parameter


def _empty_like(x: Any, device: Any) -> Tensor:
    from .. import empty_like  # type: ignore[attr-defined]

    return empty_like(x, device=device)
