"""Functions of neural networks, as torch.nn.functional has them: computed from the registry."""

from __future__ import annotations

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
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")


SHARED = frozenset(("tanh", "sigmoid", "pdist", "cosine_similarity", "bilinear", "selu_", "relu_"))
