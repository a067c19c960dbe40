"""torch._C._functorch: whether tensors are wrapped for a transform. Only vmap's are, as samples: see `func`.

Source: torch._C._functorch
"""

from __future__ import annotations

from typing import Any

from ..func.level import (
    _add_batch_dim,
    _remove_batch_dim,
    _vmap_decrement_nesting,
    _vmap_increment_nesting,
    get_unwrapped,
    is_batchedtensor,
    maybe_get_bdim,
    maybe_get_level,
)

__all__ = [
    "_add_batch_dim",
    "_remove_batch_dim",
    "_vmap_decrement_nesting",
    "_vmap_increment_nesting",
    "get_unwrapped",
    "is_batchedtensor",
    "is_functionaltensor",
    "is_functorch_wrapped_tensor",
    "is_gradtrackingtensor",
    "is_legacy_batchedtensor",
    "maybe_get_bdim",
    "maybe_get_level",
]

is_functorch_wrapped_tensor = is_batchedtensor


def is_gradtrackingtensor(tensor: Any) -> bool:
    """Is it wrapped for a gradient? None is: `func.grad` works on the recorded graph."""
    return False


is_functionaltensor = is_legacy_batchedtensor = is_gradtrackingtensor
