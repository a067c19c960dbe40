"""torch._C._functorch: whether tensors are wrapped for a transform. They never are: see `func`.

Source: torch._C._functorch
"""

from __future__ import annotations

from typing import Any


def is_batchedtensor(tensor: Any) -> bool:
    """Is it a batch that looks like a sample? Not here."""
    return False


is_legacy_batchedtensor = is_gradtrackingtensor = is_functionaltensor = is_batchedtensor
is_functorch_wrapped_tensor = is_batchedtensor


def maybe_get_bdim(tensor: Any) -> int:
    """The batch dimension of a wrapped tensor: -1, as none is."""
    return -1


def maybe_get_level(tensor: Any) -> int:
    """The level of the transform that wrapped a tensor: -1, as none did."""
    return -1


def get_unwrapped(tensor: Any) -> Any:
    """The tensor inside.

    Raises:
        RuntimeError: It is not wrapped.
    """
    raise RuntimeError("No wrappers present!")


def _absent(name: str) -> Any:
    def raising(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"torch._C._functorch.{name}: flambeau's vmap does not wrap tensors; use torch.func.vmap"
        )

    raising.__name__ = name
    return raising


_add_batch_dim = _absent("_add_batch_dim")
_remove_batch_dim = _absent("_remove_batch_dim")
_vmap_increment_nesting = _absent("_vmap_increment_nesting")
_vmap_decrement_nesting = _absent("_vmap_decrement_nesting")
_unwrap_batched = _absent("_unwrap_batched")
