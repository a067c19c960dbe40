"""Storages: the memory that a tensor and its views share, as an object of bytes or of elements."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from .device import CPU, backends, resolve
from .device import device as Device
from .dtype import CONVERSIONS, DTYPES, dtype, state
from .memory import address, expose, foreign, is_writable, keep_alive, memory_of, owner

_storages: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()
"""Storages that somebody holds, by their memory's owner: equal memory gives one object."""


class StorageBase:
    """What classes of memory as bytes derive from.

    Source: torch.StorageBase
    """


class UntypedStorage(StorageBase):
    """Memory as bytes. Tensors that share memory give the same object.

    Args:
        size: How many bytes, not initialised; or a sequence of their values.
        device: Where they are to be.

    Source: torch.UntypedStorage

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2, dtype=torch.int16).untyped_storage().tolist()
        [1, 0, 1, 0]
    """

    __module__ = "flambeau.storage"
    is_sparse = False
    filename: str | None = None
    _is_shared = False
    _owner: Any = None
    _device: Device = CPU

    def __init__(self, size: Any = 0, *, device: Any = None):
        self._bytes: Any = (
            np.empty(size, np.uint8) if isinstance(size, int) else np.array(size, np.uint8)
        )
        if device is not None and resolve(device) is not CPU:
            self._device = resolve(device)
            self._bytes = _sent(self._bytes, self._device)

    def __sizeof__(self) -> int:
        """Bytes of the object and of its memory, which `sys.getsizeof` asks for."""
        return object.__sizeof__(self) + self.size()

    def size(self) -> int:
        """How many bytes there are."""
        return self._bytes.size

    nbytes = __len__ = size

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return address(self._bytes) if self._bytes.size else 0

    @property
    def _cdata(self) -> int:
        return id(self)

    @property
    def device(self) -> Device:
        """Where the bytes are."""
        return self._device

    @property
    def is_cuda(self) -> bool:
        """Are they on a GPU?"""
        return self._device.type == "cuda"

    def _host(self) -> np.ndarray:
        """The bytes on the CPU: the memory itself, if it is there."""
        return backends[self._device.type].to_host(self._bytes)

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def tolist(self) -> list[int]:
        """The bytes."""
        return self._host().tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(
                    f"Trying to slice with a step of {index.step}, but only a step of 1 is supported"
                )
            part = self._bytes[index]
            if self._device is not CPU:
                return _of_bytes(part, part, self._device)
            return storage_of(foreign(part, writable=True)) if part.size else UntypedStorage()
        return int(self._bytes[self._checked(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index if isinstance(index, slice) else self._checked(index)] = value

    def _checked(self, index: int) -> int:
        size = self._bytes.size
        if not -size <= index < size:
            raise IndexError(f"index {index} out of range for storage of size {size}")
        return index

    def fill_(self, value: int) -> UntypedStorage:
        """Write one value to every byte."""
        self._bytes.fill(value)
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> UntypedStorage:
        """Write another storage's bytes here.

        Raises:
            RuntimeError: The sizes differ.
        """
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was "
                f"{source.nbytes()} bytes"
            )
        self._bytes[...] = source.untyped().to(device=self._device)._bytes
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return _of_bytes(self._bytes.copy(), device=self._device)

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """A copy on another device; itself, if it is there."""
        target = resolve(device)
        if target is self._device:
            return self
        return _of_bytes(_sent(self._host(), target), device=target)

    def cpu(self) -> UntypedStorage:
        """A copy on the CPU; itself, if it is there."""
        return self.to(device=CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """A copy on a GPU, the current one by default; itself, if it is there."""
        return self.to(device="cuda" if device is None else device)

    def new(self) -> UntypedStorage:
        """An empty storage."""
        return UntypedStorage(device=self._device)

    def is_shared(self) -> bool:
        """Can other processes have the memory too? That of a file, and what `share_memory_` has moved."""
        from .segment import behind

        there = self._device is not CPU  # other processes may ask the driver for it
        return there or self._is_shared or not self.nbytes() or behind(self._bytes) is not None

    def share_memory_(self) -> UntypedStorage:
        """Move the bytes to where other processes can have them; itself.

        Tensors that look at the storage stay where they are: `Tensor.share_memory_` takes its views along.
        """
        from .segment import copied

        if not self.is_shared():
            self._bytes = self._owner = copied(self._bytes)
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Is the memory page-locked?"""
        return False

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, left there until they are looked at.

        Args:
            filename: Its path.
            shared: Does what is written to the storage go to the file? If so, the file is made, and
                made longer, where it has to be. If not, it stays in memory.
            nbytes: How many bytes, from the file's first.

        Raises:
            RuntimeError: The file cannot be opened, or is shorter and `shared` is False.

        Source: torch.UntypedStorage.from_file

        Example:
            >>> import os, tempfile, flambeau as torch
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     name = os.path.join(folder, "x")
            ...     with open(name, "wb") as file:
            ...         _ = file.write(b"abc")
            ...     torch.UntypedStorage.from_file(name, False, 2).tolist()
            [97, 98]
        """
        found = storage_of(_mapped(filename, bool(shared), nbytes))
        if shared:
            found.filename = os.fspath(filename)
        found._is_shared = True
        return found

    def resize_(self, size: int) -> UntypedStorage:
        """Itself, if the size is what it is.

        Raises:
            RuntimeError: It is not: tensors hold the memory and would lose it.
        """
        if size != self.nbytes():
            raise RuntimeError(
                f"Trying to resize storage that is not resizable: from {self.nbytes()} to {size} "
                "bytes; make a new tensor instead"
            )
        return self

    def __deepcopy__(self, memo: dict) -> UntypedStorage:
        made = memo.get(id(self))
        if made is None:
            made = memo[id(self)] = self.clone()
            keep_alive(self, memo)
        return made

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __reduce__(self) -> tuple:
        return _unpickled, (self._host(), self._device)

    def __repr__(self) -> str:
        lines = "\n".join(f" {value}" for value in self.tolist())
        return f"{lines}\n[torch.storage.UntypedStorage(device={self._device}) of size {len(self)}]"


def _of_bytes(held: Any, root: Any = None, device: Device = CPU) -> UntypedStorage:
    """A storage of memory that is there."""
    made: UntypedStorage = object.__new__(UntypedStorage)
    made._bytes, made._owner = held, root
    if device is not CPU:
        made._device = device
    return made


def _sent(held: np.ndarray, target: Device) -> Any:
    """Bytes of the host on a device."""
    return held if target is CPU else backends[target.type].to(held, target.index)


def _unpickled(held: np.ndarray, device: Device = CPU) -> UntypedStorage:
    """The inverse of pickling."""
    if device is not CPU:
        return _of_bytes(_sent(held, resolve(device)), device=device)
    return _of_bytes(held if is_writable(held) else held.copy())


def _mapped(filename: Any, shared: bool, size: int) -> np.ndarray:
    """A file's first bytes as an array."""
    if size < 0:
        raise RuntimeError(f"unable to mmap {size} bytes from file <{filename}>: pass nbytes >= 0")
    flags = os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY
    try:
        handle = os.open(filename, flags | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(f"unable to open file <{filename}> in {mode} mode: {error}") from None
    try:
        there = os.fstat(handle).st_size
        if size > there:
            if not shared:
                raise RuntimeError(
                    f"file <{filename}> size <{there}> is smaller than the required mapping size "
                    f"<{size}>"
                )
            os.truncate(handle, size)
        if not size:  # nothing can be mapped
            return np.empty(0, np.uint8)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        return np.frombuffer(mmap.mmap(handle, size, access=access), np.uint8)
    finally:
        os.close(handle)


def storage_of(array: Any, device: Device = CPU) -> UntypedStorage:
    """The storage of a tensor's array, which is on a device."""
    root = owner(expose(array))
    found = _storages.get(id(root))
    if found is None:
        found = _storages[id(root)] = _of_bytes(memory_of(root), root, device)
    return found


def rehouse(before: Any, memory: np.ndarray) -> None:
    """The bytes of an owner are in shared memory from now on: so is the storage that somebody may hold."""
    found = _storages.pop(id(before), None)
    if found is not None:
        found._bytes = found._owner = memory
        _storages[id(memory)] = found


class TypedStorage:
    """Memory as elements of one dtype.

    Args:
        data: How many elements, not initialised; or a sequence of their values.
        wrap_storage: The bytes, where they are there already.
        dtype: The type of the elements; the default dtype if not given.
        device: Where they are to be.

    Source: torch.TypedStorage
    """

    __module__ = "flambeau.storage"
    is_sparse = False
    filename = None

    def __init__(
        self, *data: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None
    ) -> None:
        self.dtype = dtype or state.default
        if wrap_storage is not None:
            self._untyped = wrap_storage
            return
        content = data[0] if data else 0
        if isinstance(content, int):
            self._untyped = UntypedStorage(content * self.dtype.itemsize, device=device)
        else:
            made = storage_of(np.array(content, self.dtype.numpy))
            self._untyped = made if device is None else made.to(device=device)

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return self._untyped

    @property
    def _elements(self) -> Any:
        held = self._untyped._bytes
        size = self.dtype.itemsize
        return held[: held.size - held.size % size].view(self.dtype.numpy)

    def size(self) -> int:
        """How many elements there are."""
        return self._untyped.nbytes() // self.dtype.itemsize

    __len__ = _size = size

    def __sizeof__(self) -> int:
        """Bytes of the object and of its memory, which `sys.getsizeof` asks for."""
        return object.__sizeof__(self) + self.nbytes()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """Bytes an element."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped.data_ptr()

    @property
    def _cdata(self) -> int:
        return self._untyped._cdata

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return self._untyped.device

    @property
    def is_cuda(self) -> bool:
        """Are they on a GPU?"""
        return self._untyped.is_cuda

    def tolist(self) -> list:
        """The elements as Python numbers."""
        values = self.cpu()._elements
        return (values.astype(self.dtype.compute) if self.dtype.is_extension else values).tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not -self.size() <= index < self.size():
            raise IndexError(f"index {index} out of range for storage of size {self.size()}")
        return self.tolist()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements[index] = value

    def fill_(self, value: Any) -> TypedStorage:
        """Write one value everywhere."""
        self._elements.fill(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        """Write another storage's elements here, cast."""
        if source.size() != self.size():
            raise RuntimeError(f"size does not match, self was {self.size()}, src {source.size()}")
        moved = source.untyped().to(device=self.device)
        same = TypedStorage(wrap_storage=moved, dtype=source.dtype)
        self._elements[...] = same._elements.astype(self.dtype.numpy)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(wrap_storage=self._untyped.clone(), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        """A copy on the CPU; itself, if it is there."""
        return self._on(CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> TypedStorage:
        """A copy on a GPU, the current one by default; itself, if it is there."""
        return self._on("cuda" if device is None else device)

    def _on(self, device: Any) -> TypedStorage:
        moved = self._untyped.to(device=device)
        if moved is self._untyped:
            return self
        return TypedStorage(wrap_storage=moved, dtype=self.dtype)

    def is_shared(self) -> bool:
        """Can other processes have the memory too?"""
        return self._untyped.is_shared()

    def share_memory_(self) -> TypedStorage:
        """Move the elements to where other processes can have them; itself."""
        self._untyped.share_memory_()
        return self

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:
        """Elements of the default dtype in a file; `torch.FloatStorage.from_file` for float32."""
        return _of_file(filename, shared, size, state.default)

    def is_pinned(self, device: Any = None) -> bool:
        """Is the memory page-locked?"""
        return False

    def resize_(self, size: int) -> TypedStorage:
        """Itself, if the number of elements is what it is; otherwise RuntimeError."""
        self._untyped.resize_(size * self.dtype.itemsize)
        return self

    def pickle_storage_type(self) -> str:
        """The name of the old storage class: "FloatStorage"."""
        return f"{self.dtype.legacy}Storage"

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The old storage class's full name."""
        if dtype is not None:
            raise TypeError("convert a tensor, not its storage: x.to(dtype).storage()")
        return f"torch.{self.pickle_storage_type()}"

    def __deepcopy__(self, memo: dict) -> TypedStorage:
        return TypedStorage(wrap_storage=self._untyped.__deepcopy__(memo), dtype=self.dtype)

    def __reduce__(self) -> tuple:
        return _typed, (self._untyped, self.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and self._untyped is other._untyped

    def __hash__(self) -> int:
        return hash(self._untyped)

    def __repr__(self) -> str:
        lines = "\n".join(f" {value}" for value in self.tolist())
        return (
            f"{lines}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size "
            f"{self.size()}]"
        )


def _of_file(filename: Any, shared: bool, size: int, kind: dtype) -> TypedStorage:
    untyped = UntypedStorage.from_file(filename, shared, size * kind.itemsize)
    return TypedStorage(wrap_storage=untyped, dtype=kind)


def _typed(untyped: UntypedStorage, dtype: Any) -> TypedStorage:
    """The inverse of pickling."""
    return TypedStorage(wrap_storage=untyped, dtype=dtype)


def _conversion(name: str, target: dtype) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        made = storage_of(self._elements.astype(target.numpy))
        return TypedStorage(wrap_storage=made, dtype=target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The elements as {target}."
    setattr(TypedStorage, name, convert)


for _name, _target in CONVERSIONS.items():
    if not _target.is_complex:
        _conversion(_name, _target)


class _OfType(type):
    """The old storage classes: `FloatStorage(3)` makes a TypedStorage."""

    device_type = "cpu"

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        check_available(cls)
        if cls.device_type != "cpu":
            kwargs.setdefault("device", cls.device_type)
        return TypedStorage(*args, dtype=cls.dtype, **kwargs)  # type: ignore[attr-defined]

    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:
        """Elements of this type in a file: see `UntypedStorage.from_file`."""
        return _of_file(filename, shared, size, cls.dtype)  # type: ignore[attr-defined]

    def from_buffer(cls, buffer: Any) -> TypedStorage:
        """Elements of this type, copied from what has bytes."""
        made = _of_bytes(np.frombuffer(buffer, np.uint8).copy())
        return TypedStorage(wrap_storage=made, dtype=cls.dtype)  # type: ignore[attr-defined]

    _from_buffer = from_buffer

    def __instancecheck__(cls, instance: object) -> bool:
        if not isinstance(instance, TypedStorage) or instance.dtype is not cls.dtype:  # type: ignore[attr-defined]
            return False
        return instance.device.type == cls.device_type


def check_available(cls: Any) -> None:
    """Raises TypeError where an old class is one of devices that cannot be used here."""
    if backends.find(cls.device_type) is None:
        raise TypeError(
            f"type {cls.__module__}.{cls.__name__} not available. Torch not compiled with "
            f"{cls.device_type.upper()} enabled."
        )


def legacy_class(name: str, module: str = "torch", device_type: str = "cpu") -> Any:
    """The class that "FloatStorage" names, of one type of device.

    Raises:
        AttributeError: There is none.
    """
    for item in DTYPES.values():
        if name == f"{item.legacy}Storage":
            facts = {"dtype": item, "device_type": device_type, "__module__": module}
            return _OfType(name, (), facts)
    raise AttributeError(f"module 'flambeau' has no attribute '{name}'")


def is_storage(obj: object) -> bool:
    """Is it a storage?

    Source: torch.is_storage
    """
    return isinstance(obj, (UntypedStorage, TypedStorage))
