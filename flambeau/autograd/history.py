"""History of tensors that share memory: what an in-place write does to a base and to its views."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..core.dtype import BY_NUMPY
from ..core.memory import extent, may_overlap, placed
from ..core.tensor import Tensor, address
from ..core.twin import module_of
from .mode import mode
from .node import Node, next_sequence

_new = object.__new__


# Views of plain memory. A recorded write gives memory its first history, and its views with it, so
# they have to be found. Every view is therefore in its memory's cell from the start, by a weak
# reference. In Python that would cost a view a quarter of its time (130 of 550 ns for ``x[1]``); made by
# the machine code that makes the view it costs 12 (benchmarks/views.py). Views cannot find out
# by themselves: what tells an operation that nothing is to be recorded is their own ``_node is None``. Nor
# can the collector find them: it does not see what gc.freeze() put aside, takes a millisecond for each
# 100,000 objects of the program, and has to be told by counts of references when it is needed.


def rebase(target: Tensor, node: Any, cell: list) -> None:
    """After a recorded write, `target` was made by `node`, and everything that sees its memory knows."""
    if node is None:  # recorded for tangents, and there are none
        return
    root = target if target._base is None else target._base
    before, old, follow = root._node, target._node, mode.follow
    root._node = node if root is target else copy_slices(root, target, node)
    if follow is not None and (root is not target or not node.reverse):
        follow(root._node, (root,), before)
    if before is not None and before.node.notes is not None:
        keep_retaining(root, before)
    for view in [reference() for reference in cell[1:]]:
        if view is not None and view._base is root and is_differentiable(root, view):
            before = old if view is target else view._node
            view._node = view_of_base(root, view)
            if follow is not None:
                follow(view._node, (view,), before)
            if before is not None and before.node.notes is not None:
                keep_retaining(view, before)


def is_differentiable(root: Tensor, view: Tensor) -> bool:
    """Does the gradient flow through the view? Not if it reads the memory as another dtype."""
    return view._kind.dtype.to_real() is root._kind.dtype.to_real()


def keep_retaining(tensor: Tensor, before: Any) -> None:
    """retain_grad means the tensor's newest value: move its note to the new node."""
    if before.node.notes.get("retained", {}).pop(id(tensor), None) is not None:
        node = tensor._node
        node.node.note("retained", {})[id(tensor)] = (weakref.ref(tensor), node.index)


class SliceNode(Node):
    """A part of a tensor, found by its place in memory."""

    __slots__ = ()

    def name(self) -> str:
        return "AsStridedBackward0"

    def backward(self, g: Any) -> list[Any]:
        _shape, place = self.saved
        return [place.holding(g)]

    def backward_recorded(self, g: Any) -> list[Any]:
        shape, place = self.saved
        return [g._scatter_place(shape, place)]

    def tangents(self, given: Any, history: Any) -> list[Any]:
        return [given[0]._take_place(self.saved[1])]

    def release(self) -> None:
        """Holds no arrays, so nothing needs to go."""


class CopySlices(Node):
    """A tensor, part of which was written over by an output of `inner`.

    Attributes:
        inner: The node of the write.
        slot: Which of its outputs was written; None where it has one.
        own: Where among inner's edges the overwritten part itself was; None if it was not an operand.
    """

    __slots__ = ("inner", "own", "slot")

    def name(self) -> str:
        return "CopySlices"

    def backward(self, g: Any) -> list[Any]:
        _shape, place = self.saved
        if g.__class__ is not np.ndarray and hasattr(g, "as_strided"):  # no memory
            whole = type(g)(place.base_shape, place.base_dtype, place.base_strides)
            part = type(g)(place.shape, place.dtype, place.strides)
        else:
            whole, part = place.memory(g)
            whole[...] = g
        inner = part.copy()
        part[...] = 0
        parts = list(self.inner.backward(self._slots(inner)))
        own = None if self.own is None else parts[self.own]
        if own is not None:
            part[...] = own
        return [whole, *parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        _shape, place = self.saved
        inner = g._take_place(place)
        parts = list(self.inner.backward_recorded(self._slots(inner)))
        own = None if self.own is None else parts[self.own]
        return [g._put_place(place, own), *parts]

    def arriving(self, of: Any) -> list[Any]:
        inner = self.inner if self.slot is None else self.inner.port(self.slot)
        return [of(self.edges[0]), of(inner)]

    def tangents(self, given: Any, history: Any) -> list[Any]:
        whole, part = given
        shape, place = self.saved
        return [
            part._scatter_place(shape, place) if whole is None else whole._put_place(place, part)
        ]

    def _slots(self, g: Any) -> Any:
        if self.slot is None:
            return g
        slots = [None] * self.inner.outputs
        slots[self.slot] = g
        return slots

    def release(self) -> None:
        self.inner.release()
        if self.inner.saved is None:
            self.saved = None


class Place:
    """Where a view lies in its base's memory."""

    __slots__ = (
        "base_dtype",
        "base_shape",
        "base_strides",
        "dtype",
        "low",
        "offset",
        "overlaps",
        "shape",
        "span",
        "strides",
    )

    def __init__(self, base: Any, view: Any):
        low, self.span = extent(base)
        self.low = address(base) - low
        self.offset = address(view) - low
        self.base_shape, self.base_strides = base.shape, base.strides
        self.base_dtype, self.dtype = base.dtype, view.dtype
        self.shape, self.strides = view.shape, view.strides
        self.overlaps = may_overlap(view.shape, view.strides)

    def holding(self, g: Any) -> Any:
        """Zeros laid out as the base, with `g` where the view lies; what lies at one place is added up."""
        if g.__class__ is not np.ndarray and hasattr(g, "as_strided"):  # no memory
            return type(g)(self.base_shape, self.base_dtype, self.base_strides)
        if not self.overlaps:
            whole, part = self.memory(g)
            part[...] = g
            return whole
        xp, size = module_of(g), self.dtype.itemsize
        steps = [step // size * 8 for step in self.strides]
        numbers = xp.arange(self.span // size)
        at = placed(numbers, self.offset // size * 8, self.shape, np.int64, steps)
        memory = xp.zeros(self.span // size, BY_NUMPY[self.dtype].compute)
        xp.add.at(memory, at.reshape(-1), g.reshape(-1))
        flat = memory.astype(self.dtype, copy=False)
        return placed(flat, self.low, self.base_shape, self.base_dtype, self.base_strides)

    def memory(self, like: Any) -> tuple[Any, Any]:
        """Zeros laid out as the base, and the view's part of them, each in its own dtype; on the device of `like`."""
        buffer = module_of(like).zeros(self.span, np.uint8)
        return (
            placed(buffer, self.low, self.base_shape, self.base_dtype, self.base_strides),
            placed(buffer, self.offset, self.shape, self.dtype, self.strides),
        )


def _node_of(cls: type, edges: tuple, saved: Any, tensor: Tensor) -> Any:
    node = _new(cls)  # type: ignore[var-annotated]
    node.edges, node.saved, node.cells, node.versions = edges, saved, (), ()
    node.sequence, node.shape, node.kind = next_sequence(), tensor._array.shape, tensor._kind
    node.hooks = node.notes = None
    return node


def view_of_base(base: Tensor, view: Tensor) -> SliceNode:
    """The history of a view after its base's was rewritten."""
    saved = base._array.shape, Place(base._array, view._array)
    return _node_of(SliceNode, (base._node,), saved, view)


def copy_slices(base: Tensor, view: Tensor, history: Any) -> CopySlices:
    """The history of a base after a view of it was written by `history`, a node or a port."""
    node, own = history.node, view._node
    at = next((i for i, edge in enumerate(node.edges) if edge is own and own is not None), None)
    made = _node_of(
        CopySlices,
        (base._node, *(None if i == at else e for i, e in enumerate(node.edges))),
        (base._array.shape, Place(base._array, view._array)),
        base,
    )
    made.inner, made.own = node, at
    made.slot = history.index if node.outputs > 1 else None
    if node.notes is not None and "recorded" in node.notes:
        made.note("recorded", node.notes["recorded"])
    return made
