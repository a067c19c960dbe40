"""Rules of vmap: views, other shapes, indexing and joins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from .rule import along, bound_of, from_the_end, of, ruled


def _sizes(args: tuple) -> tuple:
    """Sizes or dimensions that are given one by one, or as a sequence."""
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


@ruled("reshape", "view")
def reshaped(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    sizes = _sizes(args[1:])
    if kwargs or not all(isinstance(n, int) for n in sizes):
        return NotImplemented
    return mapping.wrap(func(args[0].physical, (mapping.size, *sizes)))


@ruled("expand", "broadcast_to")
def expanded(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, sizes = args[0], _sizes(args[1:])
    if kwargs or len(sizes) < x.ndim:
        return NotImplemented
    value = x.physical.reshape((mapping.size, *(1,) * (len(sizes) - x.ndim), *x.shape))
    return mapping.wrap(value.expand((mapping.size, *sizes)))


@ruled("reshape_as", "view_as", "expand_as")
def shaped_as(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, other = args
    if not mapping.has(x):
        return NotImplemented
    name, shape = func.__name__.removesuffix("_as"), tuple(other.shape)
    return (expanded if name == "expand" else reshaped)(
        mapping, getattr(Tensor, name), (x, shape), kwargs
    )


@ruled("permute")
def permuted(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, dims = args[0], _sizes(args[1:])
    if kwargs or len(dims) != x.ndim:
        return NotImplemented
    return mapping.wrap(x.physical.permute((0, *from_the_end(dims, x.ndim))))


@ruled("flatten")
def flattened(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x = args[0]
    if not x.ndim:
        return mapping.wrap(x.physical.unsqueeze(1))
    return _FLATTEN(mapping, func, args, kwargs)


_FLATTEN = along("start_dim", "end_dim")


@ruled("squeeze")
def squeezed(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x = args[0]
    dims = args[1] if len(args) > 1 else kwargs.get("dim")
    if dims is None:
        dims = tuple(i for i, n in enumerate(x.shape) if n == 1)
    if not x.ndim or dims == ():
        return mapping.wrap(x.physical)
    return mapping.wrap(func(x.physical, from_the_end(dims, x.ndim)))


@ruled("t", "T.__get__", "mT.__get__", "mH.__get__", "H.__get__", "adjoint")
def turned(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    x = args[0]
    if x.ndim != 2:
        return NotImplemented
    turned = x.physical.transpose(-1, -2)
    getter = getattr(func, "__self__", None)
    conjugates = func.__name__ == "adjoint" or getter is Tensor.mH or getter is Tensor.H  # type: ignore[attr-defined]
    return mapping.wrap(turned.conj() if conjugates and turned.is_complex() else turned)


@ruled("view_as_complex", "view_as_real")
def paired(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Pairs lie side by side; where a batch was moved in between, they are copied."""
    value = args[0].physical
    apart = func.__name__ == "view_as_complex" and value.ndim > 1 and value.stride(-1) != 1
    return mapping.wrap(func(value.contiguous() if apart else value))


@ruled("t_", "transpose_", "swapaxes_", "swapdims_", "squeeze_", "unsqueeze_")
def reshaped_in_place(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """The sample becomes the view that the function without underscore gives."""
    x, form = args[0], getattr(Tensor, func.__name__.removesuffix("_"))
    view = of(form)(mapping, form, args, kwargs)  # type: ignore[misc]
    if view is NotImplemented:
        return NotImplemented
    x.physical, x.sample = view.physical, view.sample
    return x


ruled("select", "narrow")(along("dim"))
ruled("split", "chunk", "sort", "diff", "roll")(along("dim"))
ruled("diagonal")(along("dim1", "dim2"))
ruled("unflatten", "unfold")(along("dim"))


@ruled("as_strided", "as_strided_copy")
def strided(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """By place in memory: an offset that is given counts for the first sample, as if the others were not there."""
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    x, size, stride, offset = list(bound.arguments.values())[:4]
    value = x.physical
    return mapping.wrap(func(value, (mapping.size, *size), (value.stride(0), *stride), offset))


@ruled("as_strided_scatter")
def strided_scatter(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    bound = bound_of(func, args, kwargs)
    if bound is None:
        return NotImplemented
    x, source, size, stride, offset = list(bound.arguments.values())[:5]
    value = mapping.spread(x)
    if not value.stride(0):
        value = value.clone()
    places = (mapping.size, *size), (value.stride(0), *stride), offset
    return mapping.wrap(func(value, mapping.spread(source), *places))


@ruled("__getitem__")
def item(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """A view by numbers and slices; index tensors that are the same for all samples."""
    x, key = args
    keys = key if isinstance(key, tuple) else (key,)
    if not mapping.has(x):
        index = keys[0]
        if len(keys) == 1 and mapping.has(index) and not index.dtype.is_floating_point:
            if index.dtype is _bool():
                raise RuntimeError(_MASKS)
            if not index.physical.ndim > 1 or x.ndim:
                return mapping.wrap(x[index.physical])
        return NotImplemented
    if any(mapping.has(k) and k.dtype is _bool() for k in keys):
        raise RuntimeError(_MASKS)
    if all(k is None or k is Ellipsis or isinstance(k, (int, slice)) for k in keys):
        return mapping.wrap(x.physical[(slice(None), *keys)])
    return NotImplemented


_MASKS = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing "
    "with a boolean mask: choose with torch.where instead."
)


def _bool() -> Any:
    from ..core.dtype import bool_

    return bool_


@ruled("cat", "concat", "concatenate", "stack")
def joined(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    tensors = args[0] if args else kwargs.get("tensors")
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    if (
        len(args) > 2
        or kwargs.keys() - {"dim", "tensors"}
        or not isinstance(tensors, (tuple, list))
    ):
        return NotImplemented
    ndim = tensors[0].ndim + (func.__name__ == "stack")
    if not ndim or any(x.ndim != tensors[0].ndim for x in tensors):
        return NotImplemented
    values = [mapping.spread(x) for x in tensors]
    return mapping.wrap(NAMESPACES["torch"][func.__name__](values, from_the_end(dim, ndim)))
