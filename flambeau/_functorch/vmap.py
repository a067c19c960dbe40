"""Names of the inside of PyTorch's vmap that packages import; flambeau's does not wrap tensors, so they cannot be used.

Source: torch._functorch.vmap
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree.tree import broadcast_to_and_flatten as _broadcast_to_and_flatten
from ..core.pytree.tree import tree_flatten, tree_unflatten
from ..core.tensor import Tensor
from ..func import vmap

__all__ = ["Tensor", "_broadcast_to_and_flatten", "tree_flatten", "tree_unflatten", "vmap"]


def _get_name(func: Callable) -> str:
    """A function's name for messages."""
    return getattr(func, "__name__", repr(func))


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"torch._functorch.vmap.{name}: flambeau's vmap does not wrap tensors; use torch.func.vmap"
        )

    refuse.__name__ = name
    return refuse


_add_batch_dim = _refused("_add_batch_dim")
_remove_batch_dim = _refused("_remove_batch_dim")
_maybe_remove_batch_dim = _refused("_maybe_remove_batch_dim")
_create_batched_inputs = _refused("_create_batched_inputs")
_process_batched_inputs = _refused("_process_batched_inputs")
_unwrap_batched = _refused("_unwrap_batched")
