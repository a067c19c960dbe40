"""vmap: a function of single samples, mapped over a batch.

The function is called once, with tensors that stand for one sample each (see `batched`). Packages with nested
arguments of their own put functions in the place of `_process_batched_inputs`, `_create_batched_inputs` and
`_unwrap_batched`, as in PyTorch (TensorDict does).

Source: torch._functorch.vmap
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core.pytree.tree import broadcast_to_and_flatten as _broadcast_to_and_flatten  # noqa: F401
from ..core.pytree.tree import tree_flatten, tree_unflatten
from ..core.random.default import Snapshot
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from . import level as _level
from .batched import RANDOM_ERROR, Mapping
from .level import _add_batch_dim, _remove_batch_dim
from .tree import leaves, rebuild, spread


def _get_name(func: Callable) -> str:
    """A function's name for messages."""
    return getattr(func, "__name__", repr(func))


def _process_batched_inputs(
    in_dims: Any, args: tuple, func: Callable
) -> tuple[int, list[Any], list[Any], Any]:
    """The number of samples, the dimension mapped over in each of the arguments' leaves, these, and their nesting.

    Raises:
        ValueError: in_dims do not fit the arguments, or the sizes differ.
    """
    name = _get_name(func)
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
    flat, structure = tree_flatten(args)
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
    return sizes[0], checked, flat, structure


def _create_batched_inputs(
    flat_in_dims: list[Any], flat_args: list[Any], vmap_level: int, args_spec: Any
) -> Any:
    """The arguments with a sample in the place of each tensor that is mapped over."""
    values = [
        x if dim is None else _add_batch_dim(x, dim, vmap_level)
        for x, dim in zip(flat_args, flat_in_dims)
    ]
    return tree_unflatten(values, args_spec)


def _unwrap_batched(
    batched_outputs: Any, out_dims: Any, vmap_level: int, batch_size: int, func: Callable
) -> Any:
    """The results with the batch of each sample.

    Raises:
        ValueError: out_dims do not fit, or a result is no tensor.
    """
    name = _get_name(func)
    dims = _output_dims(name, batched_outputs, out_dims)
    parts = [
        _maybe_remove_batch_dim(name, x, vmap_level, batch_size, dim)
        for x, dim in zip(leaves(batched_outputs), dims)
    ]
    return rebuild(batched_outputs, parts)


def _maybe_remove_batch_dim(
    name: str, batched_output: Any, vmap_level: int, batch_size: int, out_dim: int | None
) -> Any:
    """A result of the mapped function: the batch of what was a sample; with `out_dim` None, what is none.

    Raises:
        ValueError: It is a sample and `out_dim` is None, or no tensor and it is not.
    """
    if out_dim is None:
        if (
            isinstance(batched_output, Tensor)
            and _level.maybe_get_level(batched_output) == vmap_level
        ):
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return batched_output
    if not isinstance(batched_output, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(batched_output)}. Did you "
            "mean to set out_dims= to None for output?"
        )
    return _remove_batch_dim(batched_output, vmap_level, batch_size, out_dim)


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
    before = Snapshot()
    yield
    if kind == "error" and not before.is_current():
        before.restore()
        raise RuntimeError(RANDOM_ERROR)


def _output_dims(name: str, result: Any, out_dims: Any) -> list[Any]:
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
    return spread(out_dims, result, misfit)


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

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        size, dims, flat, structure = _process_batched_inputs(in_dims, args, func)
        call = _Call(func, kwargs, structure, out_dims, randomness)
        step = size if chunk_size is None else chunk_size
        if step >= size:
            return call.run(flat, dims, size)
        parts = []
        for start in range(0, size, step):
            count = min(step, size - start)
            part = [x if d is None else _narrowed(x, d, start, count) for x, d in zip(flat, dims)]
            parts.append(call.run(part, dims, count))
        return call.joined(parts)

    return wrapper


def _narrowed(x: Any, dim: int, start: int, count: int) -> Any:
    return x[(*[slice(None)] * dim, slice(start, start + count))]


class _Call:
    """One call of a mapped function, which may run in chunks."""

    def __init__(
        self, func: Callable, kwargs: dict, structure: Any, out_dims: Any, randomness: str
    ):
        self.func, self.kwargs, self.structure = func, kwargs, structure
        self.out_dims, self.randomness = out_dims, randomness
        self.start = Snapshot() if randomness == "same" else None

    def run(self, flat: list[Any], dims: list[Any], size: int) -> Any:
        """The results for samples along these dimensions."""
        if self.start is not None:
            self.start.restore()
        with Mapping(size, self.randomness) as mapping:
            level = _level.level_of(mapping)
            args = _create_batched_inputs(dims, flat, level, self.structure)
            result = self.func(*args, **self.kwargs)
            return _unwrap_batched(result, self.out_dims, level, size, self.func)

    def joined(self, parts: list[Any]) -> Any:
        """The results of chunks, one after the other."""
        dims = _output_dims(_get_name(self.func), parts[0], self.out_dims)
        cat = NAMESPACES["torch"]["cat"]
        columns = zip(*map(leaves, parts))
        return rebuild(
            parts[0],
            [xs[0] if dim is None else cat(list(xs), dim) for xs, dim in zip(columns, dims)],
        )
