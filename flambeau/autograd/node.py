"""The recorded graph: a node for each recorded operation, a leaf for each tensor that requires grad.

A tensor's `_node` says how it was made: None (no gradient wanted), a `Leaf`, a `Node` (its only
output), or a `Port` (one output of several). Nodes hold arrays, cells and other nodes, never the
tensors that hold them, so a graph is freed by reference counting alone.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .. import kernels
from ..core.dtype import BY_NUMPY
from ..core.kind import kind_of
from ..core.tensor import wrap

next_sequence = itertools.count(1).__next__
"""Inputs are always older than outputs; backward goes from the newest to the oldest."""


class AnyKind:
    """In place of an output's kind: its gradient arrives in the dtype that it has.

    Attributes:
        own: The output's kind.
    """

    __slots__ = ("device", "own")

    dtype = numpy = None

    def __init__(self, own: Any) -> None:
        self.own, self.device = own, own.device


def held_kind(kind: Any, array: Any) -> Any:
    """The kind of a gradient that arrived as an array at an output of this kind."""
    return kind if kind.numpy is not None else kind_of(BY_NUMPY[array.dtype], kind.device)


def own_kind(kind: Any) -> Any:
    """The kind of an output, whatever is said of its gradient's."""
    return kind.own if kind.__class__ is AnyKind else kind


class Node:
    """A recorded operation.

    Attributes:
        edges: For each operand its node (or port), None where no gradient is wanted.
        saved: Arrays that the gradient needs; None once they were freed.
        cells, versions: The version cells of what is saved, and their versions then.
        sequence: Creation order.
        shape, kind: Of the output (of one output; ports know theirs).
        hooks: None, or a dict of functions that see the gradients that leave.
        notes: None, or a dict of what else somebody attached: metadata, pre-hooks, the forward line.
    """

    __slots__ = (
        "__weakref__",
        "cells",
        "edges",
        "hooks",
        "kind",
        "notes",
        "saved",
        "sequence",
        "shape",
        "versions",
    )

    label = "Node"
    outputs = 1
    reverse = True
    """Does a gradient go through it? Not through the history of a tensor that has tangents alone."""
    shows_part = False
    """Is its gradient what arrives, written to a part of zeros? Then it has `backward_into`."""
    custom = False
    """Is its backward a program's own (see `Function`)?"""
    edges: tuple[Any, ...]
    saved: Any
    cells: tuple[Any, ...]
    versions: tuple[Any, ...]
    notes: dict[str, Any] | None
    sequence: int

    def backward(self, g: Any) -> Sequence[Any]:
        """What each operand receives, as arrays, when the output receives the array g."""
        raise NotImplementedError

    def backward_recorded(self, g: Any) -> Sequence[Any]:
        """The same on tensors, recorded."""
        raise NotImplementedError

    def backward_into(self, g: Any, old: Any, own: bool) -> Any:
        """The operand's gradient with what arrived of it before, `old`, if it did; in place if that is our `own`."""
        raise NotImplementedError

    def arriving(self, of: Callable[[Any], Any]) -> list[Any]:
        """What `of` gives for what the tangents depend on: each edge."""
        return [of(edge) for edge in self.edges]

    def tangents(self, given: Sequence[Any], history: Callable[[Any, Any], None]) -> Sequence[Any]:
        """The tangents of the outputs; None where it is zero.

        Args:
            given: What arrives, as tangents or None.
            history: Called with a tensor of a saved value and the value's edge: gives it its history.
        """
        raise NotImplementedError

    def origin(self, i: int) -> tuple[Any, Any]:
        """The saved array of checked operand or output `i`, and the history of the tensor that it was."""
        raise NotImplementedError

    def saved_value(self, name: str) -> Any:
        """What was saved under a name of PyTorch's; see `autograd.saved`."""
        raise NotImplementedError

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if self._answers(name)]

    def _answers(self, name: str) -> bool:
        """Is it an attribute? What is saved under a name depends on which operands want a gradient."""
        try:
            return not name.startswith("_saved_") or hasattr(self, name)
        except RuntimeError:  # freed, or written to since
            return True

    def pack(self, pack: Callable, unpack: Callable) -> None:
        """Replace what was saved by what `pack` makes of it; `unpack` gives it back when it is used.

        Versions are not checked any more: what became of the values is the hooks' affair.
        """
        if self.saved:
            self.saved = tuple([pack(self.shown(array)) for array in self.saved])
            self.cells = self.versions = ()
            self.note("unpack", unpack)

    def shown(self, array: Any) -> Any:
        """A saved array as the tensor that a hook sees."""
        return wrap(array, kind_of(BY_NUMPY[array.dtype], self.kind.device))

    @property
    def ports(self) -> Sequence[tuple[Any, Any]]:
        """Shape and kind of each output; kind None for what is no tensor."""
        return [(self.shape, self.kind)] if self.outputs == 1 else self.shape  # type: ignore[return-value]

    def release(self) -> None:
        """Free what only backward needs; what saved nothing can run again."""
        if self.saved:
            self.saved = None

    def name(self) -> str:
        """PyTorch's name for the node, such as AddBackward0."""
        return type(self).__name__

    @property
    def metadata(self) -> dict:
        """A dict for the user's own notes."""
        return self.note("metadata", {})

    def note(self, key: str, default: Any) -> Any:
        if self.notes is None:
            self.notes = {}
        return self.notes.setdefault(key, default)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each operand the node that made it and which of its outputs it was."""
        return tuple((None, 0) if edge is None else (edge.node, edge.index) for edge in self.edges)

    def places_of_edges(self) -> Sequence[int]:
        """Which operand each edge belongs to: classes that drop unwanted edges say so in `next_functions`."""
        found = self.next_functions
        if len(found) == len(self.edges):
            return range(len(found))
        return [i for i, (node, _) in enumerate(found) if node is not None]

    @property
    def node(self) -> Node:
        return self

    @property
    def index(self) -> int:
        return 0

    def port(self, index: int) -> Any:
        """The history of an output."""
        if self.outputs == 1:
            return self
        shape, kind = self.shape[index]
        return Port(self, index, shape, kind)

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` when this node ran; a result replaces grad_inputs."""
        if self.hooks is None:
            self.hooks: dict[int, Callable] | None = {}
        return registered(hook, self.hooks)

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this node runs; a result replaces grad_outputs."""
        return registered(hook, self.note("before", {}))

    def __repr__(self) -> str:
        return f"<{self.name().rpartition(':')[2]} object at {hex(id(self))}>"

    def __call__(self, *gs: Any) -> Any:
        """Run this node's gradient on tensors."""
        parts = self.backward_recorded(gs[0] if self.outputs == 1 else list(gs))
        return parts[0] if len(parts) == 1 else tuple(parts)


def connect(tensor: Any, history: Any) -> None:
    """Give a tensor of a saved value the history that the value had."""
    tensor._node = history


LEAF = "torch::autograd::AccumulateGrad"
"""What the end of a graph is called."""


class Leaf(Node):
    """Where gradients end: it adds them to its tensor's ``.grad``."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any, shape: tuple[int, ...]):
        self.edges, self.saved, self.hooks, self.notes = (), (), None, None
        self.cells = self.versions = ()
        self.sequence = next_sequence()
        self.shape, self.kind = shape, tensor._kind.strided
        self.tensor: Callable[[], Any] = weakref.ref(tensor)

    def name(self) -> str:
        return LEAF

    @property
    def variable(self) -> Any:
        """The tensor, or None when nobody holds it any more."""
        return self.tensor()


Leaf.__name__ = Leaf.__qualname__ = "AccumulateGrad"  # what programs that draw graphs show


class Port:
    """One output of a node with several."""

    __slots__ = ("index", "kind", "node", "shape")

    def __init__(self, node: Node, index: int, shape: tuple[int, ...], kind: Any):
        self.node, self.index, self.shape, self.kind = node, index, shape, kind

    @property
    def sequence(self) -> int:
        return self.node.sequence

    @property
    def reverse(self) -> bool:
        return self.node.reverse

    @property
    def hooks(self) -> Any:
        return self.node.hooks

    @property
    def notes(self) -> Any:
        return self.node.notes


kernels.constructs(globals(), "make_port", Port, "node", "index", "shape", "kind")


class RemovableHandle:
    """What registering a hook gives: `remove()` takes the hook away; also a context manager.

    Args:
        hooks_dict: The hooks, by number. The hook itself is put there under the handle's `id`.
        extra_dict: Further dicts (one, or several) that `remove` takes the number out of.

    Source: torch.utils.hooks.RemovableHandle

    Example:
        >>> from flambeau.utils.hooks import RemovableHandle
        >>> hooks = {}
        >>> with RemovableHandle(hooks) as handle:
        ...     hooks[handle.id] = print
        >>> hooks
        {}
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks = hooks_dict
        further = () if extra_dict is None else extra_dict
        self.extra = tuple(further) if isinstance(further, (list, tuple)) else (further,)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        """Take the hook away; doing so twice is harmless."""
        for place in (self.hooks, *self.extra):
            place.pop(self.id, None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def registered(hook: Callable, hooks: dict, *flags: dict, first: bool = False) -> RemovableHandle:
    """Put a hook among others and give its handle.

    flags: What is noted of hooks by their numbers, which goes with them.
    first: Before those that are there; `hooks` is an OrderedDict then.
    """
    handle = RemovableHandle(hooks, extra_dict=flags)
    hooks[handle.id] = hook
    if first:
        hooks.move_to_end(handle.id, last=False)  # type: ignore[attr-defined]
    return handle
