"""Automatic differentiation: graph, engine, modes, and what users build with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from . import engine, hook
from .function import Function
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import seeds


def _sequence(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the ``.grad`` of the leaves they were computed from.

    Args:
        tensors: The outputs.
        grad_tensors: What arrives at each; None where it has one element.
        retain_graph: Keep what was saved, to go back again. Default: `create_graph`.
        create_graph: Record the computation of the gradients, to differentiate them.
        inputs: Only the ``.grad`` of these is added to.

    Raises:
        RuntimeError: An output requires no grad, the graph was freed, or a saved value was modified.

    Source: torch.autograd.backward
    """
    outputs = _sequence(tensors)
    grads = (None,) * len(outputs) if grad_tensors is None else _sequence(grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        engine.run([t._node for t in outputs], seeds(outputs, grads), retain, create_graph)
        return
    targets = _sequence(inputs)
    if not targets:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    found = engine.run(
        [t._node for t in outputs],
        seeds(outputs, grads),
        retain,
        create_graph,
        [t._node for t in targets],
    )
    for target, grad in zip(targets, found):
        if grad is not None:
            target._grad = grad if target.grad is None else target.grad + grad  # type: ignore[operator]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`; no ``.grad`` changes.

    Args:
        outputs, grad_outputs: Where to start, and what arrives there.
        inputs: Tensors, leaves or not, whose gradients are wanted.
        retain_graph, create_graph: As for `backward`.
        allow_unused: Give None for an input that the outputs do not depend on, instead of an error.
        is_grads_batched: The first dimension of grad_outputs counts independent vectors.
        materialize_grads: Give zeros for such an input.

    Raises:
        RuntimeError: An input requires no grad, or was not used.

    Source: torch.autograd.grad

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor(2., requires_grad=True)
        >>> torch.autograd.grad(x ** 3, x)
        (tensor(12.),)
    """
    outs, targets = _sequence(outputs), _sequence(inputs)
    grads = (None,) * len(outs) if grad_outputs is None else _sequence(grad_outputs)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    for target in targets:
        if target._node is None:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad: call requires_grad_() on "
                "it before it is used"
            )
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(outs, targets, grads, retain, create_graph, allow_unused, materialize_grads)
    found = engine.run(
        [t._node for t in outs],
        seeds(outs, grads),
        retain,
        create_graph,
        [t._node for t in targets],
    )
    return tuple(
        _present(g, t, bool(allow_unused), materialize_grads) for g, t in zip(found, targets)
    )


def _present(
    g: Tensor | None, target: Tensor, allow_unused: bool, materialize: bool
) -> Tensor | None:
    if g is not None:
        return g
    if materialize:
        return target.new_zeros(target.shape)  # type: ignore[attr-defined]
    if not allow_unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return None


def _batched(
    outs: tuple,
    targets: tuple,
    grads: tuple,
    retain: bool,
    create: bool,
    unused: bool | None,
    materialize: bool,
) -> tuple[Tensor | None, ...]:
    """One backward for each vector of a batch, stacked."""
    from .. import stack

    count = len(grads[0])
    rows = [
        grad(
            outs,
            targets,
            tuple(g[i] for g in grads),
            retain or i < count - 1,
            create,
            unused,
            materialize_grads=materialize,
        )
        for i in range(count)
    ]
    return tuple(None if column[0] is None else stack(list(column)) for column in zip(*rows))


__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
