"""How functions of tensors that lie in several processes run.

Source: torch.distributed.tensor._ops
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.handler import DisableTorchFunctionSubclass
from ...core.tensor import Tensor
from ..kinds import ReduceOp
from .dtensor import DTensor, _again, _local
from .moves import CopyToAll, SumOfAll
from .placement_types import Partial, Replicate, Shard

ACCESS = {"__get__", "__set__", "__delete__"}
PLAIN = {
    *(
        "requires_grad_",
        "register_hook",
        "register_post_accumulate_grad_hook",
        "retain_grad",
        "backward",
    ),
    *(
        "is_floating_point",
        "is_complex",
        "element_size",
        "data_ptr",
        "is_contiguous",
        "__hash__",
        "is_leaf",
    ),
}
"""What asks about the part, or about its place in the graph: the same as of a plain tensor."""


def operands(value: Any, found: list[DTensor]) -> list[DTensor]:
    """The tensors of several processes in nested containers."""
    if isinstance(value, DTensor):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            operands(item, found)
    elif isinstance(value, dict):
        for item in value.values():
            operands(item, found)
    return found


def mapped(value: Any, change: Callable[[DTensor], Any]) -> Any:
    """The containers with something else for each such tensor."""
    if isinstance(value, DTensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        items = [mapped(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    return value


def run(func: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Run a function."""
    name = getattr(func, "__name__", "")
    if name in ACCESS or name in PLAIN:
        with DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
    rule = RULES.get(name)
    if rule is not None:
        result = rule(func, args, kwargs)
        if result is not NotImplemented:
            return result
    found = operands((args, kwargs), [])
    first = found[0]
    alike = all(
        (x.placements, x._whole, x.device_mesh)
        == (first.placements, first._whole, first.device_mesh)
        for x in found
    )
    sums = any(p.is_partial() for p in first.placements)
    if alike and (not sums or name in LINEAR) and not _others((args, kwargs), first):
        result = _on_parts(func, args, kwargs, first)
        if result is not None:
            return result
    if name.endswith("_") and not name.endswith("__"):
        raise NotImplementedError(
            f"{name}: a DTensor is changed in place by numbers, and by tensors that lie as it does ({first.placements}): "
            "redistribute them first"
        )
    return _on_wholes(func, args, kwargs, first)


LINEAR = {"detach", "clone", "neg", "to", "view_as", "zero_", "alias"}
"""What may be done to summands."""
LOCAL = {
    *(
        "detach",
        "clone",
        "to",
        "float",
        "double",
        "half",
        "bfloat16",
        "contiguous",
        "zero_",
        "copy_",
        "fill_",
    ),
    *(
        "normal_",
        "uniform_",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "rand_like",
        "randn_like",
    ),
    *(
        "add",
        "sub",
        "mul",
        "div",
        "true_divide",
        "neg",
        "abs",
        "pow",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "exp",
        "log",
    ),
    *(
        "lerp",
        "addcmul",
        "addcdiv",
        "maximum",
        "minimum",
        "clamp",
        "sign",
        "square",
        "where",
        "dropout",
    ),
    *(
        "relu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "softplus",
        "leaky_relu",
        "elu",
        "mish",
        "hardswish",
    ),
    *(
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "isnan",
        "isinf",
        "isfinite",
        "__rsub__",
        "rsub",
        "__rpow__",
        "__rtruediv__",
    ),
}
"""What is done element by element."""


def _others(value: Any, like: DTensor) -> bool:
    """Is there a plain tensor with more than one element among the operands?"""
    if isinstance(value, DTensor):
        return False
    if isinstance(value, Tensor):
        return value.numel() != 1  # type: ignore[attr-defined]
    if isinstance(value, (list, tuple)):
        return any(_others(item, like) for item in value)
    if isinstance(value, dict):
        return any(_others(item, like) for item in value.values())
    return False


def _on_parts(func: Callable, args: tuple, kwargs: dict[str, Any], first: DTensor) -> Any:
    name = func.__name__.strip("_")
    name = name[1:] if name.startswith("i") and name[1:] in LOCAL else name
    base = name.removeprefix("foreach_")
    if base not in LOCAL and base + "_" not in LOCAL and f"__{base}__" not in LOCAL:
        return None
    in_place = (
        func.__name__.endswith("_") and not func.__name__.endswith("__")
    ) or func.__name__.startswith("__i")
    with DisableTorchFunctionSubclass():
        if in_place:
            func(*args, **kwargs)
            return args[0]
        result = func(*mapped(args, _local), **mapped(kwargs, _local))

    def back(x: Any) -> Any:
        return _again(x, first) if isinstance(x, Tensor) else x

    return [back(x) for x in result] if isinstance(result, (list, tuple)) else back(result)


def _on_wholes(func: Callable, args: tuple, kwargs: dict[str, Any], first: DTensor) -> Any:
    """On whole tensors: gathered for it, the result the same in all."""
    mesh = first.device_mesh
    result = func(*mapped(args, DTensor.full_tensor), **mapped(kwargs, DTensor.full_tensor))
    lay = [Replicate()] * mesh.ndim

    def back(x: Any) -> Any:
        return DTensor._made(x, mesh, lay, x.shape) if isinstance(x, Tensor) and x.ndim else x

    return type(result)(back(x) for x in result) if type(result) in (list, tuple) else back(result)


def _one_dimension(x: Any) -> Any:
    """How a tensor lies on a mesh of one dimension; None for others."""
    if not isinstance(x, DTensor):
        return Replicate()
    return x.placements[0] if x.device_mesh.ndim == 1 else None


def _linear(func: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """x W^T + b: with rows of W cut, the result is cut; with columns of W cut, it is a sum."""
    given = dict(zip(("input", "weight", "bias"), args)) | kwargs
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    if not isinstance(weight, DTensor):
        return NotImplemented
    how, lay = _one_dimension(weight), _one_dimension(x)
    mesh = weight.device_mesh
    if mesh.ndim != 1 or lay is None:
        return NotImplemented
    group = mesh.get_group(0)
    local, last = (_local(x) if isinstance(x, DTensor) else x), x.ndim - 1
    b = _local(bias) if isinstance(bias, DTensor) else bias
    shape = (*x.shape[:-1], weight.shape[0])
    with DisableTorchFunctionSubclass():
        if (
            how == Shard(0)
            and lay.is_replicate()
            and (b is None or _one_dimension(bias) == Shard(0))
        ):
            made = func(CopyToAll.apply(local, group), _local(weight), b)
            return DTensor._made(made, mesh, [Shard(last)], shape)
        if how == Shard(1) and lay == Shard(last):
            made = func(local, _local(weight))
            if b is not None:  # of a sum, the bias is one summand
                return DTensor._made(SumOfAll.apply(made, group) + b, mesh, [Replicate()], shape)
            return DTensor._made(made, mesh, [Partial()], shape)
        if how.is_replicate() and not lay.is_partial() and lay != Shard(last):
            w = _local(weight)
            if (
                not lay.is_replicate()
            ):  # rows of x are shared out: each process has a part of the gradients
                w, b = CopyToAll.apply(w, group), None if b is None else CopyToAll.apply(b, group)
            return DTensor._made(func(local, w, b), mesh, [lay], shape)
    return NotImplemented


def _embedding(func: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Rows of a table: with columns cut, so is the result; with rows cut, each process finds what it has."""
    given = dict(zip(("input", "weight"), args)) | {
        k: v for k, v in kwargs.items() if k in ("input", "weight")
    }
    rest = {k: v for k, v in kwargs.items() if k not in ("input", "weight")}
    x, weight = given["input"], given["weight"]
    if (
        not isinstance(weight, DTensor)
        or weight.device_mesh.ndim != 1
        or any(v is not None and v for v in rest.values())
    ):
        return NotImplemented
    how, mesh = weight.placements[0], weight.device_mesh
    index = x.full_tensor() if isinstance(x, DTensor) else x
    shape = (*index.shape, weight.shape[1])
    table = _local(weight)
    with DisableTorchFunctionSubclass():
        if how == Shard(1):
            return DTensor._made(func(index, table), mesh, [Shard(len(shape) - 1)], shape)
        if how == Shard(0):
            from .placement_types import part_of

            begin, end = part_of(weight.shape[0], mesh.size(0), mesh.get_local_rank(0))
            here = (index >= begin) & (index < end)
            found = func((index - begin).clamp(0, max(end - begin - 1, 0)), table)
            return DTensor._made(
                found * here.unsqueeze(-1).to(found.dtype), mesh, [Partial()], shape
            )
    return NotImplemented


def _normed(func: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Layer norms of rows that are shared out: each process has a part of the parameters' gradients."""
    x = args[0] if args else kwargs["input"]
    if not isinstance(x, DTensor) or x.device_mesh.ndim != 1:
        return NotImplemented
    lay = x.placements[0]
    if not isinstance(lay, Shard) or lay.dim == x.ndim - 1:
        return NotImplemented
    group = x.device_mesh.get_group(0)
    first = [True]

    def change(y: DTensor) -> Any:
        if first[0]:
            first[0] = False
            return _local(y)
        return CopyToAll.apply(_local(y), group)

    with DisableTorchFunctionSubclass():
        return _again(func(*mapped(args, change), **mapped(kwargs, change)), x)


def _norm(func: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The norm of all elements, from the norms of the parts."""
    given = dict(zip(("x", "ord", "dim", "keepdim"), args)) | kwargs
    x, order = given["x"], float(given.get("ord", 2) or 0)
    if any(given.get(k) for k in ("dim", "keepdim", "dtype", "out")) or order <= 0:
        return NotImplemented
    cut = [d for d, p in enumerate(x.placements) if isinstance(p, Shard)]
    if any(p.is_partial() for p in x.placements) or not cut:
        return NotImplemented
    with DisableTorchFunctionSubclass():
        part = func(_local(x), order)
        for d in cut:
            group = x.device_mesh.get_group(d)
            if order == float("inf"):
                part = SumOfAll.apply(part, group, ReduceOp.MAX)
            else:
                part = SumOfAll.apply(part**order, group) ** (1 / order)
    return part


RULES: dict[str, Callable[[Callable, tuple, dict[str, Any]], Any]] = {
    "linear": _linear,
    "embedding": _embedding,
    "layer_norm": _normed,
    "rms_norm": _normed,
    "vector_norm": _norm,
}
"""What knows how its operands may lie."""


DTensor._run = staticmethod(run)  # type: ignore[assignment]
