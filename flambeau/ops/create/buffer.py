"""Tensors on memory that belongs to somebody else: buffers, files, and whatever `asarray` is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._caller import warn
from ...core.device import CPU
from ...core.dtype import uint8
from ...core.kind import kind_of
from ...core.layout import check_options
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public
from .data import as_tensor, from_numpy, tensor
from .factory import kind_for, made, named_dtype


@public()
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor on the memory of an object with Python's buffer protocol.

    Args:
        buffer: For example a bytearray, an array.array or a memoryview.
        dtype: How the bytes are read.
        count: How many elements; all that are there if negative.
        offset: Bytes to skip.
        requires_grad: Is its gradient wanted?

    Raises:
        ValueError: The buffer is too short, or no whole number of elements.

    Source: torch.frombuffer

    Example:
        >>> import flambeau as torch
        >>> torch.frombuffer(bytearray(b"ab"), dtype=torch.uint8)
        tensor([97, 98], dtype=torch.uint8)
    """
    kind = kind_of(named_dtype(dtype, "frombuffer"), CPU)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError(
            f"object does not implement Python buffer protocol: {type(buffer).__name__}"
        ) from None
    length, item = view.nbytes, kind.numpy.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count < 0:
        count, rest = divmod(length - offset, item)
        if rest:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
                f"multiple of element size ({item})"
            )
    elif offset + count * item > length:
        raise ValueError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    if view.readonly:
        warn(
            "The given buffer is not writable: writing to the tensor raises an error. Pass a "
            "bytearray or another writable buffer to change its bytes through the tensor.",
            UserWarning,
        )
    return made(np.frombuffer(buffer, kind.numpy, count, offset), kind, requires_grad)


@public()
def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Anything as a tensor, sharing memory where that can be.

    Args:
        obj: A tensor, an array, an object with the buffer protocol, a storage, numbers or nested
            sequences.
        dtype, device: Default: those of the object. The bytes of an UntypedStorage (uint8) and of a
            buffer are read as a dtype, not converted.
        copy: True always copies, False never does.
        requires_grad: Default: whether the object does.

    Raises:
        ValueError: copy=False and there is no sharing the memory.

    Source: torch.asarray

    Example:
        >>> import flambeau as torch
        >>> torch.asarray(bytearray(b"ab"), dtype=torch.uint8)
        tensor([97, 98], dtype=torch.uint8)
    """
    dtype = None if dtype is None else named_dtype(dtype, "asarray")
    shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor: leave out copy=False")
        return tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
    kind = kind_for(dtype or shared.dtype, device or shared.device)
    if copy is False and kind is not shared._kind:
        if kind.dtype is not shared.dtype:
            raise ValueError(
                f"can't alias tensor with dtype '{shared.dtype.legacy}' into dtype "
                f"'{kind.dtype.legacy}': leave out copy=False"
            )
        raise ValueError(
            f"can't alias tensor from device '{shared.device}' to '{kind.device}': leave out copy=False"
        )
    if requires_grad is None and shared._node is not None:
        warn(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of "
            "False. Pass requires_grad=False explicitly to get the old behavior and silence this "
            "warning.",
            UserWarning,
        )
    result = shared.to(dtype=kind.dtype, device=kind.device, copy=bool(copy))
    if requires_grad is False and result._node is not None:
        return result.detach()
    if requires_grad and result._node is None:
        return (result.detach() if result is obj else result).requires_grad_()
    return result


_STORAGE = ("flambeau.storage", "torch.storage")
"""What the module of storages calls itself: it loads late, and `compat` may name it after PyTorch's."""


def _shared(obj: Any, dtype: Any) -> Tensor | None:
    """A tensor on the memory of `obj`, or None where it has none to share."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if isinstance(obj, np.generic):
        return from_numpy(np.array(obj))
    if isinstance(obj, (bytes, bytearray, memoryview)) or hasattr(obj, "__buffer__"):
        return frombuffer(obj, dtype=dtype or kind_for(None, CPU).dtype)
    if hasattr(obj, "__array__") and not isinstance(obj, (list, tuple)):
        return as_tensor(np.asarray(obj))
    return _of_storage(obj, dtype) if type(obj).__module__ in _STORAGE else None


def _of_storage(storage: Any, dtype: Any) -> Tensor:
    """All of a storage, whose bytes a dtype is read into: nothing is converted."""
    own = getattr(storage, "dtype", None)
    if own is not None and dtype not in (None, own):
        raise RuntimeError(
            f"Expected a Storage of type {dtype.legacy} or an UntypedStorage, but got {own.legacy}: "
            "convert the tensor, or pass storage.untyped()"
        )
    kind = kind_of(dtype or own or uint8, storage.device)
    held = storage.untyped()._bytes
    whole = held.nbytes // kind.numpy.itemsize * kind.numpy.itemsize
    return wrap(held[:whole].view(kind.numpy), kind)


@public()
def from_file(
    filename: Any,
    shared: bool | None = None,
    size: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A 1-d tensor on the bytes of a file, left there until they are looked at.

    Args:
        filename: Its path.
        shared: Does what is written to the tensor go to the file?
        size: How many elements, from the file's first.
        dtype: How the bytes are read; the default dtype if not given.
        layout, device, pin_memory: Only torch.strided, the CPU and False.
        requires_grad: Is its gradient wanted?

    Raises:
        RuntimeError: The file cannot be opened, or is shorter and `shared` is False.

    Source: torch.from_file

    Example:
        >>> import os, tempfile, flambeau as torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     name = os.path.join(folder, "x")
        ...     with open(name, "wb") as file:
        ...         _ = file.write(bytes([1, 0, 2, 0]))
        ...     torch.from_file(name, size=2, dtype=torch.int16)
        tensor([1, 2], dtype=torch.int16)
    """
    from ...core.storage import UntypedStorage  # rare, so not loaded with the library

    if layout is not None or pin_memory:
        check_options("from_file", layout, pin_memory)
    if pin_memory:
        raise RuntimeError("from_file(): memory of files is not pinned; call .pin_memory() on it")
    kind = kind_for(None if dtype is None else named_dtype(dtype, "from_file"), device)
    if kind.device is not CPU:
        raise NotImplementedError(f"from_file() maps files on the CPU, not on {kind.device}")
    storage = UntypedStorage.from_file(filename, bool(shared), size * kind.numpy.itemsize)
    return made(storage._bytes.view(kind.numpy), kind, requires_grad)
