"""Fake tensors: shapes, dtypes and devices as real ones have them, computed on the device meta.

Source: torch._subclasses.fake_tensor
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.device import device as Device
from ..core.handler import DisableTorchDispatch
from ..core.pytree.tree import tree_flatten, tree_map
from ..core.tensor import Tensor
from ..utils._python_dispatch import TorchDispatchMode, _disable_current_modes

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake", "unset_fake_temporarily"]


class UnsupportedFakeTensorException(RuntimeError):
    """A tensor that cannot be faked."""


class DynamicOutputShapeException(RuntimeError):
    """An operation whose result's shape depends on values."""


class FakeTensor(Tensor):
    """A tensor without elements, which says that it is on some device; `FakeTensorMode` makes them.

    Source: torch._subclasses.FakeTensor
    """

    @staticmethod
    def __new__(cls, fake_mode: Any, elem: Tensor, device: Any, **options: Any) -> Any:
        with DisableTorchDispatch():
            return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
                cls,
                elem.shape,
                strides=elem.stride(),
                dtype=elem.dtype,
                device=device,
                requires_grad=elem.requires_grad,
            )

    def __init__(self, fake_mode: Any, elem: Tensor, device: Any, **options: Any) -> None:
        self.fake_mode, self.elem, self.fake_device = fake_mode, elem, Device(device)

    def __repr__(self) -> str:
        device = "" if self.device.type == "cpu" else f", device='{self.device}'"
        return f"FakeTensor(..., size={tuple(self.shape)}{device}, dtype={self.dtype})"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        found = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, FakeTensor)]
        return found[0].fake_mode.run(func, args, kwargs or {})


class FakeTensorMode(TorchDispatchMode):
    """A context in which operations give fake tensors, and compute nothing.

    Args:
        allow_non_fake_inputs: Take real tensors among the operands, as fake ones; else they are an error.

    Raises:
        DataDependentOutputException: Inside, a value is asked for.

    Source: torch._subclasses.FakeTensorMode

    Example:
        >>> import flambeau as torch
        >>> from flambeau._subclasses import FakeTensorMode
        >>> with FakeTensorMode() as mode:
        ...     x = torch.empty(2, 3)
        >>> x
        FakeTensor(..., size=(2, 3), dtype=torch.float32)
    """

    def __init__(
        self,
        *,
        allow_fallback_kernels: bool = True,
        allow_non_fake_inputs: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.allow_non_fake_inputs = allow_non_fake_inputs

    def from_tensor(self, tensor: Tensor, **options: Any) -> FakeTensor:
        """A fake tensor like a real one."""
        with DisableTorchDispatch():
            elem = tensor.detach().to("meta")
            if tensor.requires_grad:
                elem.requires_grad_()
        return FakeTensor(self, elem, tensor.device)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run an operation on the device meta."""
        if func._opname in ("_local_scalar_dense", "item"):
            raise DataDependentOutputException(func)
        device = self._device(args, kwargs)
        kwargs = dict(kwargs)
        names = {argument.name for argument in func._schema.arguments}
        if kwargs.get("device") is not None:
            device = Device(kwargs["device"])
        if "device" in names:
            kwargs["device"] = "meta"

        def inner(x: Any) -> Any:
            if isinstance(x, FakeTensor):
                return x.elem
            if not isinstance(x, Tensor):
                return x
            if x.ndim and not self.allow_non_fake_inputs and x.device.type != "meta":
                raise AssertionError(
                    f"Please convert all Tensors to FakeTensors first or instantiate FakeTensorMode with "
                    f"'allow_non_fake_inputs'. Found in {func}"
                )
            return x.to("meta")

        with DisableTorchDispatch():
            result = func(*tree_map(inner, args), **tree_map(inner, kwargs))
        if func._schema.is_mutable and isinstance(args[0], FakeTensor):
            return args[0]
        return tree_map(
            lambda x: FakeTensor(self, x, device) if isinstance(x, Tensor) else x, result
        )

    def _device(self, args: tuple, kwargs: dict[str, Any]) -> Device:
        """The device of the first operand that has dimensions, or of the first."""
        found = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        chosen = next((x for x in found if x.ndim), found[0] if found else None)
        return Device("cpu") if chosen is None else chosen.device


class DataDependentOutputException(RuntimeError):
    """A value of a fake tensor is asked for.

    Source: torch._subclasses.fake_tensor.DataDependentOutputException
    """

    def __init__(self, func: Any) -> None:
        super().__init__(f"{func}: a fake tensor has no values; this needs one")
        self.func = func


def is_fake(x: object) -> bool:
    """Is it a fake tensor?

    Source: torch._subclasses.fake_tensor.is_fake
    """
    return isinstance(x, FakeTensor)


@contextmanager
def unset_fake_temporarily() -> Iterator[Any]:
    """Inside, no mode is in force.

    Source: torch._subclasses.fake_tensor.unset_fake_temporarily
    """
    with _disable_current_modes() as modes:
        yield next((mode for mode in modes if isinstance(mode, FakeTensorMode)), None)
