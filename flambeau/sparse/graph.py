"""A sparse tensor and its values, for differentiation.

Every operation is made of three steps: take the values of its sparse operands (`values_of`), compute
with them as dense tensors, and put the result at a pattern (`placed`). The first and the last step are
recorded here; between them lie operations that have gradients of every order already. So the gradient
of a sparse tensor is sparse and has the tensor's own pattern.
"""

from __future__ import annotations

from typing import Any

from .. import kernels
from ..autograd.mode import mode
from ..autograd.node import Node, next_sequence
from ..autograd.record import record
from ..core.device import CPU
from ..core.dtype import FLOAT, int64
from ..core.layout import layout
from ..core.sparse import Pattern, SparseArray, SparseTensor, sparse_tensor
from ..core.tensor import Tensor, make, wrap, wrap_numpy
from . import index


class SparseNode(Node):
    """A recorded step between a sparse tensor and its values.

    Attributes:
        like: What the sparse tensor was made of.
    """

    __slots__ = ("like",)

    like: SparseArray

    def __init__(self, operand: Tensor, result: Tensor, like: SparseArray):
        self.edges, self.like = (operand._node,), like
        self.saved = self.cells = self.versions = ()
        self.hooks = self.notes = None
        self.sequence = next_sequence()
        self.shape, self.kind = result._array.shape, result._kind.strided

    def backward(self, g: Any) -> list[Any]:
        return [self.backward_recorded(wrap(g, self.kind))[0]._array]

    def backward_recorded(self, g: Any) -> list[Any]:
        return [self.turn_back(g)]

    def turn_back(self, g: Tensor) -> Tensor:
        """The gradient of the operand."""
        raise NotImplementedError


class ValuesBackward0(SparseNode):
    """The values of a sparse tensor were taken."""

    __slots__ = ()

    def turn_back(self, g: Tensor) -> Tensor:
        """Equal coordinates add up, also those of a gradient: so it has each once."""
        pattern = self.like.pattern
        if pattern.coalesced:
            return placed(self.like, g)
        keys = index.coalescing(self.like)
        return placed(self.like, taken(g, keys.first), index.coalesced_pattern(self.like))


class PlacedBackward0(SparseNode):
    """Values were put at a pattern."""

    __slots__ = ()

    def turn_back(self, g: Tensor) -> Tensor:
        return values_at(g, self.like)


def values_of(x: SparseTensor) -> Tensor:
    """The values of a sparse tensor on its own memory, as a tensor with its history."""
    values = x._array.values
    result = make(values._array, values._kind, None, values._cell, None)
    if x._node is not None and mode.recording:
        record(ValuesBackward0(x, result, x._array), (result,))
    return result


def placed(
    like: SparseArray,
    values: Tensor,
    pattern: Pattern | None = None,
    shape: tuple[int, ...] | None = None,
    layout_: layout | None = None,
) -> SparseTensor:
    """A sparse tensor of values with their history; what is not given is as in `like`."""
    expect_on_cpu(values)
    bare = make(values._array, values._kind, None, values._cell, None)
    array = SparseArray(
        layout_ or like.layout,
        like.shape if shape is None else shape,
        like.pattern if pattern is None else pattern,
        bare,
    )
    result = sparse_tensor(array)
    if values._node is not None and mode.recording and values._kind.dtype.category >= FLOAT:
        record(PlacedBackward0(values, result, array), (result,))
    return result


def expect_on_cpu(x: Tensor) -> None:
    """Raises NotImplementedError for a tensor of another device: patterns are found, and kept, on the CPU."""
    if x._kind.device is not CPU:
        raise NotImplementedError(
            f"sparse tensors are on the CPU, and these values are on {x._kind.device}: call .cpu() on "
            "them first"
        )


def values_at(g: Tensor, like: SparseArray) -> Tensor:
    """What a tensor of any layout has at the places of a sparse one: (values, *dense dimensions)."""
    if isinstance(g, SparseTensor):
        same = g._array.pattern is like.pattern and g._array.layout is like.layout
        if same and like.pattern.coalesced:
            return values_of(g)
        return looked_up(g, like)
    return gathered(g, like)


_named: dict[tuple[type, str], type] = {}


def named(result: Tensor, name: str) -> Tensor:
    """A result whose history was made just now, and is to have the name of PyTorch's node."""
    node = result._node
    if isinstance(node, Node) and type(node) is not Node:
        key = type(node), name
        found = _named.get(key)
        if found is None:
            found = _named[key] = type(f"{name}Backward0", (type(node),), {"__slots__": ()})
        if type(node).name is Node.name:
            node.__class__ = found
    return result


# ---------------------------------------------------------------------- rows of values at places


def taken(x: Tensor, at: Any) -> Tensor:
    """Rows of a tensor at an array of indices; the tensor itself for None, which means all."""
    return x if at is None else x.index_select(0, wrap_numpy(at))


def summed(values: Tensor, group: Any, count: int) -> Tensor:
    """Rows added up by groups; what has none is 0. Sums of bools are "or"."""
    if values._kind.dtype.name == "bool":
        return summed(values.to(int64), group, count).ne(0)
    zeros = values.new_zeros((count, *values.shape[1:]))
    return zeros.index_add(0, wrap_numpy(group), values)


def spread(values: Tensor, at: Any, count: int) -> Tensor:
    """Rows at distinct places among `count`; the others are 0."""
    zeros = values.new_zeros((count, *values.shape[1:]))
    return zeros.index_copy(0, wrap_numpy(at), values)


def rows_of(x: SparseArray, values: Tensor) -> Tensor:
    """Values as one row for each place."""
    where = index.places(x)
    return values.reshape((len(where.flat), *where.tail))


def gathered(g: Tensor, like: SparseArray) -> Tensor:
    """What a dense tensor has at the places of a sparse one, in the shape of its values."""
    where = index.places(like)
    shape = index.sized(where.sizes), *where.tail
    if g._node is None and g.__class__ is Tensor:  # nothing is recorded
        found = kernels.gather.indexed.take(g._array.reshape(shape), (where.flat,))
        return wrap(found.reshape(like.values._array.shape), g._kind)
    return taken(g.reshape(shape), where.flat).reshape(like.values.shape)


def looked_up(g: SparseTensor, like: SparseArray) -> Tensor:
    """What another sparse tensor has at the places of one, in the shape of its values; 0 elsewhere."""
    own, where = index.places(g._array), index.places(like)
    if own.tail != where.tail:
        return gathered(dense(g), like)
    keys = index.groups(own.flat)
    rows = taken(rows_of(g._array, values_of(g)), keys.order)
    if keys.group is not None:
        rows = summed(rows, keys.group, len(keys.met))
    at, found = index.matching(keys.met, where.flat)
    if not len(keys.met):
        return like.values.new_zeros(like.values.shape, dtype=g.dtype)
    rows = taken(rows, at)
    if not found.all():
        factor = found.reshape((-1,) + (1,) * len(where.tail)).astype(g._kind.strided.compute)
        rows = rows * wrap(factor.astype(g._kind.numpy), g._kind.strided)
    return rows.reshape(like.values.shape)


def dense(x: SparseTensor) -> Tensor:
    """All elements of a sparse tensor."""
    array = x._array
    where = index.places(array)
    rows = rows_of(array, values_of(x))
    put = spread if where.distinct else summed
    return put(rows, where.flat, index.sized(where.sizes)).reshape(array.shape)
