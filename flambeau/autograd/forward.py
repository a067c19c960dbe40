"""Forward mode: the tangents of tensors, which follow the recording.

A tangent belongs to a history, that is to a node or one output of it, and not to a tensor: so views,
in-place writes and saved values know theirs without further ado. A *level* (`Level`) keeps the tangents of one
direction. While one is open, `follow` is told of each new node, asks the node for the tangents of its
results, and then forgets the node unless a backward wants it: the result keeps a `Dual`, a history of
nothing but tangents. Nothing here runs, or is loaded, while no level is open.

Levels nest (a jvp of a jvp). The tangent at a level is computed by operations that the levels outside
of it see, and gradients too, if they are recorded: so every order of forward and reverse is right.

How a node finds its tangents (`Node.tangents`): a formula has another formula for them, the transpose of
its gradient; a linear operation is run on the tangents; others have a rule, or else their gradient rule,
which is linear in what arrives, is transposed (`transposed`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.dtype import FLOAT
from ..core.tensor import Tensor, make, wrap
from . import engine
from .mode import TANGENTS, arrange, mode, recording
from .node import Leaf, Node, connect, next_sequence

__all__ = [
    "Dual",
    "Level",
    "alias",
    "follow",
    "level",
    "only",
    "push",
    "settled",
    "through",
    "transposed",
]


class Dual(Node):
    """The history of a tensor that has tangents, and no gradient."""

    __slots__ = ()

    reverse = False
    checked = ()

    def __init__(self, tensor: Tensor):
        self.edges, self.saved, self.hooks, self.notes = (), (), None, None
        self.cells = self.versions = ()
        self.sequence = next_sequence()
        self.shape, self.kind = tensor._array.shape, tensor._kind

    def backward(self, g: Any) -> tuple:
        return ()

    backward_recorded = backward

    def release(self) -> None:
        """Holds no arrays, so nothing needs to go."""


class Level:
    """The tangents along one direction, until it is closed.

    Attributes:
        table: For each node the tangents of its outputs.
        held: The tensors whose history is a `Dual`, by id: they lose it when the level is closed.
    """

    __slots__ = ("held", "table")

    def __init__(self) -> None:
        self.table: weakref.WeakKeyDictionary[Node, dict[int, Tensor]] = weakref.WeakKeyDictionary()
        self.held: dict[int, weakref.ref[Tensor]] = {}

    def of(self, history: Any) -> Tensor | None:
        """The tangent of a history; None where it has none."""
        if history is None:
            return None
        found = self.table.get(history.node)
        return None if found is None else found.get(history.index)

    def keep(self, node: Node, index: int, tangent: Tensor) -> None:
        """Make it the tangent of an output of a node."""
        self.table.setdefault(node, {})[index] = tangent

    def hold(self, tensor: Tensor) -> None:
        """A tensor whose history is a `Dual` with a tangent of this level."""
        key, held = id(tensor), self.held
        held[key] = weakref.ref(tensor, lambda _: held.pop(key, None))

    def open(self) -> None:
        mode.levels = (*mode.levels, self)
        if mode.follow is None:
            mode.follow = follow
            arrange()
        mode.recording = recording(mode.recording is True)

    def close(self) -> None:
        mode.levels = tuple([other for other in mode.levels if other is not self])
        for reference in tuple(self.held.values()):
            tensor = reference()
            if (
                tensor is not None
                and tensor._node.__class__ is Dual
                and not any(other.of(tensor._node) is not None for other in mode.levels)
            ):
                tensor._node = None
        self.table.clear()
        self.held.clear()
        if not mode.levels:
            mode.follow = None
            arrange()
        mode.recording = recording(mode.recording is True)


@contextmanager
def level() -> Iterator[Level]:
    """A level that is open for the duration of a `with`."""
    made = Level()
    made.open()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def only(levels: tuple[Level, ...]) -> Iterator[None]:
    """Only these levels see what is computed."""
    before, mode.levels = mode.levels, levels
    follows, outer = mode.follow, mode.recording
    mode.recording = recording(outer is True)
    try:
        yield
    finally:
        mode.levels, mode.recording = before, outer
        if mode.follow is not follows:  # a level that was closed meanwhile was the last in force
            mode.follow = follows
            arrange()


# ------------------------------------------------------------------------------- tensors with tangents


def dual(tensor: Tensor, tangents: dict[Level, Tensor]) -> None:
    """Make tangents all the history that a tensor has; None if there are none."""
    tensor = getattr(tensor, "physical", tensor)  # of a sample of a vmap, the batch
    if not tangents:
        tensor._node = None
        return
    tensor._node = made = Dual(tensor)
    for at, tangent in tangents.items():
        at.keep(made, 0, tangent)
        at.hold(tensor)


def tangents_of(history: Any) -> dict[Level, Tensor]:
    """The tangents of a history at the levels in force."""
    found = ((at, at.of(history)) for at in mode.levels)
    return {at: tangent for at, tangent in found if tangent is not None}


def alias(x: Tensor, at: Level | None = None, tangent: Tensor | None = None) -> Tensor:
    """The same memory, with a tangent more at a level; a gradient that arrives goes on to `x`."""
    if x.requires_grad and mode.recording is True:
        made: Tensor = x.view_as(x)  # type: ignore[attr-defined]
        if at is not None and tangent is not None:
            at.keep(made._node, 0, tangent)
        return made
    tangents = tangents_of(x._node)
    if at is not None and tangent is not None:
        tangents[at] = tangent
    made = make(x._array, x._kind, None, x._cell, x)
    made._base = None  # writes to it are no part of the tensor's history
    dual(made, tangents)
    return made


def settled(x: Tensor, outside: Callable[[Tensor], bool]) -> Tensor:
    """A tensor without a history that comes from a transform alone, and with its tangents, likewise.

    outside: Does a tensor's history reach beyond the transform?
    """
    tangents = tangents_of(x._node)
    kept = {at: settled(t, outside) for at, t in tangents.items()}
    if outside(x):
        for at, tangent in kept.items():
            at.keep(x._node.node, x._node.index, tangent)
        return x
    made: Tensor = x.detach()  # type: ignore[attr-defined]
    dual(made, kept)
    return made


# -------------------------------------------------------------------------------------- the recording


def follow(node: Node, results: Sequence[Any], before: Any = None) -> None:
    """Compute the tangents of what a new node made; forget the node if no backward wants it.

    before: Of a tensor that was written to, and whose history this node is now, the one it had.
    """
    if node.__class__ is Dual:
        _rewritten(results[0], node, before)
        return
    wanted = mode.recording is True and any(e is not None and e.reverse for e in node.edges)
    levels = mode.levels
    for i, at in enumerate(levels):
        given = node.arriving(at.of)
        if all(tangent is None for tangent in given):
            continue
        with only(levels[:i]):
            found = node.tangents(given, _Connected(node, wanted))
            for index, (tangent, (shape, kind)) in enumerate(zip(found, node.ports)):
                if tangent is not None:
                    at.keep(node, index, _formed(tangent, shape, kind))
                elif kind is not None and kind.dtype.category >= FLOAT:
                    at.keep(node, index, wrap(kind.xp.zeros(shape, kind.numpy), kind))
    if not wanted:
        for result in results:
            own = result._node if isinstance(result, Tensor) else None
            if own is not None and own.node is node:
                dual(result, tangents_of(own))


def _rewritten(tensor: Tensor, node: Dual, before: Any) -> None:
    """A write left a tensor with tangents alone."""
    tangents = tangents_of(node)
    if mode.recording == TANGENTS and before is not None and before.reverse:
        tensor._node = before  # the write is not recorded: a gradient takes no notice of it
        for at, tangent in tangents.items():
            at.keep(before.node, before.index, tangent)
    else:
        dual(tensor, tangents)


class _Connected:
    """What history a saved value has where tangents are computed of it: of the levels in force, and the
    graph's where a backward wants that."""

    __slots__ = ("node", "wanted")

    def __init__(self, node: Node, wanted: bool):
        self.node, self.wanted = node, wanted and mode.recording is True

    def __call__(self, tensor: Tensor, edge: Any) -> None:
        if edge is None:
            return
        own = edge.node is self.node
        if self.wanted if own else (edge.reverse and mode.recording is True):
            tensor._node = edge
        else:
            dual(tensor, tangents_of(edge))


def _formed(tangent: Tensor, shape: tuple[int, ...], kind: Any) -> Tensor:
    """A tangent in the shape and dtype of what it is of."""
    dtype = kind.dtype
    if tangent._kind.dtype is not dtype:
        if tangent.dtype.is_complex and not dtype.is_complex:
            tangent = tangent.real  # type: ignore[attr-defined]
        tangent = tangent.to(dtype)  # type: ignore[attr-defined]
    return tangent if tangent._array.shape == shape else tangent._fit(shape)  # type: ignore[attr-defined]


def through(
    function: Callable[..., Sequence[Tensor | None]],
    operands: Sequence[Tensor | None],
    given: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """The tangents of what a function of other operations makes: the rule of an operation that equals it."""
    with level() as at:
        moved = [x if t is None else alias(x, at, t) for x, t in zip(operands, given)]  # type: ignore[arg-type]
        return [None if y is None else at.of(y._node) for y in function(*moved)]


def transposed(
    node: Node,
    given: Sequence[Tensor | None],
    backward: Callable[[Any], Sequence[Any]],
    wanted: bool = True,
) -> list[Tensor | None]:
    """The tangents of a node's outputs, by its gradient.

    The gradient is linear in what arrives. Its own derivative with respect to that, times the tangents, is
    the Jacobian times the tangents: exactly, and whatever arrives; here, zeros.

    backward: What each operand receives, as tensors.
    wanted: Does a backward go through the operands?
    """
    outer, mode.recording = mode.recording, True
    try:
        probes = [_probe(*port) for port in node.ports]
        parts = backward(probes[0] if node.outputs == 1 else probes)
        pairs = [
            (part, _formed(tangent, part._array.shape, part._kind))
            for part, tangent in zip(parts, given)
            if part is not None and tangent is not None and part._node is not None
        ]
    finally:
        mode.recording = outer
    if not pairs:
        return [None] * len(probes)
    return engine.run(
        [part._node for part, _ in pairs],
        [tangent for _, tangent in pairs],
        True,
        outer is True and (wanted or any(t is not None and t.requires_grad for t in given)),
        [None if x is None else x._node for x in probes],
    )


def _probe(shape: tuple[int, ...], kind: Any) -> Tensor | None:
    """Zeros that require grad, where an output can have a gradient."""
    if kind is None or kind.dtype.category < FLOAT:
        return None
    made = wrap(kind.xp.zeros(shape, kind.numpy), kind)
    made._node = Leaf(made, shape)
    return made


def push(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], tangents: Sequence[Tensor]
) -> list[Tensor | None]:
    """Carry tangents along a graph that is recorded, from `inputs` to `outputs`; None where none arrives."""
    known = {_place(x._node): t for x, t in zip(inputs, tangents)}

    def of(edge: Any) -> Tensor | None:
        return None if edge is None else known.get(_place(edge))

    history = connect if mode.recording is True or mode.levels else _forgotten
    for node in _reached([y._node for y in outputs if y._node is not None], known):
        given = node.arriving(of)
        if all(tangent is None for tangent in given):
            continue
        for index, (tangent, port) in enumerate(zip(node.tangents(given, history), node.ports)):
            if tangent is not None:
                known[node, index] = _formed(tangent, *port)
    return [of(y._node) for y in outputs]


def _place(history: Any) -> tuple[Node, int]:
    return history.node, history.index


def _forgotten(tensor: Tensor, edge: Any) -> None:
    """Give a saved value no history."""


def _reached(histories: Sequence[Any], ends: Any) -> list[Node]:
    """The nodes on the way back to `ends`, oldest first."""
    stack = [history.node for history in histories]
    seen: dict[Node, Any] = {}
    oldest = min((node.sequence for node, _ in ends), default=0)
    while stack:
        node = stack.pop()
        if node in seen or node.sequence < oldest or (node, 0) in ends:
            continue
        seen[node] = before = [e.node for e in node.arriving(lambda edge: edge) if e is not None]
        stack.extend(before)
    return sorted((n for n, before in seen.items() if before), key=lambda n: n.sequence)
