"""Functions of neural networks, as torch.nn.functional has them: computed from the registry."""

from __future__ import annotations

from typing import Any

from ..ops import late
from ..ops.registry import NAMESPACES

for _family in late.NEURAL:
    late.load(_family)
globals().update(NAMESPACES["nn.functional"])


def __getattr__(name: str) -> Any:
    """What nn.functional shares with the main namespace."""
    if name in SHARED and name in NAMESPACES["torch"]:
        return NAMESPACES["torch"][name]
    if name in SHARED and name in late.FUNCTIONS:
        return late.function(name)
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")


SHARED = frozenset(("tanh", "sigmoid", "pdist", "cosine_similarity", "bilinear", "selu_", "relu_"))
