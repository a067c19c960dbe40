"""What stands for an array of a meta tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from ..layout import memory_order

FUNCTIONS: dict[str, Callable] = {}
"""What NumPy's functions give for arrays without elements, by their names; see function.py."""

UFUNCS: dict[str, Callable] = {}
"""The same for what a universal function does: `__call__`, `reduce`, `accumulate` ...; see ufunc.py."""

_PLACE = np.zeros(64, np.uint8)
_AT = _PLACE.__array_interface__["data"][0]


def without_elements(name: str) -> NotImplementedError:
    """The refusal of what needs elements."""
    return NotImplementedError(
        f"Cannot copy out of meta tensor; no data! ({name} needs elements; a tensor on the device "
        "'meta' has only a shape and a dtype. Make one with torch.empty(x.shape, dtype=x.dtype))"
    )


class MetaArray:
    """An array without elements: a shape, strides and a dtype, and the interface of NumPy's arrays.

    `_ghost` is an ndarray of just these, whose memory is not there. It is never read: it does NumPy's
    arithmetic of shapes and strides where that needs no elements, as in slices and transposes.

    `usual` is the answer to a question such as ``nan.any()`` or ``index.max()``: definitions ask such to find
    what is wrong or rare, and both ways lead to the same shape, so it is answered as usual numbers and the
    index 0 would. None: no such question.
    """

    __slots__ = ("__weakref__", "_ghost", "base", "usual")

    xp: Any = None  # the functions that make such arrays
    _ghost: Any
    base: MetaArray | None
    usual: Any

    def __init__(self, shape: Sequence[int], dtype: Any, strides: Sequence[int] | None = None):
        dtype, shape = np.dtype(dtype), tuple(shape)
        steps = plain_steps(shape, dtype.itemsize) if strides is None else tuple(strides)
        self._ghost, self.base, self.usual = _ghost(shape, dtype, steps), None, None

    # ---- what it is

    shape = property(lambda self: self._ghost.shape)
    dtype = property(lambda self: self._ghost.dtype)
    strides = property(lambda self: self._ghost.strides)
    ndim = property(lambda self: self._ghost.ndim)
    size = property(lambda self: self._ghost.size)
    itemsize = property(lambda self: self._ghost.itemsize)
    nbytes = property(lambda self: self._ghost.nbytes)

    @property
    def flags(self) -> Any:
        flags, plain = self._ghost.flags, self._ghost.flags.c_contiguous
        return SimpleNamespace(
            c_contiguous=plain,
            forc=flags.forc,
            f_contiguous=flags.f_contiguous,
            carray=plain,
            writeable=True,
            owndata=self.base is None,
        )

    @property
    def data(self) -> Any:
        """Its place, counted from the first element of the array that it is a view of."""
        return SimpleNamespace(ptr=self._ghost.__array_interface__["data"][0] - _AT)

    def __len__(self) -> int:
        return len(self._ghost)

    # ---- views of it

    def _view(self, ghost: Any) -> MetaArray:
        made = object.__new__(MetaArray)
        made._ghost, made.base = ghost, self if self.base is None else self.base
        made.usual = self.usual
        return made

    def view(self, dtype: Any = None) -> MetaArray:
        """The same memory, as of another dtype."""
        return self._view(self._ghost.view() if dtype is None else self._ghost.view(dtype))

    def transpose(self, *axes: Any) -> MetaArray:
        """The dimensions in another order, or turned round."""
        return self._view(self._ghost.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> MetaArray:
        return self._view(self._ghost.swapaxes(a, b))

    def squeeze(self, axis: Any = None) -> MetaArray:
        return self._view(self._ghost.squeeze(axis))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> MetaArray:
        return self._view(self._ghost.diagonal(offset, axis1, axis2))

    T = property(lambda self: self._view(self._ghost.T))
    mT = property(lambda self: self._view(self._ghost.swapaxes(-1, -2)))

    @property
    def real(self) -> MetaArray:
        """The real parts; itself, if it is real."""
        return self._view(self._ghost.real) if self.dtype.kind == "c" else self

    @property
    def imag(self) -> MetaArray:
        """The imaginary parts."""
        return self._view(self._ghost.imag) if self.dtype.kind == "c" else empty_like(self)

    def _write_part(self, value: Any) -> None:
        _check_fits(value, self.shape)

    real, imag = real.setter(_write_part), imag.setter(_write_part)

    def reshape(self, *shape: Any, order: str = "C") -> MetaArray:
        """Another shape: of the same memory if the strides allow it."""
        if len(shape) == 1 and not hasattr(shape[0], "__index__"):
            shape = tuple(shape[0])
        shape = _solved(tuple(map(int, shape)), self.size)
        steps = reshaped_steps(self.shape, self.strides, shape)
        if steps is None or order != "C":
            return MetaArray(shape, self.dtype)
        return self._view(_ghost(shape, self.dtype, steps, self._ghost))

    def as_strided(
        self, shape: Sequence[int], strides: Sequence[int], offset: int = 0
    ) -> MetaArray:
        """A view by shape, strides and offset (in bytes, from the first element)."""
        start = self._ghost
        if offset:
            start = _ghost((offset // self.itemsize + 1,), self.dtype, (self.itemsize,), start)[-1:]
        return self._view(_ghost(tuple(shape), self.dtype, tuple(strides), start))

    def __getitem__(self, key: Any) -> MetaArray:
        if not _is_basic(key):
            return MetaArray(FUNCTIONS["indexed shape"](self, key), self.dtype)
        items = key if isinstance(key, tuple) else (key,)
        if not any(item is Ellipsis for item in items):
            items = (*items, ...)  # or NumPy would read a single element
        return self._view(self._ghost[items])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    # ---- copies of it, and writes

    def copy(self, order: str = "C") -> MetaArray:
        """Another one like it."""
        return (
            ordered_like(self, self.dtype) if order in "KA" else MetaArray(self.shape, self.dtype)
        )

    def astype(self, dtype: Any, order: str = "K", copy: bool = True, **options: Any) -> MetaArray:
        """One of another dtype, without gaps."""
        dtype = np.dtype(dtype)
        return self if not copy and self.dtype == dtype else ordered_like(self, dtype)

    def fill(self, value: Any) -> None:
        """Nothing: there is nothing to fill."""

    def sort(self, axis: int = -1, **options: Any) -> None:
        """Nothing: there is nothing to sort."""

    def __setitem__(self, key: Any, value: Any) -> None:
        items = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(item, MetaArray) and item.dtype.kind == "b" for item in items):
            _check_fits(value, self[key].shape)

    # ---- NumPy's functions on it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(_PLACE, name):
            raise AttributeError(name)
        if name not in FUNCTIONS:
            raise without_elements(name)
        return partial(FUNCTIONS[name], self)

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        known = FUNCTIONS.get(function.__name__)
        if known is None:
            raise without_elements(function.__name__)
        return known(*args, **kwargs)

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return UFUNCS[method](function, *args, **kwargs)

    def _refuse(self, *operands: Any, **options: Any) -> NoReturn:
        raise without_elements("its value")

    def item(self, *index: Any) -> NoReturn:
        """There is none.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "Tensor.item() cannot be called on meta tensors: they have no elements, and nothing can "
            "depend on one; ask for shapes and dtypes only"
        )

    def _answer(self, kind: type) -> Any:
        return self.item() if self.usual is None or self.ndim else kind(self.usual)

    def __bool__(self) -> bool:
        return self._answer(bool)

    def __int__(self) -> int:
        return self._answer(int)

    def __float__(self) -> float:
        return self._answer(float)

    __complex__ = __index__ = item
    __array__ = __contains__ = tolist = tobytes = nonzero = _refuse
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"


def _operator(ufunc: Any, swapped: bool = False) -> Callable:
    def apply(self: Any, other: Any) -> Any:
        return ufunc(other, self) if swapped else ufunc(self, other)

    return apply


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}.items():  # fmt: skip
    setattr(MetaArray, f"__{_name}__", _operator(_ufunc))
    setattr(MetaArray, f"__r{_name}__", _operator(_ufunc, True))
for _name, _ufunc in {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
}.items():  # fmt: skip
    setattr(MetaArray, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():
    setattr(MetaArray, f"__{_name}__", lambda self, _ufunc=_ufunc: _ufunc(self))


# ------------------------------------------------------------------------------ shapes and strides


def _ghost(shape: tuple, dtype: Any, strides: tuple, at: Any = None) -> Any:
    """An ndarray of memory that is not there, whose first element lies where `at` begins."""
    bits = np.dtype(f"V{dtype.itemsize}")  # NumPy's ways to strides do not know the extension types
    if at is None:
        start = _PLACE[: dtype.itemsize].view(bits).reshape(())
    else:
        start = (at if at.ndim == 0 else at[(slice(0, 0),) * at.ndim]).view(bits)
    return np.lib.stride_tricks.as_strided(start, shape, strides).view(dtype)


def plain_steps(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """The strides, in bytes, of an array in order and without gaps."""
    steps, step = [], itemsize
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def ordered_like(array: Any, dtype: Any) -> MetaArray:
    """One of another dtype whose dimensions lie in memory in the order of those of `array`."""
    if array.flags.c_contiguous:
        return MetaArray(array.shape, dtype)
    order = memory_order(array.shape, array.strides)
    steps = dict(zip(order, plain_steps([array.shape[i] for i in order], np.dtype(dtype).itemsize)))
    return MetaArray(array.shape, dtype, [steps[i] for i in range(array.ndim)])


def empty_like(array: Any, dtype: Any = None, shape: Any = None) -> MetaArray:
    """One of an array's shape and dtype, unless others are asked for."""
    dtype = array.dtype if dtype is None else dtype
    return ordered_like(array, dtype) if shape is None else MetaArray(_as_tuple(shape), dtype)


def _as_tuple(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _check_fits(value: Any, shape: tuple[int, ...]) -> None:
    """Raises ValueError where a value does not broadcast to a shape."""
    sizes = np.shape(value)
    while len(sizes) > len(shape) and sizes[0] == 1:
        sizes = sizes[1:]
    if np.broadcast_shapes(sizes, shape) != tuple(shape):
        raise ValueError(f"could not broadcast input array from shape {sizes} into shape {shape}")


def _is_basic(key: Any) -> bool:
    items = key if isinstance(key, tuple) else (key,)
    return all(
        item is None
        or item is Ellipsis
        or (isinstance(item, (slice, int, np.integer)) and not isinstance(item, bool))
        for item in items
    )


def _solved(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known and size % known == 0:
        shape = tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size or (shape and min(shape) < 0):
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return shape


def reshaped_steps(
    shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]
) -> tuple[int, ...] | None:
    """The strides by which other sizes see the same elements in the same order; None where none do."""
    if 0 in shape:
        return plain_steps(wanted, 1)
    runs: list[list[int]] = []  # of elements at one distance: how many, and the distance
    for n, step in zip(shape, strides):
        if n == 1:
            continue
        if runs and runs[-1][1] == n * step:
            runs[-1] = [runs[-1][0] * n, step]
        else:
            runs.append([n, step])
    steps, step = [], runs[-1][1] if runs else 1
    for size in reversed(wanted):
        if size != 1 and runs:
            run = runs[-1]
            if run[0] % size:
                return None
            step = run[1]
            run[0], run[1] = run[0] // size, step * size
            if run[0] == 1:
                runs.pop()
        steps.append(step)
        step *= size
    return tuple(reversed(steps))
