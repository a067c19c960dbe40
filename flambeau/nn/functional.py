"""Functions of neural networks, as torch.nn.functional has them: computed from the registry."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..dispatch import lazy
from ..dispatch.registry import NAMESPACES
from ..ops import families

for _family in families.NEURAL:
    families.load(_family)
globals().update(NAMESPACES["nn.functional"])


def __getattr__(name: str) -> Any:
    """What nn.functional shares with the main namespace."""
    if name in SHARED and name in NAMESPACES["torch"]:
        return NAMESPACES["torch"][name]
    if name in SHARED and name in lazy.FUNCTIONS:
        return lazy.function(name)
    if name in _HELPERS:
        return getattr(import_module(f".{_HELPERS[name]}", __package__), name)
    if name == "grad":
        return import_module(".grad", __package__)
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")


_HELPERS = {
    **dict.fromkeys(
        (
            *("_canonical_mask", "_get_softmax_dim", "_in_projection", "_in_projection_packed"),
            *("_mha_shape_check", "_none_or_dtype", "_verify_batch_size"),
        ),
        "projection",
    ),
    **dict.fromkeys(("_pair", "_single", "_triple", "_list_with_default"), "modules.utils"),
    **dict.fromkeys(("assert_int_or_pair", "boolean_dispatch"), "choice"),
    **dict.fromkeys(
        (
            *("handle_torch_function", "has_torch_function", "has_torch_function_unary"),
            "has_torch_function_variadic",
        ),
        ".overrides",
    ),
}
"""PyTorch's helpers, by where we have them."""
SHARED = frozenset(("tanh", "sigmoid", "pdist", "cosine_similarity", "bilinear", "selu_", "relu_"))
