"""Operations that are not formulas: a function of arrays, and a gradient rule written with tensors.

    @operation
    def roll(x, shifts, dims):
        return np.roll(x, shifts, dims)

    @roll.gradient
    def _(g, shifts, dims):
        return roll(g, [-n for n in shifts], dims)

The rule asks for what it needs by name, and only that is saved: ``g``, an operand (as a tensor with
its history), an option, the output ``y``, ``shape_x`` (the shape of operand x), ``needs`` (which
operands want a gradient). Because rules are made of operations, they can be differentiated again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.mode import mode
from ..autograd.node import Node, Port, next_sequence
from ..core.kind import kind_of
from ..core.quiet import quiet
from ..core.tensor import Tensor, wrap, wrap_view
from .formula import check_versions
from .registry import OPERATIONS

_new = object.__new__


class RuleNode(Node):
    """A recorded operation with a gradient rule."""

    __slots__ = ("checked", "options", "origins")

    operation: Operation

    def backward(self, g: Any) -> list[Any]:
        self.check()
        parts = self.operation.run_rule(self, self._incoming(g), self._saved(False))
        return [None if part is None else part._array for part in parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        self.check()
        return self.operation.run_rule(self, self._incoming(g), self._saved(True))

    def check(self) -> None:
        """Raises RuntimeError if a saved value was written to since."""
        if self.saved is not None:
            self.checked = tuple(i for i, cell in enumerate(self.cells) if cell is not None)
            check_versions(self)

    def _incoming(self, g: Any) -> Any:
        if self.outputs == 1:
            return g if isinstance(g, Tensor) else wrap(g, self.kind)
        filled = []
        for part, (shape, kind) in zip(g, self.shape):
            if part is None:
                part = kind.xp.zeros(shape, kind.numpy)
            filled.append(part if isinstance(part, Tensor) else wrap(part, kind))
        return filled

    def _saved(self, connected: bool) -> dict[str, Tensor]:
        found = {}
        saved = self.saved
        if self.notes is not None and "unpack" in self.notes:
            saved = tuple(self.notes["unpack"](item)._array for item in saved)
        for (name, edge, kind), array in zip(self.origins, saved):
            tensor = found[name] = wrap(array, kind)
            if connected:
                tensor._node = self if edge == "y" else edge
        return found


class Operation:
    """One operation: `compute` on arrays, and its gradient rule.

    Args:
        compute: Takes the operands' arrays and the options, by position; gives one array or a tuple.
        operands: Names of the arguments that are tensors (the first, if not given). One that may be
            a sequence of tensors is written with a star: "*tensors".
        view: Does the result share the first operand's memory?
        differentiable: Which outputs are, where not all.
    """

    def __init__(
        self,
        compute: Callable,
        operands: str,
        view: bool,
        label: str,
        differentiable: Sequence[int] | None,
    ):
        self.compute, self.view = compute, view
        self.name = compute.__name__.rstrip("_")
        self.label = label or "".join(part.capitalize() for part in self.name.split("_"))
        signature = inspect.signature(compute)
        self.arguments = tuple(signature.parameters)
        self.operands = tuple(operands.split()) or self.arguments[:1]
        self.variadic = self.operands[0].startswith("*")
        self.operands = tuple(n.lstrip("*") for n in self.operands)
        self.differentiable = differentiable
        self.rule: Callable | None = None
        self.asks: tuple[str, ...] = ()
        self.keeps: tuple[str, ...] = ()
        self.node_classes: dict[int, type[RuleNode]] = {}
        self.__doc__ = compute.__doc__
        OPERATIONS[self.name] = self

    def gradient(self, rule: Callable) -> Callable:
        """Decorator: the gradient rule."""
        self.rule = rule
        self.asks = tuple(inspect.signature(rule).parameters)
        self.keeps = tuple(n for n in self.asks if n in self.operands or n == "y")
        return rule

    def run_rule(self, node: RuleNode, g: Any, saved: dict[str, Tensor]) -> list[Any]:
        values: dict[str, Any] = dict(node.options)
        values.update(saved)
        values["g"] = g
        if self.rule is None:
            raise RuntimeError(f"derivative for {self.name} is not implemented")
        parts = self.rule(*(values[name] for name in self.asks))
        return list(parts) if isinstance(parts, (tuple, list)) else [parts]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on tensors (operands) and options; record if a gradient is wanted."""
        if kwargs:
            args += tuple(kwargs[n] for n in self.arguments[len(args) :])
        if self.variadic:
            tensors: Sequence[Any] = args[0]
            options = args[1:]
            arrays: list[Any] = [[x._array for x in tensors]]
        else:
            count = len(self.operands)
            tensors, options = args[:count], args[count:]
            arrays = [None if x is None else x._array for x in tensors]
        with quiet():
            values = self.compute(*arrays, *options)
        return self.finish(values, tensors, options)

    def finish(self, values: Any, tensors: Sequence[Any], options: tuple) -> Any:
        several = type(values) in (tuple, list)
        source = tensors[0]
        if self.view:
            results = (
                [wrap_view(v, source) for v in values] if several else [wrap_view(values, source)]
            )
        else:
            results = (
                [_wrap(v, source._kind) for v in values]
                if several
                else [_wrap(values, source._kind)]
            )
        if mode.recording:
            edges = [None if x is None else x._node for x in tensors]
            if any(edge is not None for edge in edges):
                self.record(results, tensors, edges, options)
        return tuple(results) if several else results[0]

    def record(
        self, results: list[Tensor], tensors: Sequence[Any], edges: list[Any], options: tuple
    ) -> None:
        live = [
            i
            for i, r in enumerate(results)
            if r._kind.dtype.category >= 2
            and (self.differentiable is None or i in self.differentiable)
        ]
        if not live:
            return
        node = _new(self.node_class(len(results)))
        node.edges = tuple(edges)
        names = self.arguments[len(self.operands) :]
        node.options = dict(zip(names, options))
        if self.variadic:
            if any(n.startswith("shape_") for n in self.asks):
                node.options[f"shape_{self.operands[0]}"] = [x._array.shape for x in tensors]
        else:
            for name, x in zip(self.operands, tensors):
                if x is not None:
                    node.options[f"shape_{name}"] = x._array.shape
                else:
                    node.options[name] = None
        node.options["needs"] = tuple(edge is not None for edge in edges)
        by_name = {} if self.variadic else dict(zip(self.operands, zip(tensors, edges)))
        by_name.setdefault("y", (results[0], "y"))  # the output, unless an operand has the name
        kept = [(n, *by_name[n]) for n in self.keeps if n in by_name and by_name[n][0] is not None]
        node.origins = tuple((n, edge, x._kind) for n, x, edge in kept)
        node.saved = tuple(x._array for _, x, _ in kept)
        node.cells = tuple(x._cell for _, x, _ in kept)
        node.versions = tuple(cell[0] for cell in node.cells)
        node.sequence = next_sequence()
        node.hooks = node.notes = None
        if len(results) == 1:
            result = results[0]
            node.shape, node.kind = result._array.shape, result._kind
            result._node = node
        else:
            node.shape, node.kind = (
                tuple((r._array.shape, r._kind) for r in results),
                results[0]._kind,
            )
            for i in live:
                result = results[i]
                result._node = Port(node, i, result._array.shape, result._kind)
        for watch in mode.watchers:
            watch(node)

    def node_class(self, outputs: int) -> type[RuleNode]:
        found = self.node_classes.get(outputs)
        if found is None:
            found = self.node_classes[outputs] = type(
                self.label if "Backward" in self.label else f"{self.label}Backward0",
                (RuleNode,),
                {"__slots__": (), "operation": self, "outputs": outputs},
            )
        return found


def _wrap(array: Any, kind: Any) -> Tensor:
    if not isinstance(array, kind.xp.ndarray):
        array = kind.xp.asarray(array)
    if array.dtype != kind.numpy:
        from ..core.dtype import BY_NUMPY

        kind = kind_of(BY_NUMPY[array.dtype], kind.device)
    return wrap(array, kind)


def operation(
    compute: Callable | None = None,
    *,
    operands: str = "",
    view: bool = False,
    label: str = "",
    differentiable: Sequence[int] | None = None,
) -> Any:
    """Decorator: make an `Operation` of a function of arrays.

    Args:
        compute: The function. Its first argument is the operand, unless `operands` names them.
        operands: The arguments that are tensors; "*tensors" for one that is a sequence of them.
        view: The result is a view of the first operand's memory.
        label: The node's name, without Backward0.
        differentiable: The outputs that have a gradient, where not all floating ones do.
    """

    def make(compute: Callable) -> Operation:
        return Operation(compute, operands, view, label, differentiable)

    return make if compute is None else make(compute)
