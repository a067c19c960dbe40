"""Steps that a CUDA graph can record: counts of steps, and what follows from them, stay on the device.

A replay of the graph goes on counting where the last one ended. No number is looked at by the host, so formulas get an
array of each number that changes from step to step, with one element for each parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.sparse import SparseTensor
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from . import fused


def update(optimizer: Any, group: dict[str, Any], decay: Any, how: str) -> None:
    """Change one group's parameters by the algorithm's `plan`.

    Raises:
        RuntimeError: A gradient is sparse.
    """
    kinds: dict[Any, list[Tensor]] = {}
    for p in group["params"]:
        if p.grad is not None:
            if p.grad.__class__ is SparseTensor:
                raise RuntimeError(
                    f"{type(optimizer).__name__} with capturable=True does not support sparse gradients"
                )
            kinds.setdefault(p._kind, []).append(p)
    names, plan, maximize = (
        optimizer.slots(group),
        optimizer.plan(group),
        group.get("maximize", False),
    )
    for kind, parameters in kinds.items():
        for p in parameters:
            if not optimizer.state[p]:
                optimizer.start(p, optimizer.state[p], group)
        states = [optimizer.state[p] for p in parameters]
        formula, numbers = plan(optimizer.clock(states, group))
        if how:
            numbers["decay"] = decay
        if how or maximize:
            formula = fused.completed(formula, maximize, how)
        batch = fused.Batch(kind, formula, numbers, len(names), False)
        for p, state in zip(parameters, states):
            grad: Any = p.grad
            batch.members.append((p, grad, [state[name] for name in names]))
        batch.run(optimizer._writer)


def listed(scalars: Sequence[Tensor]) -> Tensor:
    """Tensors of one element each as one of float64, to be computed with."""
    return NAMESPACES["torch"]["stack"](scalars).double()


def add_one(steps: Sequence[Tensor]) -> None:
    """Count a step."""
    fused.change(steps, _following)


def multiply(scalars: Sequence[Tensor], factor: Tensor) -> None:
    """Multiply each by its element of `factor`."""
    fused.change(scalars, _product, factor=factor)


def write(scalars: Sequence[Tensor], value: Tensor) -> None:
    """Give each its element of `value`."""
    fused.change(scalars, _replaced, value=value)


def _following(xp: Any, x: Any) -> Any:
    return x + 1


def _product(xp: Any, x: Any, *, factor: Any) -> Any:
    return x * factor


def _replaced(xp: Any, x: Any, *, value: Any) -> Any:
    return x * 0 + value
