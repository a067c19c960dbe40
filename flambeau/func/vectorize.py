"""vmap: a function of single samples, mapped over a batch.

The function is called once, with tensors that stand for one sample each (see `batched`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.random.generator import default_generator
from ..core.tensor import Tensor
from ..ops.join.cat import cat
from .batched import RANDOM_ERROR, Mapping, batched
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


def check_randomness(kind: str) -> None:
    """Raises RuntimeError for another word than "error", "different" and "same"."""
    if kind not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {kind}"
        )


@contextmanager
def drawing(kind: str) -> Iterator[None]:
    """Raises RuntimeError if random numbers are drawn in the block, where `kind` says that this is an error."""
    check_randomness(kind)
    before = default_generator.raw_state()
    yield
    if kind == "error" and not np.array_equal(before, default_generator.raw_state()):
        default_generator.restore(before)
        raise RuntimeError(RANDOM_ERROR)


def _outputs(name: str, result: Any, out_dims: Any) -> list[Any]:
    """The dimension of the batch in each output."""

    def misfit() -> ValueError:
        return ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
            "of `outputs`"
        )

    sequences = (tuple, list)
    if (
        isinstance(out_dims, sequences)
        and isinstance(result, sequences)
        and isinstance(out_dims, tuple) != isinstance(result, tuple)
    ):
        raise misfit()
    dims = spread(out_dims, result, misfit)
    for x, dim in zip(leaves(result), dims):
        if not isinstance(x, Tensor) and (dim is not None or x is None):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean "
                "to set out_dims= to None for output?"
            )
    return dims


def _result(name: str, mapping: Mapping, x: Any, dim: int | None) -> Any:
    """An output of the mapped function: the batch of what was a sample."""
    if not isinstance(x, Tensor):
        return x
    if dim is None:
        if mapping.has(x):
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return x
    if not -x.ndim - 1 <= dim <= x.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim - 1}, {x.ndim}], but got {dim})"
        )
    whole = mapping.spread(x)
    return whole.movedim(0, dim) if dim else whole  # type: ignore[attr-defined]


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
        chunk_size: How many samples are taken at a time, where all would take too much memory.

    Raises:
        ValueError: in_dims or out_dims do not fit, or the sizes differ.
        RuntimeError: `func` asks for the value of a sample, writes a sample into a tensor that is the same for
            all, or draws random numbers where that is an error.

    Source: torch.vmap

    Example:
        >>> import flambeau as torch
        >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
        tensor([3., 3.])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    check_randomness(randomness)
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        flat, dims, size = _sizes(name, in_dims, args)
        call = _Call(functools.partial(func, **kwargs), name, args, out_dims, randomness)
        step = size if chunk_size is None else chunk_size
        if step >= size:
            return call.run(flat, dims, size)
        parts = []
        for start in range(0, size, step):
            count = min(step, size - start)
            part = [x if d is None else x.narrow(d, start, count) for x, d in zip(flat, dims)]
            parts.append(call.run(part, dims, count))
        return call.joined(parts)

    return wrapper


class _Call:
    """One call of a mapped function, which may run in chunks."""

    def __init__(self, func: Callable, name: str, tree: Any, out_dims: Any, randomness: str):
        self.func, self.name, self.tree = func, name, tree
        self.out_dims, self.randomness = out_dims, randomness
        self.start = default_generator.raw_state() if randomness == "same" else None
        self.dims: list[Any] = []

    def run(self, flat: list[Any], dims: list[Any], size: int) -> Any:
        """The results for samples along these dimensions."""
        if self.start is not None:
            default_generator.restore(self.start)
        mapping = Mapping(size, self.randomness)
        values = [
            x if dim is None else batched(x.movedim(dim, 0) if dim else x, mapping)
            for x, dim in zip(flat, dims)
        ]
        with mapping:
            result = self.func(*rebuild(self.tree, values))
        self.dims = _outputs(self.name, result, self.out_dims)
        return rebuild(
            result,
            [_result(self.name, mapping, x, d) for x, d in zip(leaves(result), self.dims)],
        )

    def joined(self, parts: list[Any]) -> Any:
        """The results of chunks, one after the other."""
        columns = zip(*map(leaves, parts))
        return rebuild(
            parts[0],
            [xs[0] if dim is None else cat(list(xs), dim) for xs, dim in zip(columns, self.dims)],
        )
