"""Functions and modules whose work, and that of their gradients, is one graph each.

Source: torch.cuda.make_graphed_callables
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import grad
from ..autograd.function import Function, once_differentiable
from ..core.pytree.tree import tree_flatten, tree_leaves, tree_unflatten
from ..core.tensor import Tensor
from ..nn.module import Module
from ..ops.create.full import empty_like
from .capture import CUDAGraph, graph, graph_pool_handle
from .streams import Stream, stream


class _Callable:
    """A function or module, what it is given while it is recorded, and its two graphs.

    Attributes:
        inputs: All tensors that it reads: its arguments, then its parameters.
        outputs: What it gave, flat; `spec` puts it together again.
        given, taken: Gradients of the outputs and of the inputs; None for those that need none.
    """

    def __init__(self, function: Any, args: tuple):
        leaves = tree_leaves(args)
        if not all(isinstance(leaf, Tensor) for leaf in leaves):
            raise AssertionError(
                "In the beta API, sample_args for each callable must contain only Tensors. Other types are not allowed."
            )
        is_module = isinstance(function, Module)
        if is_module:
            _check(function)
        self.function, self.args, self.count = function, args, len(leaves)
        self.parameters = tuple(function.parameters()) if is_module else ()
        self.inputs = (*leaves, *self.parameters)
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        self.outputs: tuple[Tensor, ...] = ()
        self.spec: Any = None
        self.given: tuple[Tensor | None, ...] = ()
        self.taken: tuple[Tensor | None, ...] = ()

    def gradients(
        self, outputs: Sequence[Tensor], given: Sequence[Tensor | None], allow_unused: bool
    ) -> tuple[Tensor | None, ...]:
        """What the inputs get of gradients of the outputs."""
        asked = [x for x in self.inputs if x.requires_grad]
        if not asked or all(g is None for g in given):
            return (None,) * len(self.inputs)
        found = iter(
            grad(
                [y for y, g in zip(outputs, given) if g is not None],
                asked,
                [g for g in given if g is not None],
                allow_unused=allow_unused,
            )
        )
        return tuple(next(found) if x.requires_grad else None for x in self.inputs)

    def warm_up(self, times: int, allow_unused: bool) -> None:
        """Compute as often as it takes until kernels are compiled and libraries have their buffers."""
        for _ in range(times):
            outputs = tree_leaves(self.function(*self.args))
            self.gradients(outputs, _like(outputs), allow_unused)

    def record_forward(self, pool: Any) -> None:
        with graph(self.forward, pool):
            result = self.function(*self.args)
        leaves, self.spec = tree_flatten(result)
        self.outputs = tuple(leaves)

    def record_backward(self, pool: Any, allow_unused: bool) -> None:
        self.given = _like(self.outputs)
        if any(g is not None for g in self.given):
            with graph(self.backward, pool):
                self.taken = self.gradients(self.outputs, self.given, allow_unused)

    def replayed(self) -> Callable[..., Any]:
        """The function that starts the graphs; they can be differentiated once."""
        ours = self

        class Graphed(Function):
            @staticmethod
            def forward(ctx: Any, *inputs: Tensor) -> Any:
                for mine, given in zip(ours.inputs[: ours.count], inputs):
                    _write(mine, given)
                ours.forward.replay()
                return tuple(y.detach() for y in ours.outputs)

            @staticmethod
            @once_differentiable
            def backward(ctx: Any, *gradients: Tensor) -> Any:
                for mine, given in zip(ours.given, gradients):
                    if mine is not None:
                        _write(mine, given)
                ours.backward.replay()
                return tuple(None if g is None else g.detach() for g in ours.taken)

        def graphed(*args: Any) -> Any:
            results = Graphed.apply(*tree_leaves(args), *ours.parameters)
            return tree_unflatten(results, ours.spec)

        return graphed


def _like(outputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    return tuple(empty_like(y) if y.requires_grad else None for y in outputs)


def _write(mine: Any, given: Tensor) -> None:
    """Copy what is given into the tensor that the graph reads, unless it is that one."""
    if mine.data_ptr() != given.data_ptr():
        mine.detach().copy_(given)


def _check(module: Module) -> None:
    """Raises AssertionError: the module has hooks, which a graph would skip, or buffers with gradients."""
    if module._backward_hooks or module._forward_hooks or module._forward_pre_hooks:
        raise AssertionError(
            "Modules must not have hooks registered at the time they are passed. However, registering hooks on modules "
            "after passing them through make_graphed_callables is allowed."
        )
    if any(buffer.requires_grad for buffer in module.buffers()):
        raise AssertionError(
            "In any torch.nn.Module passed to make_graphed_callables, only parameters may be trainable. All buffers "
            "must have requires_grad=False."
        )


def make_graphed_callables(
    callables: Any,
    sample_args: Any,
    num_warmup_iters: int = 3,
    allow_unused_input: bool = False,
    pool: Any = None,
) -> Any:
    """Functions or modules whose forward and backward are recorded, as functions to use instead; modules change in place.

    Arguments must have the shapes of the samples, and gradients cannot be differentiated again. Several share their
    memory, so they must run in the order in which they are given.

    Args:
        callables: One, or a tuple of them.
        sample_args: A tuple of tensors, or a tuple of such tuples, whose `requires_grad` is that of later arguments.
        num_warmup_iters: How often each is called before it is recorded.
        allow_unused_input: An input may have no influence on the results.
        pool: The name of the pool of their memory; None for a new one.

    Raises:
        AssertionError: An argument is no tensor; a module has hooks, or buffers that require gradients.
        RuntimeError: No device can be used, or casts of `autocast` are kept.

    Source: torch.cuda.make_graphed_callables
    """
    several = isinstance(callables, tuple)
    pairs = zip(callables, sample_args) if several else [(callables, sample_args)]
    recorded = [_Callable(function, args) for function, args in pairs]
    with stream(Stream()):
        for one in recorded:
            one.warm_up(num_warmup_iters, allow_unused_input)
    pool = graph_pool_handle() if pool is None else pool
    for one in recorded:
        one.record_forward(pool)
    for one in reversed(recorded):
        one.record_backward(pool, allow_unused_input)
    made = tuple(_installed(one) for one in recorded)
    return made if several else made[0]


def _installed(one: _Callable) -> Any:
    """The function, or the module with it as its forward while it is in the mode that was recorded."""
    module, replayed = one.function, one.replayed()
    if not isinstance(module, Module):
        return replayed
    training, before = module.training, module.forward

    def forward(*args: Any) -> Any:
        return replayed(*args) if module.training == training else before(*args)

    module.forward = forward  # type: ignore[method-assign]
    return module


__all__ = ["make_graphed_callables"]
