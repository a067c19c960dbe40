"""Helpers: gradients, parameter vectors, sequences, parametrizations, fusion."""

from __future__ import annotations

from ..._lazy import attach as _attach
from .clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .convert_parameters import parameters_to_vector, vector_to_parameters
from .spectral_norm import (
    remove_spectral_norm,
    spectral_norm,
)  # the modules' names are the functions'
from .weight_norm import remove_weight_norm, weight_norm

_ELSEWHERE = {
    "convert_conv2d_weight_memory_format": "memory_format",
    "convert_conv3d_weight_memory_format": "memory_format",
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "skip_init": "init",
}
_MODULES = (
    *("_named_member_accessor", "fusion", "init", "memory_format", "parametrizations"),
    *("parametrize", "prune", "rnn", "stateless"),
)
__getattr__, __dir__ = _attach(__name__, _MODULES, _ELSEWHERE, "torch.nn.utils")
