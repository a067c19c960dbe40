"""Helpers: gradients, parameter vectors, sequences, parametrizations, fusion."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .convert_parameters import parameters_to_vector, vector_to_parameters

_ELSEWHERE = {
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "remove_spectral_norm": "spectral",
    "remove_weight_norm": "weight",
    "skip_init": "skip",
    "spectral_norm": "spectral",
    "weight_norm": "weight",
}
_MODULES = frozenset(("rnn", "parametrize", "parametrizations", "fusion"))


def __getattr__(name: str) -> Any:
    """What is rarer loads when first asked for."""
    if name in _ELSEWHERE:
        return getattr(import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.nn.utils' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE, *_MODULES})
