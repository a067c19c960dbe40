"""The node of a recorded operation with a gradient rule: what it saved, and its tangents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import kernels
from ...autograd.node import Node, Port, connect
from ...autograd.report import check_versions
from ...autograd.saved import absent, check_kept, saved_tensor
from ...core.dtype import FLOAT
from ...core.tensor import Tensor, wrap

NODE_SLOTS = (
    "edges", "saved", "cells", "versions", "sequence", "shape", "kind", "hooks", "notes", "checked",
    "options", "origins",
)  # fmt: skip


class RuleNode(Node):
    """A recorded operation with a gradient rule."""

    __slots__ = ("checked", "options", "origins")

    operation: Any
    make: Callable[..., RuleNode]

    def backward(self, g: Any) -> list[Any]:
        self.check()
        parts = self.operation.run_rule(self, self._incoming(g), self._saved(None))
        return [None if part is None else part._array for part in parts]

    def backward_recorded(self, g: Any) -> list[Any]:
        self.check()
        return self.operation.run_rule(self, self._incoming(g), self._saved(connect))

    def tangents(self, given: Sequence[Any], history: Callable[[Any, Any], None]) -> Sequence[Any]:
        operation, saved = self.operation, self._saved(history)
        if operation.product_rule is not None:
            along = dict(zip(operation.operands, given))
            return [operation.product_rule(self, along, saved)]
        if operation.tangent_rule is not None:
            return operation.run_tangent(self, given, saved)
        asked = (x for name, x in saved.items() if name != "g")  # that is what arrives
        if operation.linear and all(x._kind.dtype.category < FLOAT for x in asked):
            found = operation.along(self, given, saved)
            if found is not None:
                return [found]
        from ...autograd.forward import transposed  # loaded: it asks for the tangents

        return transposed(
            self,
            given,
            lambda g: operation.run_rule(self, self._incoming(g), saved),
            getattr(history, "wanted", True),
        )

    def anew(self) -> tuple[Callable[..., Any], dict[str, Any]] | None:
        """What makes nodes like this one, and the options that they share; None where it saved values."""
        if self.saved != ():
            return None
        return kernels.constructor(type(self), *NODE_SLOTS), self.options

    def check(self) -> None:
        """Raises RuntimeError if a saved value was written to since."""
        if self.saved is not None and self.cells:
            check_versions(self)

    def origin(self, i: int) -> tuple[Any, Any]:
        edge = self.origins[i][1]
        output = 0 if edge == "y" else edge if type(edge) is int else None
        return self.saved[i], edge if output is None else self.port(output)

    def saved_value(self, name: str) -> Any:
        own = self.operation.saved_names[name]
        if own in self.options:  # an option, a shape, or an operand that is None
            return self.options[own]
        check_kept(self)
        for i, (kept, edge, kind) in enumerate(self.origins):
            if kept == own:
                output = 0 if edge == "y" else edge if type(edge) is int else None
                history = edge if output is None else self.port(output)
                return saved_tensor(self, i, history, kind)
        raise absent(self, name)

    def _incoming(self, g: Any) -> Any:
        if self.outputs == 1:
            return g if isinstance(g, Tensor) else wrap(g, self.kind)
        filled: list[Tensor | None] = []
        fill = not self.operation.outputs
        for part, (shape, kind) in zip(g, self.shape):
            if part is None:
                if not fill:
                    filled.append(None)
                    continue
                part = kind.xp.zeros(shape, kind.numpy)
            filled.append(part if isinstance(part, Tensor) else wrap(part, kind))
        return filled

    def _saved(self, history: Callable[[Any, Any], None] | None) -> dict[str, Tensor]:
        """What was saved, as tensors by name; `history` gives them the history that an edge says."""
        found = {}
        saved = self.saved
        if self.notes is not None and "unpack" in self.notes:
            saved = tuple(self.notes["unpack"](item)._array for item in saved)
        for (name, edge, kind), array in zip(self.origins, saved):
            tensor = found[name] = wrap(array, kind)
            if history is not None:
                if edge == "y":
                    edge = self
                elif type(edge) is int:
                    edge = Port(self, edge, array.shape, kind)
                history(tensor, edge)
        return found
