"""Recorded formula operations: their nodes, how these are made, and their gradients as operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...autograd.mode import mode
from ...autograd.node import Node, Port, connect
from ...autograd.report import check_versions
from ...autograd.saved import absent, check_kept, saved_tensor
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...formula.evaluate import row_length
from ...formula.expression import Domain
from ...formula.program import Program
from ...formula.quiet import quiet

FEW = 1024
"""Zeros that take no time to write."""


class FormulaNode(Node):
    """A recorded formula operation. Its class, one for each case, knows the gradient program."""

    __slots__ = ("kept", "parameters")

    kernel: Callable[..., Any]
    record: Callable[..., None]
    wanted: tuple[bool, ...]
    gradient: Any
    specialization: Any
    checked: tuple[int, ...]
    single: bool
    differentiable_outputs: tuple[int, ...]

    def backward(self, g: Any) -> Sequence[Any]:
        if self.cells:
            check_versions(self)
        saved = self.saved if self.notes is None else unpacked(self)
        if self.outputs > 1:
            parts = self.kernel(*self.completed(g), *saved, *self.parameters)
        else:
            if self.kept is not None:
                g = g.reshape(self.kept)
            parts = self.kernel(g, *saved, *self.parameters)
        return (parts,) if self.single else parts

    def completed(self, gs: Sequence[Any]) -> list[Any]:
        """Zeros where nothing arrived for an output; few of them lie in order, as kernels want it."""
        xp = self.kind.xp
        full = [
            g
            if g is not None
            else xp.zeros(shape, kind.numpy)
            if math.prod(shape) <= FEW
            else xp.broadcast_to(xp.zeros((), kind.numpy), shape)
            for g, (shape, kind) in zip(gs, self.shape)
        ]
        if self.kept is None:
            return full
        return [g.reshape(self.kept) if g.ndim < len(self.kept) else g for g in full]

    def backward_recorded(self, g: Any) -> Sequence[Any]:
        check_versions(self)
        gs = (
            [g]
            if self.outputs == 1
            else [
                wrap(part, port[1]) if not isinstance(part, Tensor) else part
                for part, port in zip(self.completed(g), self.shape)
            ]
        )
        if self.kept is not None and self.outputs == 1:
            gs = [part.reshape(self.kept) for part in gs]
        again = derived(self)
        parts = again.apply((*gs, *self.saved_tensors()), self.parameters)
        return parts if isinstance(parts, tuple) else (parts,)

    def tangents(self, given: Sequence[Any], history: Callable[[Any, Any], None]) -> list[Any]:
        there = [t for t in given if t is not None]
        if self.kept is not None:  # an operand without dimensions was computed with as one element
            one = (1,) * len(self.kept)
            there = [t if t._array.ndim else t.reshape(one) for t in there]
        forward = along(self, tuple([t is not None for t in given]))
        found = forward.apply((*there, *self.saved_tensors(history)), self.parameters)
        parts = found if isinstance(found, tuple) else (found,)
        shapes = [self.shape] if self.outputs == 1 else [shape for shape, _ in self.shape]
        return [
            part.reshape(shape) if part._array.ndim > len(shape) else part
            for part, shape in zip(parts, shapes)
        ]

    def saved_tensors(self, history: Callable[[Any, Any], None] = connect) -> list[Tensor]:
        """The saved operands and outputs as tensors with their history.

        history: Gives a tensor the history of an edge.
        """
        spec, gradient = self.specialization, self.gradient
        arrays = unpacked(self)
        edges = iter(self.edges)
        edge_of = {i: next(edges) if on else None for i, on in enumerate(self.wanted)}
        tensors = []
        for i, array in zip(gradient.inputs, arrays):
            tensor = wrap(array, spec.kind_for(array))
            history(tensor, edge_of[i])
            tensors.append(tensor)
        for i, array in zip(gradient.outputs, arrays[len(gradient.inputs) :]):
            tensor = wrap(array, spec.kind_for(array))
            shape = self.shape if self.outputs == 1 else self.shape[i][0]
            dropped = self.kept is not None and len(shape) < len(self.kept)
            if dropped:
                tensor = wrap(array.reshape(shape), spec.kind_for(array))
            port = Port(self, i, tensor._array.shape, tensor._kind) if self.outputs > 1 else self
            history(tensor, port)
            if dropped:
                tensor = tensor.reshape(self.kept)  # type: ignore[attr-defined]
            tensors.append(tensor)
        return tensors

    def origin(self, i: int) -> tuple[Any, Any]:
        count = len(self.specialization.program.inputs)
        edges = iter(self.edges)
        operands = [next(edges) if on else None for on in self.wanted]
        return self.saved[self.checked.index(i)], operands[i] if i < count else self

    def saved_value(self, name: str) -> Any:
        spec = self.specialization
        i = spec.saved_names.get(name)
        if i is None:
            return dict(zip(spec.operation.parameters, self.parameters))[name]
        if i not in self.checked:
            if i not in spec.savable:
                raise absent(self, name)
            return None
        check_kept(self)
        at, count = self.checked.index(i), len(spec.program.inputs)
        if i >= count:
            shape = self.shape if self.outputs == 1 else self.shape[i - count][0]
            found = saved_tensor(self, at, self.port(i - count), spec.results[i - count])
            return found if found._array.shape == shape else found.reshape(shape)  # type: ignore[attr-defined]
        if self.cells and self.cells[at] is NO_CELL:  # a number
            return wrap(self.saved[at], spec.kind_for(self.saved[at]))
        edges = iter(self.edges)
        operands = [next(edges) if on else None for on in self.wanted]
        return saved_tensor(self, at, operands[i], spec.kinds[i])

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        edges = iter(self.edges)
        found = [next(edges) if on else None for on in self.wanted]
        return tuple((None, 0) if edge is None else (edge.node, edge.index) for edge in found)


def unpacked(node: Node) -> tuple:
    """The saved arrays, through the saved-tensor hook if one packed them."""
    saved = node.saved
    if node.notes is not None and "unpack" in node.notes:
        saved = tuple(node.notes["unpack"](item)._array for item in saved)
    return saved


ONE = (True,)
BOTH, FIRST, SECOND = (True, True), (True, False), (False, True)


def record_binary(
    spec: Any, result: Tensor, x: Any, y: Any, a: Any, b: Any, left: Any, right: Any
) -> None:
    """Record the result of two operands, one of which may be a number. left and right are their nodes."""
    if left is None:
        cls, edges = spec.plans[SECOND], (right,)
    elif right is None:
        cls, edges = spec.plans[FIRST], (left,)
    else:
        cls, edges = spec.plans[BOTH], (left, right)
    cls.record(
        edges, a, b, result._array,
        NO_CELL if x.__class__ in REAL else x._cell,
        NO_CELL if y.__class__ in REAL else y._cell,
        result, (), None,
    )  # fmt: skip


NO_CELL = [0]
REAL: frozenset[Any] = frozenset((int, float))


def derived(node: Any) -> DerivedOperation:
    """The operation that computes a node's gradient on tensors, recorded."""
    cls = type(node)
    if cls.derived is None:
        cls.derived = DerivedOperation(cls.specialization, cls.gradient.again)
    return cls.derived


def along(node: Any, there: tuple[bool, ...]) -> DerivedOperation:
    """The operation that computes a node's tangents, where the operands that are `there` have some."""
    cls = type(node)
    found = cls.forward.get(there)
    if found is None:
        program = cls.gradient.transposed(len(cls.specialization.program.roots), there)
        made = DerivedOperation(cls.specialization, program, "tangent", "Tangent")
        found = cls.forward[there] = made
    return found


class DerivedOperation:
    """A gradient program as an operation of its own, so that it can be differentiated again.

    Args:
        origin: The operation's specialisation.
        program: What is derived from its program.
        what, label: What that is, in the names of the operation and of its nodes.
    """

    operands = parameters = ()

    def __init__(
        self, origin: Any, program: Program, what: str = "gradient", label: str = "Backward"
    ):
        self.name = f"{origin.operation.name}_{what}"
        self.label = f"{origin.operation.label}{label}"
        self.origin, self.program, self.rows = origin, program, origin.operation.rows
        self.specializations: dict[Any, Any] = {}

    def apply(self, operands: tuple[Tensor, ...], parameters: tuple) -> Any:
        kinds = tuple(x._kind for x in operands)
        spec = self.specializations.get(kinds)
        if spec is None:
            origin = self.origin
            not_promoted = frozenset(
                i for i, x in enumerate(self.program.inputs) if x.domain < Domain.REAL
            )
            common = kind_of(_dtype_of(origin.compute), origin.common.device)
            results = tuple(
                common
                if root.domain == Domain.COMPLEX
                or origin.compute.kind != "c"
                or root.domain != Domain.REAL
                else common.with_dtype(common.dtype.to_real())
                for root in self.program.roots
            )
            spec = self.specializations[kinds] = type(origin)(
                self, self.program, common, kinds, origin.compute, results, not_promoted
            )
        return apply(spec, operands, tuple(x._array for x in operands), parameters, None)


def _dtype_of(numpy_dtype: Any) -> Any:
    from ...core.dtype import BY_NUMPY

    return BY_NUMPY[numpy_dtype]


def apply(
    spec: Any,
    operands: Sequence[Any],
    arrays: Sequence[Any],
    parameters: tuple,
    kept: tuple | None,
) -> Any:
    """Run a specialisation and record it if a gradient is wanted.

    operands: tensors or numbers; arrays: what is computed with. kept: for a reduction whose axes do
        not stay, the result's shape with and without them; a third item says that full results drop
        their one axis too (the operand was 0-d).
    """
    wanted = tuple([isinstance(x, Tensor) and x._node is not None for x in operands])
    recording = mode.recording and True in wanted and spec.floating
    cls = spec.plans[wanted] if recording else None
    if cls is not None and not cls.differentiable_outputs:
        cls = None
    run = spec.run if cls is None or cls.extended is None else cls.extended
    with quiet():
        values = run(*arrays, *parameters)
    roots = len(spec.program.roots)
    several = type(values) is tuple
    values = values if several else (values,)
    values = [
        v if isinstance(v, spec.common.xp.ndarray) else spec.common.xp.asarray(v) for v in values
    ]
    shaped = values[:roots]
    if kept is not None:
        shaped = [
            v if root.full and len(kept) == 2 else v.reshape(kept[1])
            for v, root in zip(shaped, spec.program.roots)
        ]
    results = [wrap(v, kind) for v, kind in zip(shaped, spec.results)]
    if cls is not None:
        if cls.gradient.counted:
            parameters = (*parameters[:-1], row_length(arrays[0], parameters[-1]), parameters[-1])
        cls.record(
            tuple([x._node for x, on in zip(operands, wanted) if on]),
            *arrays,
            *values,
            *[x._cell if isinstance(x, Tensor) else NO_CELL for x in operands],
            results[0] if roots == 1 else results,
            parameters,
            None if kept is None else kept[0],
        )
    return results[0] if roots == 1 else tuple(results)
