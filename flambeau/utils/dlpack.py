"""torch.utils.dlpack: exchange of memory with other libraries of arrays."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap
from ..ops.tensor.dlpack import DLDeviceType, from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "ReadOnlyTensorWrapper", "from_dlpack", "to_dlpack"]


class ReadOnlyTensorWrapper(Tensor):
    """A tensor's memory for other libraries to read and not to write: it can be exported and nothing else.

    Args:
        tensor: Whose memory it is; nothing is copied.

    Raises:
        TypeError: `tensor` is no tensor.
        RuntimeError: In use, for everything but DLPack's two methods.

    Source: torch.utils.dlpack.ReadOnlyTensorWrapper

    Example:
        >>> import numpy as np
        >>> import flambeau as torch
        >>> from flambeau.utils.dlpack import ReadOnlyTensorWrapper
        >>> np.from_dlpack(ReadOnlyTensorWrapper(torch.ones(2))).flags.writeable
        False
    """

    _DLPACK_ALLOWED = frozenset({Tensor.__dlpack__, Tensor.__dlpack_device__})  # type: ignore[attr-defined]

    def __new__(cls, tensor: Tensor) -> ReadOnlyTensorWrapper:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"ReadOnlyTensorWrapper wraps a tensor, not {type(tensor).__name__}")
        array = tensor.detach()._array.view()
        array.flags.writeable = False
        return wrap(array, tensor._kind).as_subclass(cls)

    def __dlpack__(self, *, max_version: Any = None, **options: Any) -> Any:
        """The capsule, of a version of DLPack that can say that memory is to be read only."""
        return super().__dlpack__(max_version=max_version or (1, 0), **options)  # type: ignore[misc]

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func not in cls._DLPACK_ALLOWED:
            raise RuntimeError(
                f"ReadOnlyTensorWrapper can be exported by DLPack and nothing else, not given to "
                f"{getattr(func, '__name__', func)}: use the tensor that it wraps"
            )
        return super().__torch_function__(func, types, args, kwargs or {})
