"""Operations that are not formulas: a function of arrays, and a gradient rule written with tensors.

    @operation
    def roll(x, shifts, dims):
        return np.roll(x, shifts, dims)

    @roll.gradient
    def _(g, shifts, dims):
        return roll(g, [-n for n in shifts], dims)

The rule asks for what it needs by name, and only that is saved: ``g``, an operand (as a tensor with
its history), an option, the output ``y``, ``shape_x`` (the shape of operand x), ``needs`` (which
operands want a gradient). One whose outputs have names, ``outputs="q r"``, is asked for them by name
too, and for ``g_q``, ``g_r``: None where nothing arrived. Because rules are made of operations, they
can be differentiated again.

An operation that changes some elements of its first operand is defined by the writing, ``writes=True``: a
function that writes into the array that it is given. `Operation.into` runs it on a tensor's own memory, so
that the in-place form costs what is written; the operation itself runs it on a copy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import zip_longest
from typing import Any

from ... import kernels
from ...autograd.history import rebase
from ...autograd.mode import mode
from ...autograd.node import next_sequence
from ...autograd.record import record
from ...autograd.saved import saved_attributes
from ...core import tensor as handle
from ...core.device import backends
from ...core.dtype import BY_NUMPY, FLOAT
from ...core.kind import kind_of
from ...core.limit import EXCEEDED, reworded
from ...core.tensor import Tensor, wrap
from ...formula.quiet import restore, silence, silent
from ..arguments import arguments
from ..registry import OPERATIONS
from ..write import check_history, check_writable, finish_write
from .fast_path import write_fast_path
from .rule_node import NODE_SLOTS, RuleNode


class Operation:
    """One operation: `compute` on arrays, and its gradient rule.

    Args:
        compute: Takes the operands' arrays and the options, by position; gives one array or a tuple.
        operands: Names of the arguments that are tensors (the first, if not given). One that may be
            a sequence of tensors is written with a star: "*tensors".
        view: Does the result share the first operand's memory?
        differentiable: Which outputs are, where not all.
        outputs: Names of several outputs.
        writes: `compute` gives nothing, but writes into its first operand.
        names: PyTorch's names of the operands, where they are not self, other.
        linear: Is it linear in its operands? An operation is taken to be where its rule asks for the value of
            none, so this is said where it is not, as if something is added.
        moves: Does it only move elements of its only operand, or of its sequence of them? See `remembered`.
    """

    def __init__(
        self,
        compute: Callable,
        operands: str,
        view: bool,
        label: str,
        differentiable: Sequence[int] | None,
        outputs: str = "",
        writes: bool = False,
        names: str = "",
        linear: bool = True,
        moves: bool = False,
    ):
        self.linear = linear and not outputs
        self.moves = moves
        self.compute, self.view = _on_a_copy(compute) if writes else compute, view
        self.write = compute if writes else None
        self.name = compute.__name__.rstrip("_")
        self.label = label or "".join(part.capitalize() for part in self.name.split("_"))
        found = arguments(compute)
        self.arguments = tuple(found)
        self.operands = tuple(operands.split()) or self.arguments[:1]
        self.defaults = {n: found[n] for n in self.arguments[len(self.operands) :]}
        self.variadic = self.operands[0].startswith("*")
        self.operands = tuple(n.lstrip("*") for n in self.operands)
        self.differentiable = differentiable
        self.outputs = tuple(outputs.split())
        self.names = tuple(names.split())
        self.rule: Callable | None = None
        self.tangent_rule: Callable | None = None
        self.product_rule: Callable | None = None
        self.asks: tuple[str, ...] = ()
        self.keeps: tuple[tuple[str, int | None, int | None], ...] = ()
        self.asks_shapes: tuple[str, ...] = () if self.variadic else ("",) * len(self.operands)
        self.node_classes: dict[int, type[RuleNode]] = {}
        self.__doc__ = compute.__doc__
        OPERATIONS[self.name] = self
        _prepare(self)

    def gradient(self, rule: Callable) -> Callable:
        """Decorator: the gradient rule."""
        self.rule = rule
        self.asks = tuple(arguments(rule))
        places = {} if self.variadic else {n: i for i, n in enumerate(self.operands)}
        outputs = {n: i for i, n in enumerate(self.outputs)} | ({} if "y" in places else {"y": 0})
        self.keeps = tuple(
            (n, places.get(n), outputs.get(n)) for n in self.asks if n in places or n in outputs
        )
        shapes = (f"shape_{n}" for n in self.operands)
        self.asks_shapes = tuple(n if n in self.asks else "" for n in shapes)
        if self.variadic and not any(self.asks_shapes):
            self.asks_shapes = ()
        _prepare(self)
        return rule

    def tangent(self, rule: Callable) -> Callable:
        """Decorator: the rule of tangents, of an operation that is not linear.

        It asks by name for ``t_x``, the tangent of operand x (None: zero), for options, and for operands and
        outputs that the gradient rule asks for too; it gives the tangent of each output, None for zero. An
        operation without one takes its gradient rule, transposed.
        """
        self.tangent_rule = rule
        return rule

    def product(self, bare: Operation | None = None, spread: Callable | None = None) -> None:
        """Say that it is the product of its operands but for `bias`, linear in each: that is its rule of tangents.

        Args:
            bare: The operation without a bias, if that is another one.
            spread: What the bias's tangent is added as, given it and the number of dimensions of the result.
        """
        made = bare or self
        factors = [name for name in self.operands if name != "bias"]

        def along(node: RuleNode, given: dict[str, Any], values: dict[str, Any]) -> Any:
            options = [node.options[name] for name in self.arguments[len(self.operands) :]]
            parts = []
            for name in factors:
                if given.get(name) is not None:
                    moved = {**values, name: given[name], "bias": None}
                    parts.append(made(*(moved[n] for n in made.operands), *options))
            added = given.get("bias")
            if added is not None:
                parts.append(added if spread is None else spread(added, len(node.shape)))
            return functools.reduce(lambda a, b: a + b, parts)

        self.product_rule = along

    def run_tangent(self, node: RuleNode, given: Sequence[Any], saved: dict[str, Any]) -> list:
        values = {**node.options, **saved}
        values.update(zip((f"t_{name}" for name in self.operands), given))
        found = self.tangent_rule(*(values[name] for name in arguments(self.tangent_rule)))  # type: ignore[arg-type,misc]
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def along(self, node: RuleNode, given: Sequence[Any], saved: dict[str, Any]) -> Tensor | None:
        """What a linear operation makes of its operands' tangents; None where the shape of one is not known."""
        operands: list[Any] = []
        for name, tangent, edge in zip_longest(self.operands, given, node.edges):
            if tangent is None and edge is not None:
                tangent = wrap(edge.kind.xp.zeros(edge.shape, edge.kind.numpy), edge.kind)
            elif tangent is None and name in saved:  # an index
                tangent = saved[name]
            elif tangent is None and node.options.get(name, self) is not None:
                return None
            operands.append(tangent)
        options = [node.options[name] for name in self.arguments[len(self.operands) :]]
        return self(operands, *options) if self.variadic else self(*operands, *options)

    def afresh(self, compute: Callable) -> Callable:
        """Decorator: how one that writes makes a new array, where that takes less than a copy and the writing."""
        self.compute = compute
        _prepare(self)
        return compute

    @cached_property
    def saved_names(self) -> dict[str, str]:
        """What the rule asks for, by the names that nodes show it under, which are PyTorch's."""
        usual = {"x": "self", "y": "other", "w": "weight"}
        names = dict(zip(self.operands, self.names or (usual.get(n, n) for n in self.operands)))
        found = {}
        for own in self.asks:
            if own.startswith("shape_"):
                found[f"{names.get(own[6:], own[6:])}_sym_sizes"] = own
            elif own != "needs" and own != "g" and not own.startswith("g_"):
                found[names.get(own, "result" if own == "y" else own)] = own
        return found

    def run_rule(self, node: RuleNode, g: Any, saved: dict[str, Tensor]) -> list[Any]:
        values: dict[str, Any] = dict(node.options)
        values.update(saved)
        values["g"] = g
        values.update(zip((f"g_{name}" for name in self.outputs), g if self.outputs else ()))
        if self.rule is None:
            raise RuntimeError(f"derivative for {self.name} is not implemented")
        parts = self.rule(*(values[name] for name in self.asks))
        return list(parts) if isinstance(parts, (tuple, list)) else [parts]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on tensors (operands) and options; record if a gradient is wanted."""
        if type(self) is Operation and (self.moves or not (self.variadic or self.view)):
            write_fast_path(self, RuleNode, _wrap_like)
            return self(*args, **kwargs)
        if kwargs:
            args += tuple(kwargs[n] for n in self.arguments[len(args) :])
        if self.variadic:
            return self.general(args[0], args[1:])
        count = len(self.operands)
        return self.general(args[:count], args[count:])

    def general(self, tensors: Sequence[Any], options: tuple) -> Any:
        """The call on any operands and options."""
        if self.variadic:
            arrays: list[Any] = [[x._array for x in tensors]]
        else:
            arrays = [None if x is None else x._array for x in tensors]
        token = silence(silent)
        try:
            values = self.compute(*arrays, *options)
        except EXCEEDED as error:
            raise reworded(error) from None
        finally:
            restore(token)
        return self.finish(values, tensors, options)

    def finish(self, values: Any, tensors: Sequence[Any], options: tuple) -> Any:
        several = type(values) in (tuple, list)
        source = tensors[0]
        make = handle.wrap_view if self.view else _wrap_like
        results = [make(v, source) for v in values] if several else [make(values, source)]
        if mode.recording:
            edges = tuple([None if x is None else x._node for x in tensors])
            if edges.count(None) < len(edges):
                self.record(results, tensors, edges, options)
        return tuple(results) if several else results[0]

    def into(
        self,
        x: Tensor,
        others: Sequence[Tensor],
        options: tuple,
        recorded: bool = True,
        overlaps: bool = False,
    ) -> Tensor:
        """Write into the first operand's own memory.

        Args:
            recorded: Does an operand want a gradient, and is recording on?
            overlaps: May two of its elements be one, because all are given the same value?

        Raises:
            RuntimeError: The memory must not be written to; or what the writing raises, before it has written.
        """
        assert self.write is not None, f"{self.name} does not write"
        if overlaps:
            check_history(x, any(t._node is not None for t in others))
        else:
            check_writable(x, (x, *others))
        before = x
        recorded = recorded and x._kind.dtype.category >= FLOAT
        if recorded and self.operands[0] in self.asks:
            before = handle.make(x._array.copy(), x._kind, x._node, [0], None)
        token = silence(silent)
        try:
            self.write(x._array, *[t._array for t in others], *options)
        finally:
            restore(token)
        finish_write(x, None)
        if recorded:
            if type(self) is Operation:
                write_fast_path(self, RuleNode, _wrap_like)
            written = handle.make(x._array, x._kind, None, x._cell, None)
            self.noted[(True,) * len(self.operands)](written, before, *others, *options)
            rebase(x, written._node, x._cell)
        return x

    def record(
        self,
        results: list[Tensor],
        tensors: Sequence[Any],
        edges: tuple[Any, ...],
        options: tuple,
    ) -> None:
        differentiable_outputs = [
            i
            for i, r in enumerate(results)
            if r._kind.dtype.category >= FLOAT
            and (self.differentiable is None or i in self.differentiable)
        ]
        if not differentiable_outputs:
            return
        cls = self.node_class(len(results))
        facts = dict(zip(self.arguments[len(self.operands) :], options))
        self.note_operands(facts, tensors, edges)
        kept = self.kept(results, differentiable_outputs, tensors, edges)
        cells = tuple([x._cell for _, x, _ in kept])
        first = results[0]
        if len(results) == 1:
            shape: Any = first._array.shape
        else:
            shape = tuple((r._array.shape, r._kind) for r in results)
        node = cls.make(
            edges, tuple([x._array for _, x, _ in kept]), cells, tuple([c[0] for c in cells]),
            next_sequence(), shape, first._kind, None, None, range(len(cells)), facts,
            [(name, edge, x._kind) for name, x, edge in kept],
        )  # fmt: skip
        record(node, results, None if len(results) == 1 else differentiable_outputs)

    def note_operands(self, facts: dict, tensors: Sequence[Any], edges: tuple) -> None:
        """What the rule asks to know of the operands besides their values."""
        if self.variadic:
            if self.asks_shapes:
                facts[f"shape_{self.operands[0]}"] = [x._array.shape for x in tensors]
        else:
            for name, ask, x in zip(self.operands, self.asks_shapes, tensors):
                if x is None:
                    facts[name] = None
                elif ask:
                    facts[ask] = x._array.shape
        if "needs" in self.asks:
            facts["needs"] = tuple([edge is not None for edge in edges])

    def kept(
        self,
        results: list[Tensor],
        differentiable_outputs: list[int],
        tensors: Sequence[Any],
        edges: tuple,
    ) -> list[tuple]:
        """(name, tensor, edge) of each value that the rule asks for.

        The only output is called y, unless an operand has that name; its edge is "y", that of one of
        several outputs its number.
        """
        found: list[tuple] = []
        for name, operand, output in self.keeps:
            if operand is not None:
                if tensors[operand] is not None:
                    found.append((name, tensors[operand], edges[operand]))
            elif len(results) == 1:
                found.append((name, results[0], "y"))
            elif output is not None:
                found.append(
                    (name, results[output], output if output in differentiable_outputs else None)
                )
        return found

    @property
    def node_name(self) -> str:
        """What its nodes are called."""
        return self.label if "Backward" in self.label else f"{self.label}Backward0"

    def node_class(self, outputs: int) -> type[RuleNode]:
        found = self.node_classes.get(outputs)
        if found is None:
            made: Any = type(
                self.node_name,
                (RuleNode,),
                {
                    "__slots__": (),
                    "operation": self,
                    "outputs": outputs,
                    **saved_attributes(self.saved_names),
                },
            )
            made.make = staticmethod(kernels.constructor(made, *NODE_SLOTS))
            found = self.node_classes.setdefault(
                outputs, made
            )  # complete, as other threads find it
        return found


def _prepare(operation: Operation) -> None:
    """Let a new operation take arrays that are not NumPy's, if there may be such already."""
    if "meta" in backends or "cuda" in backends:
        from ...core.twin import prepare

        prepare(operation)


@partial(backends.when_loaded, "cuda")
@partial(backends.when_loaded, "meta")
def _prepare_all() -> None:
    for operation in OPERATIONS.values():
        if isinstance(operation, Operation):
            _prepare(operation)


def _on_a_copy(write: Callable) -> Callable:
    """What is written into an array, written into a copy."""

    @functools.wraps(write)
    def compute(x: Any, *rest: Any) -> Any:
        made = kernels.array.copy.contiguous(x)
        write(made, *rest)
        return made

    return compute


def _wrap_like(array: Any, source: Tensor) -> Tensor:
    """A new tensor; its kind is that of `source`, but for the dtype."""
    kind = source._kind
    if array.__class__ is not kind.xp.ndarray:
        array = kind.xp.asarray(array)
    if array.dtype is not kind.numpy:
        found = _kinds.get((kind, array.dtype))
        if found is None:
            found = _kinds[kind, array.dtype] = (
                kind if array.dtype == kind.numpy else kind_of(BY_NUMPY[array.dtype], kind.device)
            )
        kind = found
    return wrap(array, kind)


_kinds: dict[tuple[Any, Any], Any] = {}
"""The kinds of results by the first operand's kind and by what NumPy calls their dtype."""


def operation(
    compute: Callable | None = None,
    *,
    operands: str = "",
    view: bool = False,
    label: str = "",
    differentiable: Sequence[int] | None = None,
    outputs: str = "",
    writes: bool = False,
    names: str = "",
    linear: bool = True,
    moves: bool = False,
) -> Any:
    """Decorator: make an `Operation` of a function of arrays.

    Args:
        compute: The function. Its first argument is the operand, unless `operands` names them.
        operands: The arguments that are tensors; "*tensors" for one that is a sequence of them.
        view: The result is a view of the first operand's memory.
        label: The node's name, without Backward0.
        differentiable: The outputs that have a gradient, where not all floating ones do.
        outputs: Names of the outputs, where there are several and the rule asks for them.
        writes: The function gives nothing, but writes into its first operand.
        names: PyTorch's names of the operands, as nodes show what they saved, where they are not self, other.
        linear: Is it linear in its operands, where its rule asks for the value of none?
        moves: Does it only move elements of its only operand, or of its sequence of them?
    """

    def make(compute: Callable) -> Operation:
        return Operation(
            compute, operands, view, label, differentiable, outputs, writes, names, linear, moves
        )

    return make if compute is None else make(compute)
