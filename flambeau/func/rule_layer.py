"""Rules of vmap: products, convolutions, layers and losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd.gradient import arriving, sequence
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from .rule import around, bound_of, lined_up, pointwise, ruled


@ruled("matmul", "mm", "mv", "bmm", "dot", "__matmul__", "__rmatmul__", "inner")
def product(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Matrix products; vectors become matrices of one row, or of one column."""
    if len(args) != 2 or kwargs:
        return NotImplemented
    x, y = reversed(args) if func.__name__ == "__rmatmul__" else args
    _check_product(func.__name__, x, y)
    if func.__name__ == "inner" and (x.ndim != 1 or y.ndim != 1):
        return NotImplemented
    rows, columns = x.ndim == 1, y.ndim == 1
    ndim = max(2, x.ndim, y.ndim)
    a, b = mapping.value(x), mapping.value(y)
    a = _matrices(a.unsqueeze(-2) if rows else a, mapping.has(x), ndim)
    b = _matrices(b.unsqueeze(-1) if columns else b, mapping.has(y), ndim)
    found = a @ b
    if rows:
        found = found.squeeze(-2)
    return mapping.wrap(found.squeeze(-1) if columns else found)


def _matrices(value: Tensor, batched: bool, ndim: int) -> Tensor:
    """Matrices of `ndim` dimensions, behind that of the batch where there is one."""
    missing = ndim + 1 - value.ndim
    if not batched or not missing:
        return value
    return value.reshape((value.shape[0], *(1,) * missing, *value.shape[1:]))  # type: ignore[attr-defined]


_RANKS = {"mm": (2, 2), "mv": (2, 1), "bmm": (3, 3), "dot": (1, 1)}


def _check_product(name: str, x: Tensor, y: Tensor) -> None:
    ranks = _RANKS.get(name)
    if ranks is not None and ranks != (x.ndim, y.ndim):
        raise RuntimeError(
            f"{name}: expected tensors of {ranks[0]} and {ranks[1]} dimensions, got {x.ndim} and {y.ndim}"
        )
    if not x.ndim or not y.ndim:
        raise RuntimeError("both arguments to matmul need to be at least 1D")


@ruled("linear")
def linear(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    x, weight, bias = bound.args[:3]
    if not mapping.any((weight, bias)):
        return mapping.wrap(func(x.physical, weight, bias))
    if weight.ndim != 2 or not x.ndim:
        return NotImplemented
    w = mapping.spread(weight)
    value = mapping.spread(x)
    rows = value.reshape((mapping.size, -1, x.shape[-1]))
    found = (rows @ w.mT).reshape((*value.shape[:-1], w.shape[1]))
    if bias is not None:
        b = mapping.spread(bias)
        found = found + b.reshape((mapping.size, *(1,) * (x.ndim - 1), b.shape[-1]))
    return mapping.wrap(found)


@ruled("conv1d", "conv2d", "conv3d")
def convolution(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Samples join the images of a batch where they share the weight, and else are groups of channels."""
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    x, weight, bias, *options = bound.args
    dims = int(func.__name__[4])
    if x.ndim not in (dims + 1, dims + 2):
        return NotImplemented
    if not mapping.any((weight, bias)):
        value = x.physical
        if x.ndim == dims + 1:
            return mapping.wrap(func(value, weight, bias, *options))
        found = func(value.flatten(0, 1), weight, bias, *options)
        return mapping.wrap(found.unflatten(0, value.shape[:2]))
    single = x.ndim == dims + 1
    value, w = mapping.spread(x), mapping.spread(weight)
    if single:
        value = value.unsqueeze(1)
    *rest, groups = options
    images = value.transpose(0, 1).flatten(1, 2)
    found = func(images, w.flatten(0, 1), None, *rest, groups * mapping.size)
    found = found.unflatten(1, (mapping.size, w.shape[1])).transpose(0, 1)
    if bias is not None:
        b = mapping.spread(bias)
        found = found + b.reshape((b.shape[0], 1, b.shape[1], *(1,) * dims))
    return mapping.wrap(found.squeeze(1) if single else found)


@ruled("layer_norm", "rms_norm")
def layer_norm(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    given = bound.arguments
    if not mapping.has(given["input"]):
        return NotImplemented
    weight, bias = given.get("weight"), given.get("bias")
    given["input"] = given["input"].physical
    if not mapping.any((weight, bias)):
        return mapping.wrap(func(*bound.args, **bound.kwargs))
    if weight is not None:
        given["weight"] = None
    if bias is not None:
        given["bias"] = None
    found, ndim = func(*bound.args, **bound.kwargs), given["input"].ndim - 1
    for value, step in ((weight, "mul"), (bias, "add")):
        if value is not None:
            found = NAMESPACES["torch"][step](found, lined_up(mapping, value, ndim))
    return mapping.wrap(found)


@ruled("embedding")
def embedding(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    index, rest = args[0], args[1:]
    if not mapping.has(index) or mapping.any((rest, kwargs)):
        return NotImplemented
    return mapping.wrap(func(index.physical, *rest, **kwargs))


def folded(dims: int) -> Callable:
    """The rule of a function of a batch of images, which samples join."""

    def run(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
        x, rest = args[0], args[1:]
        if not mapping.has(x) or mapping.any((rest, kwargs)):
            return NotImplemented
        value = x.physical
        if x.ndim == dims + 1:
            return mapping.wrap(func(value, *rest, **kwargs))
        if x.ndim != dims + 2:
            return NotImplemented
        found = func(value.flatten(0, 1), *rest, **kwargs)
        if not isinstance(found, Tensor):
            return mapping.wrap(tuple(y.unflatten(0, value.shape[:2]) for y in found))
        return mapping.wrap(found.unflatten(0, value.shape[:2]))

    return run


for _n in (1, 2, 3):
    _names = ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool")
    ruled(*(f"{_name}{_n}d" for _name in _names))(folded(_n))


@ruled("group_norm", "instance_norm")
def of_images(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Norms of each image: those of all samples are one batch."""
    x, rest = args[0], args[1:]
    averages = func.__name__ == "instance_norm" and any(x is not None for x in rest[:2])
    if not mapping.has(x) or x.ndim < 3 or averages or mapping.any((rest, kwargs)):
        return NotImplemented
    if kwargs.keys() & {"running_mean", "running_var"}:
        return NotImplemented
    value = x.physical
    found = func(value.flatten(0, 1), *rest, **kwargs)
    return mapping.wrap(found.unflatten(0, value.shape[:2]))


@ruled("scaled_dot_product_attention")
def attention(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Queries, keys and values of all samples; a mask is the same for all."""
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    given = bound.arguments
    names = ("query", "key", "value")
    same = len({given[name].ndim for name in names}) == 1 and given["query"].ndim > 1
    if not same or given["dropout_p"] or mapping.has(given["attn_mask"]):
        return NotImplemented
    given.update({name: mapping.spread(given[name]) for name in names})
    return mapping.wrap(func(*bound.args, **bound.kwargs))


@ruled("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits")
def elementwise_loss(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """A loss of single elements, and its mean or sum over each sample."""
    bound = bound_of(func, args, kwargs)
    if bound is None or "reduction" not in bound.arguments:
        return NotImplemented
    x, y, *_ = bound.args
    others = [
        v for k, v in bound.arguments.items() if k not in ("input", "target") and v is not None
    ]
    reduction = bound.arguments["reduction"]
    if mapping.any(others) or x.shape != y.shape or reduction not in ("mean", "sum", "none"):
        return NotImplemented
    bound.arguments["reduction"] = "none"
    losses = pointwise(mapping, func, bound.args, bound.kwargs)
    if losses is NotImplemented or reduction == "none":
        return losses
    value = losses.physical.reshape((mapping.size, -1))
    return mapping.wrap(value.mean(-1) if reduction == "mean" else value.sum(-1))


@ruled("cross_entropy")
def cross_entropy(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Scores and classes of all samples, and the mean or sum over each."""
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    given = bound.arguments
    x, target, reduction = given["input"], given["target"], given["reduction"]
    if x.ndim not in (1, 2) or target.ndim != x.ndim - 1 or given["weight"] is not None:
        return NotImplemented
    scores, classes = mapping.spread(x), mapping.spread(target)
    flat = classes.reshape((-1,))
    if reduction not in ("mean", "sum", "none") or _ignores(flat, given["ignore_index"]):
        return NotImplemented
    given.update(input=scores.reshape((-1, x.shape[-1])), target=flat, reduction="none")
    losses = func(*bound.args, **bound.kwargs).reshape(classes.shape)
    if reduction == "none" or not target.ndim:
        return mapping.wrap(losses)
    return mapping.wrap(losses.mean(-1) if reduction == "mean" else losses.sum(-1))


def _ignores(classes: Tensor, index: int) -> bool:
    """Is there a class that does not count? Then the samples' means are over different numbers."""
    return type(classes) is not Tensor or bool((classes._array == index).any())


@ruled("batch_norm")
def batch_norm(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    bound = bound_of(func, args, kwargs)
    if bound is not None:
        given = bound.arguments
        mean, var = given.get("running_mean"), given.get("running_var")
        kept = mean is not None and not (mapping.has(mean) and mapping.has(var))
        if given.get("training") and kept:
            raise RuntimeError(
                "Batch norm got a batched tensor as input while the running_mean or running_var, which will be "
                "updated in place, were not batched. If you are using a module and do not need eval mode, please "
                "set `track_running_stats` to be False."
            )
    return NotImplemented


class VmapInfo(NamedTuple):
    """What the vmap staticmethod of a Function is told.

    Source: torch.autograd.function.VmapInfo
    """

    batch_size: int
    randomness: str


@around("apply")
def custom(mapping: Any, apply: Callable, args: tuple, kwargs: dict) -> Any:
    """A user's Function: by its own rule, or sample by sample where it asks for that.

    Raises:
        RuntimeError: It says nothing of vmap, or two things.
    """
    from ..autograd.function import Function

    function: Any = apply.__self__  # type: ignore[attr-defined]
    own = function.vmap is not Function.vmap
    name = function.__name__
    if own and function.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            "ambiguity."
        )
    if not own and not function.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the "
            "vmap staticmethod or set generate_vmap_rule=True."
        )
    if function.generate_vmap_rule:
        return mapping.one_by_one(apply, args, kwargs)
    info = VmapInfo(mapping.size, mapping.randomness)
    in_dims = tuple(0 if mapping.has(x) else None for x in args)
    result = function.vmap(info, in_dims, *map(mapping.value, args))
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"The vmap staticmethod of {name} must return (output, out_dims), got {type(result).__name__}"
        )
    return mapping.by_dims(*result)


@around("grad")
def gradients(mapping: Any, grad: Callable, args: tuple, kwargs: dict) -> Any:
    """`autograd.grad` of samples, by samples: of the batches, whose samples do not depend on each other."""
    bound = inspect.signature(grad).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    outputs, inputs = sequence(given["outputs"]), sequence(given["inputs"])
    if not all(map(mapping.has, inputs)) or given["is_grads_batched"]:
        given["retain_graph"] = True  # the same graph serves all samples
        return mapping.one_by_one(grad, bound.args, bound.kwargs)
    grads = arriving(outputs, given["grad_outputs"])
    pairs = [(y, g) for y, g in zip(outputs, grads) if mapping.has(y)]
    if not pairs:  # no output depends on what all inputs are of
        pairs = list(zip(outputs, grads))
    given["outputs"] = tuple(mapping.value(y) for y, _ in pairs)
    given["inputs"] = tuple(x.physical for x in inputs)
    given["grad_outputs"] = tuple(
        (y.physical.new_ones(y.physical.shape) if not y.ndim else None)
        if g is None
        else mapping.spread(g)
        for y, g in pairs
    )
    return mapping.wrap(grad(*bound.args, **bound.kwargs))
