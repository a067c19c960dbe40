"""vmap: a function of single samples, mapped over a batch.

The function runs once for each sample, on that sample's slices, and the results are stacked. Values,
gradients and nesting are as in PyTorch; the time is that of a loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtype import FLOAT
from ..core.random.generator import default_generator
from ..core.tensor import Tensor
from ..ops.join.cat import stack
from .tree import leaves, rebuild, spread


def _sizes(name: str, in_dims: Any, args: tuple) -> tuple[list[Any], list[Any], int]:
    """The arguments' leaves, the dimension mapped over in each, and its size."""
    head = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if isinstance(in_dims, bool) or not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{head}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying "
            "to vmap over a function with no inputs. The latter is unsupported."
        )
    flat = leaves(args)
    dims = spread(
        list(in_dims) if isinstance(in_dims, tuple) else in_dims,
        list(args),
        lambda: ValueError(
            f"{head}: in_dims is not compatible with the structure of `inputs`: it has to be an int, or "
            f"nested like the {len(args)} inputs."
        ),
    )
    checked = [_dim(head, x, dim) for x, dim in zip(flat, dims)]
    sizes = [x.shape[dim] for x, dim in zip(flat, checked) if dim is not None]
    if not sizes:
        raise ValueError(
            f"{head}: at least one input has to be mapped over, but all of in_dims are None."
        )
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return flat, checked, sizes[0]


def _dim(head: str, x: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{head}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if not isinstance(x, Tensor):
        raise ValueError(
            f"{head}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap "
            "over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(
            f"{head}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality "
            f"{x.ndim} so expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
        )
    return dim % x.ndim


class Randomness:
    """What random draws do in the runs of a mapped function."""

    def __init__(self, kind: str) -> None:
        if kind not in ("error", "different", "same"):
            raise RuntimeError(
                f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {kind}"
            )
        self.kind = kind
        self.start: Any = None if kind == "different" else default_generator.raw_state()

    def before(self) -> None:
        if self.kind == "same":
            default_generator.restore(self.start)

    def after(self) -> None:
        if self.kind == "error" and not np.array_equal(default_generator.raw_state(), self.start):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the "
                "'same' or 'different' randomness flags on vmap or perform the randomness operation out "
                "of vmap"
            )


def _outputs(name: str, result: Any, out_dims: Any) -> list[Any]:
    """The dimension in which each output is stacked."""
    dims = spread(
        list(out_dims) if isinstance(out_dims, tuple) else out_dims,
        list(result) if isinstance(result, tuple) else result,
        lambda: ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): out_dims is not compatible with the structure of "
            "`outputs`"
        ),
    )
    for x, dim in zip(leaves(result), dims):
        if dim is not None and not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean "
                "to set out_dims= to None for output?"
            )
    return dims


def _joined(name: str, parts: list[Any], dim: int | None) -> Any:
    if dim is None:
        first = parts[0]
        if isinstance(first, Tensor) and not all(_same(first, x) for x in parts[1:]):
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return first
    return stack(parts, dim)


def _same(a: Tensor, b: Tensor) -> bool:
    return a is b or np.array_equal(a._array, b._array, equal_nan=a.dtype.category >= FLOAT)


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """A function that maps `func` over a dimension of its arguments.

    Args:
        func: A function of single samples.
        in_dims: The dimension in each argument; None for one that is the same for all samples.
        out_dims: The dimension in each result.
        randomness: Whether random draws in `func` are an "error", or "different" or the "same" for
            each sample.
        chunk_size: How many samples PyTorch takes at a time; here they follow each other always.

    Raises:
        ValueError: in_dims or out_dims do not fit, or the sizes differ.

    Source: torch.vmap

    Example:
        >>> import flambeau as torch
        >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
        tensor([3., 3.])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        flat, dims, size = _sizes(name, in_dims, args)
        random = Randomness(randomness)
        if size == 0:
            return _of_nothing(func, name, args, flat, dims, kwargs, out_dims)
        results = []
        for i in range(size):
            random.before()
            sample = [x if dim is None else x.select(dim, i) for x, dim in zip(flat, dims)]
            results.append(func(*rebuild(args, sample), **kwargs))
            random.after()
        places = _outputs(name, results[0], out_dims)
        columns = zip(*(leaves(result) for result in results))
        joined = [_joined(name, list(parts), dim) for parts, dim in zip(columns, places)]
        return rebuild(results[0], joined)

    return wrapper


def _of_nothing(
    func: Callable,
    name: str,
    args: tuple,
    flat: list,
    dims: list,
    kwargs: dict,
    out_dims: Any,
) -> Any:
    """An empty batch: the shapes come from a sample of zeros."""
    sample = [
        x if dim is None else x.new_zeros([n for j, n in enumerate(x.shape) if j != dim])
        for x, dim in zip(flat, dims)
    ]
    result = func(*rebuild(args, sample), **kwargs)
    places = _outputs(name, result, out_dims)
    empty = [
        x if dim is None else x.unsqueeze(dim).narrow(dim, 0, 0)
        for x, dim in zip(leaves(result), places)
    ]
    return rebuild(result, empty)
