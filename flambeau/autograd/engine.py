"""Backward is a heap: pop the newest pending node, run its gradient, add into its inputs' pending ones.

Gradients flow as bare arrays; under create_graph they flow as tensors and each step is recorded.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.device import CPU
from ..core.dtype import convertible, float32
from ..core.kind import kind_of
from ..core.tensor import HANDLES, Tensor, address, wrap
from ..core.twin import switch
from ..formula.quiet import restore, silence, silent
from ..kernels import gradient
from .counts import fewest
from .location import count_writes
from .mode import mode, recording
from .node import Leaf, Node, Port, held_kind, next_sequence

_array = attrgetter("_array")
next_task = itertools.count().__next__


def run(
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain: bool,
    create: bool,
    wanted: Sequence[Any] | None = None,
) -> list[Any]:
    """Send `grads` (tensors) back from the nodes `roots`.

    wanted: None to add into every leaf's ``.grad``; else the nodes whose gradients are returned
        (None for one that nothing reached), and no ``.grad`` changes.
    """
    recorded = create or mode.levels
    flow = RECORDED if recorded else BARE
    allowed: dict[Node, bool] | None = None
    catch: dict[Node, dict[int, Any]] | None = None
    if wanted is not None:
        catch = {}
        for edge in wanted:
            if edge.__class__ is Port:
                catch.setdefault(edge.node, {})[edge.index] = None
            elif edge is not None:
                catch[edge] = {0: None}
        allowed = _on_the_way(roots, catch)
    session = None if mode.anomaly is None else mode.anomaly.session(roots)
    before, outer = mode.recording, mode.task
    mode.recording = recording(create) if recorded else False
    mode.task = (next_task(), roots, allowed)
    token = silence(silent)
    use, stay = switch()
    try:
        if use is None:
            _loop(flow, roots, grads, retain, allowed, catch, None)
        else:
            with stay:
                _loop(flow, roots, grads, retain, allowed, catch, use)
    except Exception as error:
        if session is not None:
            session.explain(error)
        raise
    finally:
        restore(token)
        mode.recording, mode.task = before, outer
        endings = None
        if outer is None:
            endings, mode.endings = mode.endings, None
        if session is not None:
            session.finish()
    for ending in endings or ():
        ending()
    found: list[Any] = []
    if wanted is None or catch is None:
        return found
    for edge in wanted:
        if edge is None:
            found.append(None)
        elif edge.__class__ is Port:
            found.append(catch[edge.node][edge.index])
        else:
            found.append(catch[edge][0])
    return found


def _loop(
    flow: Bare,
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain: bool,
    allowed: dict[Node, bool] | None,
    catch: dict[Node, dict[int, Any]] | None,
    use: Callable[[Any], None] | None,
) -> None:
    pending: dict[Node, Any] = {}
    own: set[Node] = set()  # whose pending array was made here, so that more is added in place
    heap: list[tuple[int, Node]] = []
    bare = flow is BARE
    edges, parts = roots, [*map(_array if bare else flow.start, grads)]
    while True:
        for edge, part in zip(edges, parts):
            if edge is None or part is None:
                continue
            node = edge.node if edge.__class__ is Port else edge
            if allowed is not None and node not in allowed:
                continue
            if use is not None:
                use(part)
            if part.shape != edge.shape:
                part = flow.fit(part, edge.shape)
            if part.dtype is not (edge.kind.numpy if bare else edge.kind.dtype):
                part = flow.cast(part, edge.kind)
            old = pending.get(node)
            if old is None:
                heappush(heap, (-node.sequence, node))
            if node.outputs > 1:
                pending[node] = part = _at_output(old, edge, part, flow)
            elif old is None:
                pending[node] = part
            elif node in own:
                gradient.add_into(old, part)
            else:
                pending[node] = part = flow.add(old, part)
                if part.__class__ is np.ndarray:
                    own.add(node)
        edge = part = parts = node = old = None  # `_own` counts who holds a gradient
        if not heap:
            return
        node = heappop(heap)[1]
        g = pending.pop(node)
        if use is not None:
            use(g)
        if node.notes is not None:
            g = flow.before(node, g)
        edges = parts = ()
        if allowed is not None:
            goes_on, found = allowed[node], catch.get(node)  # type: ignore[union-attr]
            if found is not None:
                if goes_on or node.outputs > 1:
                    _take(found, node, g, flow)
                else:  # here, where `_own` counts no more holders than of a leaf's
                    found[0] = flow.caught(g, node, 0)
            if not goes_on:
                continue
        elif node.__class__ is Leaf:
            flow.accumulate(node, g)
            continue
        if node.saved is None:
            raise RuntimeError(TWICE.format(node.name()))
        if bare and node.shows_part and node.hooks is None and g.__class__ is np.ndarray:
            edge = node.edges[0]
            node_in = edge.node
            if (
                node_in.outputs == 1
                and edge.kind.numpy is g.dtype
                and (allowed is None or node_in in allowed)
            ):
                old = pending.get(node_in)
                if old is None:
                    heappush(heap, (-node_in.sequence, node_in))
                pending[node_in] = node.backward_into(g, old, node_in in own)
                own.add(node_in)
                continue
        parts = node.backward(g) if bare else node.backward_recorded(g)
        if node.hooks:
            parts = flow.after(node, parts, g)
        if not retain:
            node.release()
        del g
        edges = node.edges


def _at_output(slots: list | None, port: Port, part: Any, flow: Bare) -> list:
    """The pending gradients of a node with several outputs, with one more added."""
    if slots is None:
        slots = [None] * port.node.outputs
    old = slots[port.index]
    slots[port.index] = part if old is None else flow.add(old, part)
    return slots


TWICE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already been freed): {} freed what it had saved when backward went through it. Specify "
    "retain_graph=True in the first backward() or grad() call if you need the graph again."
)


def _take(found: dict[int, Any], node: Node, g: Any, flow: Bare) -> None:
    """Keep what is wanted of the gradients that arrived at a node."""
    if node.outputs == 1:
        found[0] = flow.caught(g, node, 0)
        return
    for index in found:
        part = g[index]
        if part is not None:
            found[index] = flow.caught(part, node, index)


def current_task() -> int:
    """The number of the backward that runs in this thread; -1 where none does."""
    return -1 if mode.task is None else mode.task[0]


def queue_callback(callback: Callable[[], None]) -> None:
    """Call something when the backward that runs, the outermost if one runs in another, has ended well.

    Raises:
        RuntimeError: No backward runs in this thread.

    Source: torch.autograd.Variable._execution_engine.queue_callback
    """
    if mode.task is None:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    if mode.endings is None:
        mode.endings = []
    mode.endings.append(callback)


def will_execute(node: Node) -> bool:
    """Does the backward that runs visit this node?"""
    if mode.task is None:
        return False
    _, roots, allowed = mode.task
    return node in (reachable(roots) if allowed is None else allowed)


def will_run(node: Node) -> bool:
    """Does the backward that runs run this node, and not only catch what arrives at it?"""
    allowed = None if mode.task is None else mode.task[2]
    return allowed is None or allowed[node]


def reachable(roots: Sequence[Any]) -> set[Node]:
    """All nodes of a graph."""
    seen = {root.node for root in roots}
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge.node not in seen:
                seen.add(edge.node)
                stack.append(edge.node)
    return seen


def _on_the_way(roots: Sequence[Any], targets: Mapping[Node, Any]) -> dict[Node, bool]:
    """The nodes between roots and targets, and whether each is run: it is where a gradient goes on from it to
    one of them. No other node is run, and none of those is freed."""
    oldest = 0
    for node in targets:
        sequence = node.sequence
        if sequence < oldest or not oldest:
            oldest = sequence
    stack: list[Node] = []
    seen = set()
    for root in roots:
        node = root.node if root.__class__ is Port else root
        if node not in seen:
            seen.add(node)
            stack.append(node)
    for node in stack:  # which grows meanwhile
        for edge in node.edges:
            if edge is not None:
                before = edge.node if edge.__class__ is Port else edge
                if before not in seen and before.sequence >= oldest:
                    seen.add(before)
                    stack.append(before)
    stack.sort(key=_sequence)
    allowed: dict[Node, bool] = {}
    for node in stack:
        for edge in node.edges:
            if edge is not None and (edge.node if edge.__class__ is Port else edge) in allowed:
                allowed[node] = True
                break
        else:
            if node in targets:
                allowed[node] = False
    return allowed


_sequence = attrgetter("sequence")


class Bare:
    """Gradients as arrays: the ordinary backward."""

    def start(self, grad: Tensor) -> Any:
        return grad._array

    def finish(self, g: Any, node: Any, index: int) -> Tensor:
        kind = node.kind if node.outputs == 1 else node.shape[index][1]
        return wrap(_own(g), kind if kind.numpy is not None else held_kind(kind, g))

    def caught(self, g: Any, node: Any, index: int) -> Tensor:
        """What `grad` gives: as PyTorch's it may look at the memory of the gradients that it was given."""
        if not getattr(g.flags, "writeable", True) or 0 in g.strides:  # a GPU's arrays are all
            return self.finish(g, node, index)
        kind = node.kind if node.outputs == 1 else node.shape[index][1]
        return wrap(g, kind if kind.numpy is not None else held_kind(kind, g))

    def fit(self, part: Any, shape: tuple[int, ...]) -> Any:
        return fit(part, shape)

    def add(self, old: Any, part: Any) -> Any:
        return gradient.added(old, part)

    def cast(self, part: Any, kind: Any) -> Any:
        if kind.numpy is None or part.dtype == kind.numpy:
            return part
        made = gradient.converted(part, kind.numpy)
        return convertible(part, kind.numpy).astype(kind.numpy) if made is None else made

    def accumulate(self, leaf: Leaf, g: Any) -> None:
        tensor = leaf.tensor()
        hooks = None if leaf.notes is None else leaf.notes.get("after")
        if tensor is not None:
            old = getattr(tensor, "_grad", None)
            if old is None:
                tensor._grad = wrap(_own(g), leaf.kind)
            elif old._array.__class__ in HANDLES and old._node is None:
                tensor._grad = wrap(old._array + g, leaf.kind)
            elif old._node is None:
                gradient.add_into(old._array, g)
                count_writes((old,))
            else:
                tensor._grad = old + wrap(g, leaf.kind)
            for hook in tuple(hooks.values()) if hooks else ():
                hook(tensor)
        if leaf.hooks:
            self.after(leaf, (), g)

    def before(self, node: Node, g: Any) -> Any:
        """Run the hooks on the gradient that arrives: of the tensors, retain_grad, of the node."""
        notes = node.notes or {}
        gs = g if node.outputs > 1 else [g]
        for index, hooks in notes.get("tensor_hooks", {}).items():
            if gs[index] is not None:
                # one object for all: hooks leave notes on it
                seen = self.tensor(node, index, gs[index])
                for hook in tuple(hooks.values()):
                    result = hook(seen)
                    gs[index] = self._changed(hook, result, gs[index])
                    seen = seen if result is None else result
        for tensor, index in notes.get("retained", {}).values():
            alive, part = tensor(), gs[index]
            if alive is not None and part is not None:
                kept = self.finish(part, node, index)
                old = getattr(alive, "_grad", None)
                alive._grad = kept if old is None else old + kept
        if notes.get("before") and will_run(node):
            for hook in tuple(notes["before"].values()):
                gs = self._all_changed(hook, hook(self._seen(node, gs)), gs)
        return gs if node.outputs > 1 else gs[0]

    def after(self, node: Node, parts: Sequence[Any], g: Any) -> Sequence[Any]:
        """Run the hooks on the gradients that leave; they see one for each operand."""
        outs = self._seen(node, g if node.outputs > 1 else [g])
        places = node.places_of_edges()
        ins: list[Any] = [None] * (max(len(node.next_functions), *(i + 1 for i in places), 0))
        for i, part, edge in zip(places, parts, node.edges):
            if part is not None and edge is not None:
                ins[i] = self.cast_to(self.fit(part, edge.shape), edge.kind)
        kinds = dict(zip(places, node.edges))
        for hook in tuple((node.hooks or {}).values()):
            seen = tuple(
                None if part is None else self.tensor(kinds[i], 0, part)
                for i, part in enumerate(ins)
            )
            ins = self._all_changed(hook, hook(seen, outs), ins)
        return [ins[i] for i in places]

    def cast_to(self, part: Any, kind: Any) -> Any:
        own = kind.dtype if isinstance(part, Tensor) else kind.numpy
        return part if own is None or part.dtype == own else self.cast(part, kind)

    def tensor(self, node: Any, index: int, g: Any) -> Any:
        """What hooks see: a tensor."""
        shape = node.shape
        several = node.outputs > 1 if isinstance(node, Node) else False
        return wrap(g, held_kind(shape[index][1] if several else node.kind, g))

    def _seen(self, node: Node, gs: Sequence[Any]) -> tuple:
        return tuple(None if g is None else self.tensor(node, i, g) for i, g in enumerate(gs))

    def _all_changed(self, hook: Callable, results: Any, gs: Sequence[Any]) -> list[Any]:
        """The gradients that a node's hook gave, or what there was if it gave None."""
        if results is None:
            return list(gs)
        if not isinstance(results, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type(results).__name__}'")
        if len(results) != len(gs):
            raise RuntimeError(
                f"hook '{_name(hook)}' has returned an incorrect number of values (got {len(results)}, but "
                f"expected {len(gs)})"
            )
        return [
            None if new is None else self._changed(hook, new, old) for new, old in zip(results, gs)
        ]

    def _changed(self, hook: Callable, result: Any, g: Any) -> Any:
        """The gradient that a hook gave instead of `g`; `g` if it gave None.

        Raises:
            TypeError: It gave something else than a tensor.
            RuntimeError: Its shape or dtype is not that of `g`.
        """
        if result is None:
            return g
        if not isinstance(result, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
        new = self.bare(result)
        if g is None:
            return new
        if new.shape != g.shape:
            raise RuntimeError(
                f"hook '{_name(hook)}' has changed the size of value (was {list(g.shape)}, got "
                f"{list(new.shape)})"
            )
        if new.dtype != g.dtype:
            raise RuntimeError(
                f"hook '{_name(hook)}' has changed the type of value (was {g.dtype}, got {new.dtype})"
            )
        return new

    def bare(self, value: Tensor) -> Any:
        return value._array


def _name(hook: Callable) -> str:
    return getattr(hook, "__name__", type(hook).__name__)


class Recorded(Bare):
    """Gradients as tensors, every step recorded: create_graph."""

    def caught(self, g: Any, node: Any, index: int) -> Tensor:
        return self.finish(g, node, index)

    def start(self, grad: Tensor) -> Any:
        return grad

    def finish(self, g: Any, node: Any, index: int) -> Tensor:
        return g

    def fit(self, part: Any, shape: tuple[int, ...]) -> Any:
        return part if part.shape == shape else part._fit(shape)

    def add(self, old: Any, part: Any) -> Any:
        return old + part

    def cast(self, part: Any, kind: Any) -> Any:
        if kind.dtype is None:
            return part
        if part.dtype.is_complex and not kind.dtype.is_complex:
            part = part.real
        return part.to(kind.dtype)

    def accumulate(self, leaf: Leaf, g: Any) -> None:
        tensor = leaf.tensor()
        if tensor is not None:
            if mode.recording is not True:
                g = g.detach()
            old = getattr(tensor, "_grad", None)
            tensor._grad = g if old is None else old + g
            for hook in tuple((leaf.notes or {}).get("after", {}).values()):
                hook(tensor)
        if leaf.hooks:
            self.after(leaf, (), g)

    def tensor(self, node: Any, index: int, g: Any) -> Any:
        return g

    def bare(self, value: Any) -> Any:
        return value


BARE, RECORDED = Bare(), Recorded()


def _own(g: Any) -> Any:
    """A gradient that nobody else holds, or a copy of it: what a user sees may be written to."""
    if sys.getrefcount(g) <= HELD_HERE:
        if g.base is None and g.flags.owndata:
            return g
        if _holds_all(g):
            return g
    return gradient.owned(g)


def _holds_all(g: Any) -> bool:
    """Is it another shape of a whole array that nobody else knows?"""
    base, flags = g.base, g.flags
    return (
        base.__class__ is g.__class__
        and base.flags.owndata
        and base.nbytes == g.nbytes
        and flags.c_contiguous
        and getattr(flags, "writeable", True)  # a GPU's arrays all are
        and sys.getrefcount(base) <= HELD_BASE
    )


HELD_HERE = 0
"""References to a gradient that only the engine holds, seen inside `_own`; 0: unknown, so all are copied."""
HELD_BASE = 0
"""The same for the array that such a gradient is a view of, seen inside `_holds_all`."""


class _Source(Node):
    """A node whose gradient is the array of the list that it saved, which thereby has it no more."""

    __slots__ = ()

    def backward(self, g: Any) -> list[Any]:
        return [self.saved.pop()]


def _is_taken(box: list[Any], _held: Sequence[Any]) -> bool:
    """Does a leaf get the very array that is the only item of the list `box`?"""
    kind = kind_of(float32, CPU)
    leaf, place = wrap(np.zeros(4, np.float32), kind), address(box[0])
    node = object.__new__(_Source)
    node.edges, node.saved, node.cells, node.versions = (Leaf(leaf, (4,)),), box, (), ()
    node.sequence, node.shape, node.kind = next_sequence(), (4,), kind
    node.hooks = node.notes = None
    run([node], [wrap(np.zeros(4, np.float32), kind)], False, False)
    return address(leaf._grad._array) == place  # type: ignore[union-attr]


def _measure() -> None:
    """Find out the two counts, by backwards in which only the engine holds the gradient, or not only."""
    global HELD_HERE, HELD_BASE

    def whole(count: int, shared: bool) -> bool:
        global HELD_HERE
        HELD_HERE = count
        box = [np.zeros(4, np.float32)]
        return _is_taken(box, box[:] if shared else ())

    def part(count: int, shared: bool) -> bool:
        global HELD_BASE
        HELD_BASE = count
        box = [np.zeros((2, 2), np.float32).reshape(4)]
        return _is_taken(box, [box[0].base] if shared else ())

    HELD_HERE = fewest(whole)
    HELD_BASE = fewest(part)


def fit(part: Any, shape: tuple[int, ...]) -> Any:
    """`part` summed over where it was broadcast from `shape`, and spread to where it is smaller."""
    if part.size == 1:
        return _spread(part, shape)
    extra = part.ndim - len(shape)
    if extra > 0:
        part = gradient.summed(part, tuple(range(extra)))
    axes = tuple(
        i - part.ndim
        for i, size in enumerate(part.shape)
        if size != 1 and shape[i - part.ndim] == 1
    )
    if axes:
        part = gradient.summed(part, axes, keepdims=True)
    return part if part.shape == shape else _spread(part, shape)


def _spread(part: Any, shape: tuple[int, ...]) -> Any:
    """The same value wherever it was read: few are written out, which is less trouble than a view is."""
    one = part.size == 1
    if part.__class__ is np.ndarray:
        if prod(shape) <= FEW:
            made = np.empty(shape, part.dtype)
            made[...] = part.reshape(()) if one else part
            return made
        if one:  # what the gradient of a sum is: NumPy's broadcast_to would take ten times as long
            return np.ndarray(shape, part.dtype, part, 0, (0,) * len(shape))
    return np.broadcast_to(part.reshape(()) if one else part, shape)


FEW = 1024
"""Elements that are written as fast as a view of one is made."""


_measure()

__all__ = ["Port", "fit", "run"]
