"""cond: one of two functions, by a tensor's value, of which a graph keeps both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.handler import DisableTorchFunction
from ..core.tensor import Tensor
from .experimental.proxy_tensor import PythonKeyTracer, finish, get_proxy_mode, run_noting
from .graph_module import GraphModule
from .node import Node

__all__ = ["cond"]


class _Branch(PythonKeyTracer):
    """Traces one of the functions. Tensors from outside become arguments of its graph.

    Args:
        open_sizes: As of `PythonKeyTracer`.
        captured: Those tensors, of both branches.
    """

    def __init__(self, open_sizes: bool, captured: list[Tensor]):
        super().__init__(open_sizes)
        self.captured = captured

    def _constant(self, a: Tensor) -> Node:
        place = next((i for i, x in enumerate(self.captured) if x is a), len(self.captured))
        if place == len(self.captured):
            self.captured.append(a)
        with self.graph.inserting_before():
            return self.placeholder(f"captured_{place}", a)

    def ended(self) -> GraphModule:
        """The graph module, with an argument for each captured tensor after the given ones."""
        placeholders = [n for n in self.graph.nodes if n.op == "placeholder"]
        mine = {known[1] for a in self.captured if (known := self.nodes.get(id(a)))}
        given = [n for n in placeholders if n not in mine]
        last: Node | None = given[-1] if given else None
        for i, a in enumerate(self.captured):
            known = self.nodes.get(id(a))
            with self.graph.inserting_after(last) if last else self.graph.inserting_before():
                node = self.placeholder(f"captured_{i}", a) if known is None else known[1]
            if known is not None:
                if last is not None:
                    last.append(node)
                else:
                    next(iter(self.graph.nodes)).prepend(node)
            last = node
        self.graph.lint()
        finish(self.graph)
        return GraphModule(self.root, self.graph)


def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: Sequence[Any] = ()) -> Any:
    """`true_fn` of the operands where `pred` holds, else `false_fn` of them.

    Graphs of runs (`make_fx`, `torch.export`) keep both functions, and choose anew.

    Args:
        pred: A bool, or a tensor of one element.
        true_fn, false_fn: Functions that give tensors of the same shapes.
        operands: Tensors.

    Raises:
        RuntimeError: `pred` or the functions are none.

    Source: torch.cond

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2)
        >>> torch.cond(x.sum() > 1, lambda x: x + 1, lambda x: x - 1, (x,))
        tensor([2., 2.])
    """
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"Expect operands to be a tuple of tensors, got {operands}.")
    if isinstance(pred, Tensor) and pred.numel() != 1:  # type: ignore[attr-defined]
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    mode = get_proxy_mode()
    if mode is not None and mode.tracer.is_open(pred):
        return _noted(mode, pred, true_fn, false_fn, tuple(operands))
    return (true_fn if pred else false_fn)(*operands)


def _noted(mode: Any, pred: Any, true_fn: Callable, false_fn: Callable, operands: tuple) -> Any:
    """A node that chooses between two graphs."""
    tracer = mode.tracer
    captured: list[Tensor] = []
    branches = []
    with DisableTorchFunction():
        for function in (true_fn, false_fn):
            branch = _Branch(tracer.open_sizes, captured)
            for i, x in enumerate(operands):
                branch.placeholder(f"arg{i}_1", x)
            result = run_noting(branch, function, operands, on_value=mode.on_value)
            branch.create_node("output", "output", (branch.create_arg(result),), {})
            branches.append(branch)
        modules = [branch.ended() for branch in branches]
        given = (*operands, *captured)
        result = modules[not bool(pred)](*given)
    nodes = []
    for kind, module in zip(("true", "false"), modules):
        number = 0
        while hasattr(tracer.root, f"{kind}_graph_{number}"):
            number += 1
        setattr(tracer.root, f"{kind}_graph_{number}", module)
        nodes.append(tracer.create_node("get_attr", f"{kind}_graph_{number}", (), {}))
    args = (tracer.create_arg(pred), *nodes, tracer.create_arg(given))
    mode._name(result, tracer.create_node("call_function", cond, args, {}))
    return result
