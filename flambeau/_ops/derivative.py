"""Gradients of operations whose results a ``__torch_dispatch__`` made.

`RULES` has those that are operations again, which modes see in backward as they see them in PyTorch: products,
convolutions, attention, and the pointwise ones around them. The gradients of others are taken of the operation itself
on plain tensors, unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd import grad as _grad
from ..autograd.function import Function
from ..autograd.mode import enable_grad
from ..core.pytree.tree import tree_flatten
from ..core.random.default import Snapshot, kept
from ..core.tensor import Tensor

RULES: dict[str, Callable] = {}
"""For an operation ``rule(aten, g, args, kwargs, result, needs)``: a gradient for each of the arguments."""


_OF_RESULT: set[str] = set()
"""Operations whose rules ask for the result, which is saved for them."""


def rule(*names: str, of_result: bool = False) -> Callable[[Callable], Callable]:
    """Put a rule into the table.

    of_result: It asks for the result, a list of tensors, which is empty for others.
    """

    def put(function: Callable) -> Callable:
        for name in names:
            RULES[name] = function
            if of_result:
                _OF_RESULT.add(name)
        return function

    return put


_SAVED = object()
"""Stands among an operation's values for a tensor that is saved."""


def recorded(overload: Any, args: tuple, kwargs: dict, handled: Callable, bare: Callable) -> Any:
    """What the handler makes of an operation, recorded with its gradient."""
    flat, spec = tree_flatten((args, kwargs))
    count, of_result = len(flat), str(overload) in _OF_RESULT

    class Dispatched(Function):
        @staticmethod
        def forward(ctx: Any, *leaves: Any) -> Any:
            given, named = spec.unflatten(leaves)
            ctx.random = Snapshot()
            result = handled(overload, given, named)
            values = [*leaves, *(tree_flatten(result)[0] if of_result else ())]
            with bare():
                ctx.save_for_backward(*(x for x in values if isinstance(x, Tensor)))
            ctx.values = [_SAVED if isinstance(x, Tensor) else x for x in values]
            return tuple(result) if isinstance(result, list) else result

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            with bare():
                saved = iter(ctx.saved_tensors)
            values = [next(saved) if x is _SAVED else x for x in ctx.values]
            leaves, made = values[:count], values[count:]
            given, named = spec.unflatten(leaves)
            found = RULES.get(str(overload))
            if found is None:
                with bare(), _drawing(ctx.random):
                    return tuple(_taken(overload, spec, leaves, ctx.needs_input_grad, grads))
            needs = _by_argument(spec, ctx.needs_input_grad)
            parts = list(found(_aten(), grads[0], given, named, made, needs))
            parts += [None] * (len(given) - len(parts))
            return _spread(given, named, parts)

    Dispatched.__name__ = Dispatched.__qualname__ = overload._opname
    result = Dispatched.apply(*flat)
    returns = overload._schema.returns
    if isinstance(result, tuple) and len(returns) == 1 and returns[0].type.suffix.endswith("[]"):
        return list(result)
    return result


def recorded_write(
    overload: Any, args: tuple, kwargs: dict, handled: Callable, bare: Callable
) -> Any:
    """An operation that writes, recorded: the handler writes into a copy, whose values are then taken over."""
    target = args[0]

    def written(operation: Any, given: tuple, named: dict) -> Any:
        with bare():
            copy = given[0].detach().clone()
        handled(operation, (copy, *given[1:]), named)
        return copy

    with bare():
        source = target.clone()  # keeps what the gradient may ask for
    result = recorded(overload, (source, *args[1:]), kwargs, written, bare)
    with bare():
        target.copy_(result)
    return target


def _taken(overload: Any, spec: Any, leaves: list, needs: tuple, grads: tuple) -> list[Any]:
    """The gradient of the operation itself."""
    wanted = [bool(need) for need in needs]
    if (
        "batch_norm" in overload._opname
    ):  # counts what it sees into its running means, and did so before
        leaves = [x.clone() if isinstance(x, Tensor) else x for x in leaves]
    with enable_grad():
        fresh = [
            (x.detach().clone() if overload._schema.is_mutable else x.detach()).requires_grad_()
            if want
            else x
            for x, want in zip(leaves, wanted)
        ]
        args, kwargs = spec.unflatten(
            [x.clone() if w and overload._schema.is_mutable else x for x, w in zip(fresh, wanted)]
        )
        result = overload._definition.call(overload, args, kwargs)
        outputs = [x for x in tree_flatten(result)[0] if isinstance(x, Tensor)]
        pairs = [(y, g) for y, g in zip(outputs, grads) if g is not None and y.requires_grad]
        asked = [x for x, want in zip(fresh, wanted) if want]
        found = iter(
            _grad([y for y, _ in pairs], asked, [g for _, g in pairs], allow_unused=True)
            if pairs
            else [None] * len(asked)
        )
    return [next(found) if want else None for want in wanted]


@contextmanager
def _drawing(state: Any) -> Iterator[None]:
    """What is drawn inside is what was drawn from this state on."""
    with kept():
        state.restore()
        yield


def _by_argument(spec: Any, needs: tuple) -> list[bool]:
    """Which arguments without names want a gradient."""
    args, _ = spec.unflatten(needs)
    return [any(tree_flatten(need)[0]) for need in args]


def _spread(args: tuple, kwargs: dict, parts: list[Any]) -> tuple:
    flat: list[Any] = []
    for value, part in zip(args, parts):
        leaves = tree_flatten(value)[0]
        if isinstance(value, (list, tuple)):
            flat += list(part) if isinstance(part, (list, tuple)) else [None] * len(leaves)
        else:
            flat.append(part)
    return (*flat, *[None] * len(tree_flatten(kwargs)[0]))


def _aten() -> Any:
    from . import ops

    return ops.aten


def _sum_to(aten: Any, g: Tensor, like: Any) -> Tensor | None:
    """A gradient summed over the dimensions that were broadcast."""
    if not isinstance(like, Tensor):
        return None
    lead = g.ndim - like.ndim
    axes = [i for i in range(g.ndim) if i < lead or (like.shape[i - lead] == 1 != g.shape[i])]
    if axes:
        g = aten.sum.dim_IntList(g, axes, True)
    return aten.view.default(g, list(like.shape)) if g.shape != like.shape else g


# --------------------------------------------------------------------------------------------- rules


@rule("aten.mm.default")
def _(aten, g, args, kwargs, result, needs):
    x, y = args
    return (
        aten.mm.default(g, aten.t.default(y)) if needs[0] else None,
        aten.mm.default(aten.t.default(x), g) if needs[1] else None,
    )


@rule("aten.addmm.default")
def _(aten, g, args, kwargs, result, needs):
    bias, x, y = args
    beta, alpha = kwargs.get("beta", 1), kwargs.get("alpha", 1)

    def scaled(part, factor):
        return part if factor == 1 else aten.mul.Tensor(part, factor)

    return (
        scaled(_sum_to(aten, g, bias), beta) if needs[0] else None,
        scaled(aten.mm.default(g, aten.t.default(y)), alpha) if needs[1] else None,
        scaled(aten.mm.default(aten.t.default(x), g), alpha) if needs[2] else None,
    )


@rule("aten.bmm.default")
def _(aten, g, args, kwargs, result, needs):
    x, y = args
    return (
        aten.bmm.default(g, aten.transpose.int(y, 1, 2)) if needs[0] else None,
        aten.bmm.default(aten.transpose.int(x, 1, 2), g) if needs[1] else None,
    )


@rule("aten.mv.default")
def _(aten, g, args, kwargs, result, needs):
    x, y = args
    column = aten.unsqueeze.default(g, 1)
    return (
        aten.mul.Tensor(column, y) if needs[0] else None,
        aten.mv.default(aten.t.default(x), g) if needs[1] else None,
    )


@rule("aten.convolution.default")
def _(aten, g, args, kwargs, result, needs):
    x, w, bias, *options = args
    sizes = None if bias is None else list(bias.shape)
    return aten.convolution_backward.default(g, x, w, sizes, *options, list(needs[:3]))


@rule("aten._scaled_dot_product_flash_attention_for_cpu.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    q, k, v, *rest = args
    dropout, causal = (*rest, *(0.0, False)[len(rest) :])
    return aten._scaled_dot_product_flash_attention_for_cpu_backward.default(
        g, q, k, v, result[0], result[1], dropout, causal, **kwargs
    )


@rule("aten.add.Tensor")
def _(aten, g, args, kwargs, result, needs):
    other = g if kwargs.get("alpha", 1) == 1 else aten.mul.Tensor(g, kwargs["alpha"])
    return (
        _sum_to(aten, g, args[0]) if needs[0] else None,
        _sum_to(aten, other, args[1]) if needs[1] else None,
    )


@rule("aten.sub.Tensor")
def _(aten, g, args, kwargs, result, needs):
    return (
        _sum_to(aten, g, args[0]) if needs[0] else None,
        _sum_to(aten, aten.mul.Tensor(g, -kwargs.get("alpha", 1)), args[1]) if needs[1] else None,
    )


@rule("aten.mul.Tensor")
def _(aten, g, args, kwargs, result, needs):
    x, y = args
    return (
        _sum_to(aten, aten.mul.Tensor(g, y), x) if needs[0] else None,
        _sum_to(aten, aten.mul.Tensor(g, x), y) if needs[1] else None,
    )


@rule("aten.neg.default")
def _(aten, g, args, kwargs, result, needs):
    return (aten.neg.default(g),)


@rule("aten.relu.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten.threshold_backward.default(g, result[0], 0),)


@rule("aten.sigmoid.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten.sigmoid_backward.default(g, result[0]),)


@rule("aten.tanh.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten.tanh_backward.default(g, result[0]),)


@rule("aten.exp.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten.mul.Tensor(g, result[0]),)


@rule("aten.gelu.default")
def _(aten, g, args, kwargs, result, needs):
    return (aten.gelu_backward.default(g, args[0], **kwargs),)


@rule("aten.silu.default")
def _(aten, g, args, kwargs, result, needs):
    return (aten.silu_backward.default(g, args[0]),)


@rule("aten._softmax.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten._softmax_backward_data.default(g, result[0], args[1], args[0].dtype),)


@rule("aten._log_softmax.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten._log_softmax_backward_data.default(g, result[0], args[1], args[0].dtype),)


@rule("aten.sum.default")
def _(aten, g, args, kwargs, result, needs):
    return (aten.expand.default(g, list(args[0].shape)),)


@rule("aten.mse_loss.default")
def _(aten, g, args, kwargs, result, needs):
    x, y, *reduction = args
    how = reduction[0] if reduction else 1
    return (
        aten.mse_loss_backward.default(g, x, y, how) if needs[0] else None,
        aten.mse_loss_backward.default(g, y, x, how) if needs[1] else None,
    )


@rule("aten.nll_loss_forward.default", of_result=True)
def _(aten, g, args, kwargs, result, needs):
    return (aten.nll_loss_backward.default(g, *args, result[1]),)


@rule("aten.embedding.default")
def _(aten, g, args, kwargs, result, needs):
    weight, indices, *rest = args
    padding = rest[0] if rest else -1
    return (aten.embedding_dense_backward.default(g, indices, len(weight), padding, False),)
