"""Parameters and buffers whose shape is not known yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import device as Device
from ..core.kind import Kind, kind_of
from ..core.tensor import Tensor, wrap
from ..ops.creation import kind_for
from .parameter import Parameter

_HINT = (
    "This error happens when you are using a `LazyModule` or explicitly manipulating "
    "`torch.nn.parameter.UninitializedParameter` objects. When using LazyModules Call `forward` with a "
    "dummy batch to initialize the parameters before calling torch functions"
)


class _Uninitialized:
    """A tensor without a shape; every operation refuses it."""

    uninitialized = True
    becomes: type

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        name = getattr(function, "__name__", function)
        raise ValueError(f"Attempted to use an uninitialized parameter in {name}. {_HINT}")

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it a shape; its values are not set.

        Args:
            shape: The sizes.
            device, dtype: Default: its own.
        """
        kind = _plain(self._kind)
        if device is not None:
            kind = kind_of(kind.dtype, Device(device))
        if dtype is not None:
            kind = kind.with_dtype(dtype)
        fresh = wrap(kind.xp.empty(tuple(shape), kind.numpy), kind)
        wanted = self.requires_grad
        for slot in ("_array", "_kind", "_node", "_cell", "_base"):
            setattr(self, slot, getattr(fresh, slot))
        self.__class__ = self.becomes
        self.requires_grad_(wanted)

    def detach(self) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _apply(self: Any, fn: Any) -> Any:
        """Convert what it will be: its dtype and device."""
        plain = wrap(self._array, _plain(self._kind))
        self._kind = _marked(fn(plain)._kind)
        return self


def _plain(kind: Kind) -> Kind:
    return kind_of(kind.dtype, kind.device)


def _marked(kind: Kind) -> Kind:
    return kind_of(kind.dtype, kind.device, True)


def _made(cls: type, device: Any, dtype: Any) -> Any:
    kind = kind_for(dtype, device)
    result: Any = object.__new__(cls)
    empty = wrap(np.empty(0, kind.numpy), kind)
    for slot in ("_array", "_kind", "_node", "_cell", "_base"):
        setattr(result, slot, getattr(empty, slot))
    result._kind = _marked(kind)
    return result


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter that gets its shape later, by `materialize`.

    Source: torch.nn.parameter.UninitializedParameter
    """

    becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        return _made(cls, device, dtype).requires_grad_(requires_grad)


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer that gets its shape later, by `materialize`.

    Source: torch.nn.parameter.UninitializedBuffer
    """

    becomes = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        result = _made(cls, device, dtype)
        result.persistent = persistent
        return result
