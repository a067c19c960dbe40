"""Arrays in a simulated GPU's memory, with the interface of `cupy.ndarray`.

An array is a view of device memory, held as a NumPy array that nobody outside sees. What NumPy makes of such views is
an array here again: where it is a view, NumPy's own chain of bases leads to the same memory; where it is new, it is
copied into the device's memory, so that kernels find it there by address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .capture import run, synchronizes, works
from .cast import as_written, converted
from .cuda import memory as _memory
from .cuda import runtime as _runtime
from .index import has_mask, read, write
from .transfer import Transfers

SCALARS = (bool, int, float, complex, np.generic)


class Flags:
    """Whether an array's elements lie one behind the other."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool):
        self.c_contiguous = c_contiguous
        self.f_contiguous = f_contiguous
        self.owndata = owndata

    @property
    def fnc(self) -> bool:
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self) -> bool:
        return self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))

    def __repr__(self) -> str:
        return "\n".join(f"  {name.upper()} : {getattr(self, name)}" for name in self.__slots__)


class ndarray(Transfers):
    """An array on the device.

    Args:
        shape, dtype, order: As `numpy.empty` takes them.
        memptr: Where its memory is; without it memory is allocated on the current device.
        strides: In bytes, of memory that is given.
    """

    __slots__ = ("__weakref__", "_host", "base")

    _host: np.ndarray
    __array_priority__ = 100

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: tuple[int, ...] | None = None,
        order: Any = "C",
    ):
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        dtype = supported(dtype)
        if order not in ("C", "F", None):
            raise ValueError(f"order not understood. order={order}")
        if memptr is None:
            if strides is not None:
                raise ValueError("memptr is required if strides is given.")
            size = dtype.itemsize
            for n in shape:
                if n < 0:
                    raise ValueError("Negative dimensions are not allowed")
                size *= n
            memptr = _memory.alloc(size)
        self._host = np.ndarray(
            shape, dtype, np.asarray(memptr.mem), memptr.ptr - memptr.mem.ptr, strides, order or "C"
        )
        self.base = None

    # what it is

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        view = self._host.view()
        view.shape = shape  # an AttributeError where it would need a copy, as CuPy's
        self._host = view

    @property
    def dtype(self) -> np.dtype:
        return self._host.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return self._host.strides

    @property
    def ndim(self) -> int:
        return self._host.ndim

    @property
    def size(self) -> int:
        return self._host.size

    @property
    def itemsize(self) -> int:
        return self._host.itemsize

    @property
    def nbytes(self) -> int:
        return self._host.nbytes

    @property
    def flags(self) -> Flags:
        flags = self._host.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self.base is None)

    @property
    def data(self) -> _memory.MemoryPointer:
        """Where its first element lies."""
        memory = memory_of(self._host)
        return _memory.MemoryPointer(memory, _memory.offset(memory, self._host))

    @property
    def device(self) -> Any:
        from .cuda.device import Device

        return Device(memory_of(self._host).device_id)

    @property
    def T(self) -> ndarray:
        return self if self._host.ndim < 2 else view(self._host.T, self)

    @property
    def mT(self) -> ndarray:
        return view(self._host.mT, self)

    @property
    def real(self) -> ndarray:
        return view(self._host.real, self) if self._host.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        self._host.real = operand(value)

    @property
    def imag(self) -> ndarray:
        if self._host.dtype.kind == "c":
            return view(self._host.imag, self)
        return wrap(np.zeros_like(self._host))

    @imag.setter
    def imag(self, value: Any) -> None:
        if self._host.dtype.kind != "c":
            raise TypeError("cupy.ndarray does not have imaginary part to set")
        self._host.imag = operand(value)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": self.dtype.descr,
            "stream": 1,
            "version": 3,
            "strides": None if self._host.flags.c_contiguous else self.strides,
            "data": (self.data.ptr if self.size else 0, False),
        }

    # other shapes of the same memory

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if not self._host.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._host)))

    def __deepcopy__(self, memo: dict) -> ndarray:
        return self.copy()

    def __copy__(self) -> ndarray:
        return self.copy()

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        if dtype is None:
            return view(self._host.view(), self)
        return view(self._host.view(supported(dtype)), self)

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> ndarray:
        if len(shape) == 1 and not isinstance(shape[0], int | np.integer):
            shape = tuple(shape[0])
        host = self._host
        made = host.reshape(shape, order=order, copy=copy)  # type: ignore[call-overload]
        if made.base is host.base:
            return view(made, self)
        return computed(lambda: host.reshape(shape, order=order, copy=copy), made)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> ndarray:
        return view(self._host.transpose(*axes), self)

    def ravel(self, order: Any = "C") -> ndarray:
        host = self._host
        made = host.ravel(order)  # type: ignore[arg-type]
        if made.base is host.base:
            return view(made, self)
        return computed(lambda: host.ravel(order), made)  # type: ignore[arg-type]

    def astype(
        self,
        dtype: Any,
        order: Any = "K",
        casting: Any = None,
        subok: Any = None,
        copy: bool = True,
    ) -> ndarray:
        """A copy of another dtype; with copy=False itself where it already is what is asked for."""
        if subok is not None:
            raise TypeError("subok is not supported yet")
        dtype = supported(dtype)
        host = operand(self)
        if not copy and host.dtype == dtype and host.astype(dtype, order, copy=False) is host:  # type: ignore[call-overload]
            return self
        if casting not in (None, "unsafe"):
            return computed(lambda: host.astype(dtype, order, casting))
        return computed(lambda: converted(host, dtype, order))

    def copy(self, order: Any = "C") -> ndarray:
        """A copy in the current device's memory, wherever the array lies."""
        return computed(lambda: self._host.copy(order))  # type: ignore[arg-type]

    def flatten(self, order: Any = "C") -> ndarray:
        return computed(lambda: operand(self).flatten(order))  # type: ignore[arg-type]

    def fill(self, value: Any) -> None:
        host, given = operand(self), operand(value)
        run(lambda: host.fill(given))

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        host = operand(self)
        run(lambda: host.sort(axis, kind="stable"))

    # elements

    def __getitem__(self, key: Any) -> ndarray:
        key, advanced = index(key)
        if advanced:
            if has_mask(key):
                synchronizes()
            host = operand(self)
            return computed(lambda: read(host, key))
        if key.__class__ is not tuple:
            key = (key,)
        if Ellipsis not in key:
            key = (*key, Ellipsis)
        return view(self._host[key], self)

    def __setitem__(self, key: Any, value: Any) -> None:
        key, advanced = index(key)
        host, given = operand(self), operand(value)
        run(lambda: write(host, key, advanced, as_written(given, host.dtype)))

    # what NumPy asks

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        import flambeau.simulator as cupy

        out = options.get("out")
        if out is not None:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            options["out"] = out[0]
        own = getattr(cupy, ufunc.__name__, None)
        if own is None or method not in ("__call__", "outer"):
            return NotImplemented
        return (own if method == "__call__" else getattr(own, method))(*inputs, **options)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        import flambeau.simulator as cupy

        own: Any = cupy
        for name in (*func.__module__.split(".")[1:], func.__name__):
            own = getattr(own, name, None)
        if own is None or any(t not in (ndarray, np.ndarray) for t in types):
            return NotImplemented
        return own(*args, **kwargs)


def supported(dtype: Any) -> np.dtype:
    """A dtype that arrays may have; CuPy knows bfloat16 of ml_dtypes, and none of its shorter floats."""
    dtype = np.dtype(dtype)
    if dtype.char in "?bhilqBHILQefdFD" and dtype.isnative:
        return dtype
    if dtype.name != "bfloat16" and dtype.fields is None:
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def memory_of(host: np.ndarray) -> Any:
    """The memory that a view lies in."""
    base: Any = host.base
    return base.base if base.__class__ is np.ndarray else base


def check(memory: Any) -> None:
    """Refuse what lies on another device than the current one."""
    device = _runtime.getDevice()
    if memory.device_id != device:
        raise ValueError(
            f"The device where the array resides ({memory.device_id}) is different from the current device ({device}). "
            "Peer access is unavailable between these devices."
        )


def view(host: np.ndarray, base: ndarray) -> ndarray:
    """An array of the same memory as another."""
    made: ndarray = ndarray.__new__(ndarray)
    made._host = host
    made.base = base if base.base is None else base.base
    return made


def new(host: np.ndarray) -> ndarray:
    """A copy, in the device's memory, of a result in the host's."""
    made: ndarray = ndarray.__new__(ndarray)
    memory = _memory.alloc(host.nbytes).mem
    strides = host.strides
    flags = host.flags
    if not flags.c_contiguous and not flags.f_contiguous:
        strides = np.empty_like(host).strides
    made._host = np.ndarray(host.shape, supported(host.dtype), np.asarray(memory), 0, strides)
    made._host[...] = host
    made.base = None
    return made


def wrap(result: Any) -> Any:
    """What a function of NumPy's gave, on the device: views as views, other arrays and numbers as new arrays."""
    if result.__class__ is np.ndarray:
        owner: Any = result.base
        if isinstance(getattr(owner, "base", None), _memory.BaseMemory):
            if not result.flags.writeable:
                result.setflags(write=True)
            base: ndarray = ndarray.__new__(ndarray)
            base._host, base.base = owner, None
            return view(result, base)
        return new(result)
    if isinstance(result, np.generic | bool):
        return new(np.asarray(result))
    if isinstance(result, tuple):
        return tuple(map(wrap, result))
    if isinstance(result, list):
        return [wrap(x) for x in result]
    return result


def computed(work: Callable[[], Any], result: Any = None) -> Any:
    """What the device computes: `work` gives it as NumPy's arrays, and does so again in captured work.

    Args:
        work: What is to be done.
        result: What it gave, where it was done.
    """
    if result is None:
        with np.errstate(all="ignore"):  # a GPU says nothing of infinities
            result = work()
    made = wrap(result)
    pending = works()
    if pending is not None:
        pending.append(lambda: _refill(made, work()))
    return made


def _refill(made: Any, result: Any) -> None:
    """Put new values into the arrays of an earlier result."""
    if made.__class__ is ndarray:
        if made.base is None:
            made._host[...] = result
    else:
        for one, value in zip(made, result, strict=True):
            _refill(one, value)


def operand(x: Any) -> Any:
    """The NumPy array in an operand, which must be on the device or a number."""
    if x.__class__ is ndarray:
        check(memory_of(x._host))
        return x._host
    if isinstance(x, SCALARS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def index(key: Any) -> tuple[Any, bool]:
    """A key for NumPy, and whether there are index arrays in it."""
    if key.__class__ is not tuple:
        part = _part(key)
        return part, part.__class__ is np.ndarray
    parts = tuple(map(_part, key))
    return parts, any(part.__class__ is np.ndarray for part in parts)


def _part(part: Any) -> Any:
    if part.__class__ is ndarray:
        return operand(part)
    if isinstance(part, list | bool | np.bool_):
        made = np.asarray(part)
        return made if made.size else made.astype(np.int32)
    if part.__class__ is slice and any(
        x.__class__ is ndarray for x in (part.start, part.stop, part.step)
    ):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return part
