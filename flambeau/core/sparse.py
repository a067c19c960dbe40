"""Sparse tensors: handles whose "array" is a pattern and the values that stand in it.

A `Pattern` says where values stand: indices of coordinates, or the two index arrays of a compressed
layout. Tensors made of one another share it, and with it what was derived of it (row pointers, the
order of the transpose). A `SparseArray` is a pattern, a shape and a dense tensor of values; it stands
in a `SparseTensor` where a dense tensor has its ndarray, and flows as a gradient where one would.

Nothing here computes. What operations mean for sparse tensors is said in the package `sparse`, which
loads with the first one; `SparseTensor.__torch_function__` hands it every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from .handler import INTRINSIC
from .kind import Kind, kind_of
from .layout import NAMES, layout
from .tensor import HANDLES, Tensor, become, make

COO, CSR, CSC, BSR, BSC = (NAMES[f"sparse_{name}"] for name in ("coo", "csr", "csc", "bsr", "bsc"))
ROWS = frozenset((CSR, BSR))
BLOCKS = frozenset((BSR, BSC))
COMPRESSED = frozenset((CSR, CSC, BSR, BSC))
TITLES = {COO: "Sparse", CSR: "SparseCsr", CSC: "SparseCsc", BSR: "SparseBsr", BSC: "SparseBsc"}
"""What PyTorch's messages call a layout."""


INDEX_NAMES = {
    COO: ("indices",),
    CSR: ("crow_indices", "col_indices"),
    BSR: ("crow_indices", "col_indices"),
    CSC: ("ccol_indices", "row_indices"),
    BSC: ("ccol_indices", "row_indices"),
}
"""What the index tensors of a layout are called."""


class SparseKind(Kind):
    """The kind of sparse tensors of a dtype, device and layout: no dense tensor is of it."""

    __slots__ = ("layout",)

    def __init__(self, strided: Kind, layout_: layout):
        super().__init__(strided.dtype, strided.device)
        self.strided, self.layout = strided, layout_

    def with_dtype(self, dtype: Any) -> Kind:
        return sparse_kind(kind_of(dtype, self.device), self.layout)


_kinds: dict[tuple[Kind, layout], SparseKind] = {}


def sparse_kind(strided: Kind, layout_: layout) -> SparseKind:
    """The one kind of a layout for tensors of this dtype and device."""
    found = _kinds.get((strided, layout_))
    if found is None:
        found = _kinds.setdefault((strided, layout_), SparseKind(strided, layout_))
    return found


class Pattern:
    """Where values stand.

    Attributes:
        indices: Tensors of integers: of coordinates one, (sparse dimensions, values); of a compressed
            layout the pointers of rows (columns) and the columns (rows).
        coalesced: Are coordinates in order, and each there once?
    """

    __slots__ = ("_derived", "coalesced", "indices")

    def __init__(self, indices: tuple[Tensor, ...], coalesced: bool = True):
        self.indices, self.coalesced = indices, coalesced
        self._derived: dict[Any, tuple[tuple, Any]] = {}

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The indices as arrays."""
        return tuple([index._array for index in self.indices])

    def derived(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for these indices and kept until somebody writes to them."""
        versions = tuple([index._cell[0] for index in self.indices])
        found = self._derived.get(key)
        if found is None or found[0] != versions:
            found = self._derived[key] = versions, make()
        return found[1]


SCALING = frozenset((np.multiply, np.true_divide, np.negative))
"""What is done with a gradient between operations, of which zeros stay zeros."""


TELLING = frozenset((np.isnan, np.isinf, np.isfinite))
"""What is asked of a gradient's values where something went wrong."""


class SparseArray:
    """What a sparse tensor has in place of an ndarray; it has those attributes that every array has.

    Attributes:
        values: A tensor without history: (values, *dense dimensions), after the dimensions of a batch.
    """

    __slots__ = ("layout", "pattern", "shape", "values")

    base = ()  # not None: nobody knows who else holds the values, so gradients are copied for users
    flags = SimpleNamespace(owndata=True, writeable=True, c_contiguous=False)

    def __init__(
        self, layout_: layout, shape: tuple[int, ...], pattern: Pattern, values: Tensor
    ) -> None:
        self.layout, self.shape, self.pattern, self.values = layout_, shape, pattern, values

    @property
    def dtype(self) -> Any:
        return self.values._array.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.values._array.itemsize

    def like(self, values: Tensor) -> SparseArray:
        """Other values at the same places."""
        return SparseArray(self.layout, self.shape, self.pattern, values)

    def copy(self) -> SparseArray:
        """The same with values of its own; patterns are not written to by gradients."""
        return self.like(make(self.values._array.copy(), self.values._kind, None, [0], None))

    def astype(self, dtype: Any, copy: bool = True) -> SparseArray:
        """The same in another array dtype."""
        return _operations().converted(self, dtype)

    def __add__(self, other: Any) -> Any:
        """The sum of two gradients."""
        return _operations().added(self, other)

    __radd__ = __add__

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            if function is np.add:
                return _operations().added(*args, kwargs.get("out"))
            if function in TELLING:
                return function(self.values._array)
            if function in SCALING:
                return _operations().scaled(function, *args)
        raise without_meaning(function.__name__, self.layout)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> NoReturn:
        raise without_meaning(function.__name__, self.layout)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or name in ("xp", "get"):
            raise AttributeError(name)
        raise without_meaning(name, self.layout)

    def _refuse(self, *operands: Any, **options: Any) -> NoReturn:
        raise without_meaning("it", self.layout)

    __getitem__ = __setitem__ = __iter__ = __bool__ = __array__ = _refuse


def without_meaning(name: str, layout_: layout) -> NotImplementedError:
    """The refusal of what sparse tensors do not have."""
    return NotImplementedError(
        f"Could not run '{name}' with arguments of the layout {layout_!r}: the operation has no "
        "meaning for sparse tensors, or would make them dense; call .to_dense() first"
    )


def of_coordinates(indices: Any, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor of coordinates (an array), not coalesced, with the history of its values: what
    operations that lie below give as a sparse gradient."""
    made: Tensor = _operations().of_coordinates(indices, values, shape)
    return made


def on_values(function: Callable, inputs: tuple) -> tuple[Callable, tuple]:
    """A function of sparse tensors as one of their values, and those, for checks of gradients."""
    found: tuple[Callable, tuple] = _operations().on_values(function, inputs)
    return found


def _operations() -> Any:
    """The package that computes; it lies above, and loads when it is needed."""
    return import_module(f"{__package__.rpartition('.')[0]}.sparse.gradient")


class SparseTensor(Tensor):
    """A tensor of one of the sparse layouts; programs see a Tensor whose ``layout`` says so."""

    __module__ = "flambeau"
    __slots__ = ()

    _array: SparseArray

    @property
    def layout(self) -> Any:
        """How the elements are stored."""
        return self._array.layout

    @property
    def is_sparse(self) -> bool:
        """Is it one of coordinates?"""
        return self._array.layout is COO

    @property
    def is_sparse_csr(self) -> bool:
        """Is it one of compressed rows?"""
        return self._array.layout is CSR

    def sparse_dim(self) -> int:
        """The number of sparse dimensions.

        Source: torch.Tensor.sparse_dim
        """
        return sparse_dims(self._array)

    def dense_dim(self) -> int:
        """The number of dense dimensions: those of single values.

        Source: torch.Tensor.dense_dim
        """
        return len(self._array.shape) - batch_dims(self._array) - sparse_dims(self._array)

    def _nnz(self) -> int:
        return self._array.values._array.shape[batch_dims(self._array)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _operations().reduced(self)

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        """Run what a function means for sparse tensors, or refuse it."""
        found = import_module(f"{__package__.rpartition('.')[0]}.sparse.dispatch")
        return found.call(func, types, args, kwargs or {})


INTRINSIC.add(SparseTensor)


def sparse_dims(array: SparseArray) -> int:
    """How many dimensions the pattern is about."""
    return array.pattern.indices[0]._array.shape[0] if array.layout is COO else 2


def batch_dims(array: SparseArray) -> int:
    """How many dimensions of a batch come first."""
    return 0 if array.layout is COO else array.pattern.indices[0]._array.ndim - 1


def sparse_tensor(array: SparseArray, node: Any = None, cell: list | None = None) -> SparseTensor:
    """A tensor of a pattern and values."""
    kind = sparse_kind(array.values._kind, array.layout)
    return become(make(array, kind, node, [0] if cell is None else cell, None), SparseTensor)


HANDLES[SparseArray] = sparse_tensor
