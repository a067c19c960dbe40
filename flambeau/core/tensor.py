"""The tensor: a thin handle on an array. It knows no operation; those are attached from above.

Slots of a tensor:
    _array: the ndarray. Views, strides and sharing are its.
    _kind:  what it shares with all tensors of its dtype and device (see kind.py).
    _node:  how it was made, for backward: None, a Leaf, a Node or a Port (see autograd/node.py).
    _cell:  ``[version, *weak references to views]``, one list for all tensors on the same memory.
            In-place writes count the version up; backward compares it with what it saved. The views are
            those with a `_base`: see "Views of plain memory" in autograd/history.py.
    _base:  the tensor this one is a differentiable view of, or None.
    _grad:  what ``.grad`` gives; unset until there is one.
"""

from __future__ import annotations

import weakref
from _thread import allocate_lock
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from .._caller import warn
from .._mixed import described, is_pytorchs
from .device import CPU, device_of
from .device import device as Device
from .dtype import DTYPES, dtype
from .kind import Kind, kind_of
from .memory import address, expose, extent, owner
from .size import Size

_size = tuple.__new__
_reference = weakref.ref
_kinds = {
    (item.numpy, "cpu"): kind_of(item, CPU) for item in DTYPES.values() if not item.is_extension
}


class Tensor:
    """A multi-dimensional array with automatic differentiation.

    ``Tensor(...)`` is the old constructor: of sizes (``Tensor(2, 3)``, not initialised) or of data
    (``Tensor([1, 2])``), in the default dtype; `tensor` is what programs usually want.

    Source: torch.Tensor

    Example:
        >>> import flambeau as torch
        >>> torch.Tensor([1, 2])
        tensor([1., 2.])
    """

    __module__ = "flambeau"
    __slots__ = ("__dict__", "__weakref__", "_array", "_base", "_cell", "_grad", "_kind", "_node")

    _array: Any
    _kind: Kind
    _node: Any
    _cell: list
    _base: Tensor | None
    _grad: Tensor | None

    __array_priority__ = 1000

    if TYPE_CHECKING:  # attached from above by the registry

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lshift__(self, other: Any) -> Tensor: ...
        def __rlshift__(self, other: Any) -> Tensor: ...
        def __rshift__(self, other: Any) -> Tensor: ...
        def __rrshift__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __iadd__(self, other: Any) -> Tensor: ...
        def __isub__(self, other: Any) -> Tensor: ...
        def __imul__(self, other: Any) -> Tensor: ...
        def __itruediv__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __neg__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    __hash__ = object.__hash__

    # -------------------------------------------------------------------------- what it is

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self._kind.dtype

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return self._kind.device

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return _size(Size, self._array.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def size(self, dim: int | None = None, axis: int | None = None) -> Any:
        """The sizes of the dimensions, or of one of them, which NumPy's name `axis` may give too.

        Raises:
            IndexError: There is no such dimension.
        """
        if axis is not None:
            dim = _one_of("size", dim, axis)
        if dim is None:
            return _size(Size, self._array.shape)
        return self._array.shape[wrap_dim(dim, self._array.ndim)]

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    def stride(self, dim: int | None = None, axis: int | None = None) -> Any:
        """How many elements apart neighbours lie, for each dimension or for one."""
        if axis is not None:
            dim = _one_of("stride", dim, axis)
        array = self._array
        steps = array.strides
        strides = element_strides(array) if 0 in steps else _in_elements(steps, array.itemsize)
        return strides if dim is None else strides[wrap_dim(dim, len(strides))]

    def storage_offset(self) -> int:
        """How many elements after the start of the memory that its views share this tensor begins."""
        array = self._array
        root = array.base
        if root is None:
            return 0
        if root.__class__ is not array.__class__ or root.base is not None:
            root = owner(array)
        size = array.nbytes
        if size == 0 or (size == root.nbytes and array.flags.forc and root.flags.forc):
            return 0  # all of it, the usual case, or nothing: NumPy lets such views begin anywhere
        return (address(array) - extent(root)[0]) // array.itemsize

    def _root(self) -> Tensor:
        """The tensor whose memory this one looks at."""
        base = self._base
        return self if base is None else base

    def data_ptr(self) -> int:
        """The address of the first element."""
        return address(expose(self._array)) if self._array.size else 0

    def element_size(self) -> int:
        """Bytes an element."""
        return self._array.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._array.nbytes

    def is_floating_point(self) -> bool:
        """Is the dtype a floating-point one?"""
        return self._kind.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Is the dtype complex?"""
        return self._kind.dtype.is_complex

    def is_signed(self) -> bool:
        """Can the dtype hold negative numbers?"""
        return self._kind.dtype.is_signed

    @property
    def _version(self) -> int:
        """How often the memory was written to in place."""
        if self._cell[0] is UNVERSIONED:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._cell[0]

    @property
    def _cdata(self) -> int:
        """A number that no other tensor has while this one lives."""
        return id(self)

    def _is_view(self) -> bool:
        return self._base is not None

    # ------------------------------------------------------------------- its values in Python

    def item(self) -> Any:
        """The value of a tensor of one element as a Python number.

        Raises:
            RuntimeError: It has more elements, or none.

        Source: torch.Tensor.item

        Example:
            >>> import flambeau as torch
            >>> torch.tensor([2.5]).item()
            2.5
        """
        array = self._array
        if array.size != 1:
            raise RuntimeError(
                f"a Tensor with {array.size} elements cannot be converted to Scalar: "
                "item() wants exactly one; take one by indexing, or use tolist()"
            )
        value = array.item()
        return value if type(value) in _PYTHON else float(value)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; a number for a 0-d tensor.

        Source: torch.Tensor.tolist
        """
        array = self._array
        if array.ndim == 0:
            return self.item()
        return (
            array.astype(self._kind.compute) if self._kind.dtype.is_extension else array
        ).tolist()

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        size = self._array.size
        if size == 1:
            return bool(self._array.item())
        if size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError(
            "Boolean value of Tensor with more than one value is ambiguous: use any() or all()"
        )

    def __int__(self) -> int:
        return int(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if (
            self._kind.dtype.is_floating_point
            or self._kind.dtype.is_complex
            or self._array.size != 1
        ):
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def _number(self) -> Any:
        if self._array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar"
            )
        value = self.item()
        if type(value) is complex and value.imag == 0:
            return value.real
        return value

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in _FOREIGN]

    def __contains__(self, element: object) -> bool:
        if isinstance(element, (Tensor, int, float, complex, bool, np.generic)):
            return bool((element == self).any().item())  # type: ignore[attr-defined,union-attr]
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )

    # ------------------------------------------------------------------------ history, in part

    @property
    def requires_grad(self) -> bool:
        """Is its gradient wanted? Operations on it are then recorded."""
        node = self._node
        return node is not None and node.reverse

    @property
    def grad_fn(self) -> Any:
        """The node that made it; None for what the user made."""
        node = self._node
        if node is None or not node.reverse or type(node.node).__name__ == "AccumulateGrad":
            return None
        return node.node

    @property
    def is_leaf(self) -> bool:
        """Was it made by the user, or without recording?"""
        return self.grad_fn is None

    @property
    def grad(self) -> Tensor | None:
        """What backward added up for this tensor, or None."""
        try:
            return self._grad
        except AttributeError:
            node = self.grad_fn
            if node is not None and id(self) not in (node.notes or {}).get("retained", ()):
                warn(
                    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                    ".grad attribute won't be populated during autograd.backward(): call "
                    ".retain_grad() on it before, if you want its gradient, or ask the leaf.",
                    UserWarning,
                )
            return None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type "
                    f"{type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._kind.dtype is not self._kind.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: {value.dtype}, where the "
                    f"tensor has {self.dtype}"
                )
            if value._kind.device is not self._kind.device:
                raise RuntimeError("assigned grad has data located on a different device")
            if value._array.shape != self._array.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {list(value.shape)}, where "
                    f"the tensor has {list(self.shape)}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def output_nr(self) -> int:
        """Which output of its grad_fn it is."""
        return 0 if self._node is None else self._node.index


class _Foreign:
    """Stands where users of NumPy look for a method: there is no such attribute, and the error says what to take."""

    __slots__ = ("instead", "name")

    def __init__(self, name: str, instead: str) -> None:
        self.name, self.instead = name, instead

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(
            f"'{owner.__name__}' object has no attribute '{self.name}': write {self.instead}",
            name=self.name,
            obj=owner if instance is None else instance,
        )


_FOREIGN = {
    "astype": "x.to(dtype), as x.to(torch.float32)",
    "copy": "x.clone()",
    "tobytes": "x.numpy().tobytes()",
}
for _name, _instead in _FOREIGN.items():
    setattr(Tensor, _name, _Foreign(_name, _instead))


class Unversioned:
    """The version of inference tensors (see autograd/inference.py): writes leave it as it is, and it
    differs from every version that a node noted, itself too."""

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, count: int) -> Unversioned:
        return self

    def __eq__(self, other: object) -> bool:
        return False


UNVERSIONED = Unversioned()


_PYTHON = frozenset((bool, int, float, complex))

if TYPE_CHECKING:

    def make(array: Any, kind: Kind, node: Any, cell: list, base: Tensor | None) -> Tensor:
        """A tensor of these slots: what every operation ends with."""


kernels.constructs(globals(), "make", Tensor, "_array", "_kind", "_node", "_cell", "_base")


HANDLES: dict[type, Callable[[Any], Tensor]] = {}
"""Classes of what stands for arrays in tensors of another kind, and what makes such tensors."""


def wrap(array: Any, kind: Kind) -> Tensor:
    """A new tensor on `array`, which is of `kind`'s dtype and on its device."""
    if array.__class__ is not kind.ndarray:
        own = HANDLES.get(array.__class__)
        if own is not None:
            return own(array)
        array = kind.xp.asarray(array, kind.numpy)
    return make(array, kind, None, [0], None)


def wrap_view(array: Any, of: Tensor) -> Tensor:
    """A tensor on `array`, a view of the memory of `of`; differentiation sees it as one.

    Modules call it as ``handle.wrap_view``: machine code takes its place (kernels/runtime/view_constructor.py).
    """
    cell, base = of._cell, of._base
    result = make(array, of._kind, None, cell, of if base is None else base)
    cell.append(_reference(result))
    if len(cell) >= PRUNED:
        shorten(cell)
    return result


def register(view: Tensor, cell: list) -> None:
    """Remember a view, so that a recorded write into its memory can rewrite its history."""
    cell.append(_reference(view))
    if len(cell) >= PRUNED:
        shorten(cell)


PRUNED = 64
"""From this length on, a cell is pruned whenever its length is a power of two: each view pays for a few
looks, however many are alive."""

_pruning = allocate_lock()


def shorten(cell: list) -> None:
    """Prune a long cell where it is time for it."""
    size = len(cell)
    if not size & (size - 1):
        prune(cell)


def prune(cell: list) -> None:
    """Forget views that are gone, if they are half of all. What other threads append meanwhile stays.

    Fewer are kept until the cell is twice as long: otherwise a cell could be as long again after a few
    views, and be looked through for each of them.
    """
    if not _pruning.acquire(False):  # nor does a finalizer that runs meanwhile wait for itself
        return
    try:
        seen = len(cell)
        alive = [view for view in cell[1:seen] if view() is not None]
        if 2 * len(alive) <= seen:
            cell[1:seen] = alive
    finally:
        _pruning.release()


views: Any = None
"""Makes functions for views of one layout; None without kernels."""
kernels.makes_views(globals(), "wrap_view", Tensor, PRUNED, prune)


class_hooks: list[Callable[[type], None]] = []
"""Called with each class of tensors when the first tensor of it is made; see dispatch/torch_function.py."""
_met: set[type] = {Tensor}


def become(tensor: Tensor, cls: type) -> Any:
    """Make a fresh handle, which nobody else holds, one of a subclass of Tensor.

    Raises:
        TypeError: `cls` is no such class.
    """
    if cls not in _met:
        if not (isinstance(cls, type) and issubclass(cls, Tensor)):
            raise TypeError(
                "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
                "possible. Make sure your class inherits from Tensor."
            )
        for hook in class_hooks:
            hook(cls)
        _met.add(cls)
    tensor.__class__ = cls
    return tensor


def wrap_numpy(array: np.ndarray) -> Tensor:
    """A new tensor on a NumPy array of a supported dtype, or on a device's array, in definitions that make such."""
    if array.__class__ is not np.ndarray and (place := device_of(array)) is not CPU:
        from .dtype import from_numpy

        return wrap(array, kind_of(from_numpy(array.dtype), place))
    kind = _kinds.get((array.dtype, "cpu"))
    if kind is None:
        from .dtype import from_numpy  # bfloat16: ml_dtypes loads when it is first met

        kind = _kinds[array.dtype, "cpu"] = kind_of(from_numpy(array.dtype), CPU)
    return wrap(array, kind)


def _one_of(name: str, dim: int | None, axis: int) -> int:
    """A dimension that is given by NumPy's name, which is no keyword-only argument: those cost each call.

    Raises:
        TypeError: It is given by PyTorch's as well.
    """
    if dim is not None:
        raise TypeError(
            f"{name}() takes one dimension, by the name 'dim' or 'axis', and was given two"
        )
    return axis


def class_name(x: Any) -> str:
    """What an argument is that should have been a tensor, for messages."""
    cls = type(x)
    return described(cls) if is_pytorchs(cls) else cls.__name__


@lru_cache(4096)
def _in_elements(strides: tuple[int, ...], item: int) -> tuple[int, ...]:
    return tuple([step // item for step in strides])


def element_strides(array: Any) -> tuple[int, ...]:
    """Strides in elements as PyTorch counts them, where no element shows them.

    NumPy gives arrays without elements the stride 0, and new dimensions of size 1 too.
    """
    item, steps = array.itemsize, array.strides
    if 0 not in steps:
        return _in_elements(steps, item)
    strides = [step // item for step in steps]
    if 0 in strides:
        step, shape = 1, array.shape
        empty = array.size == 0 and not any(strides)
        for i in range(len(strides) - 1, -1, -1):
            if strides[i] == 0 and (empty or shape[i] == 1):
                strides[i] = step
            step = strides[i] * max(shape[i], 1)
    return tuple(strides)


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; a 0-d tensor counts as having one dimension.

    Raises:
        IndexError: It is out of range.
    """
    size = ndim or 1
    if not -size <= dim < size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], "
            f"but got {dim})"
        )
    return dim + size if dim < 0 else dim
