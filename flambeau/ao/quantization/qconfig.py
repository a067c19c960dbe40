"""Configurations: which observers watch a layer's inputs and its weight."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.dtype import float16
from .observer import (
    PlaceholderObserver,
    default_dynamic_quant_observer,
    default_per_channel_weight_observer,
    default_weight_observer,
)


class QConfig(NamedTuple):
    """Which observers to make for a layer.

    Args:
        activation: Makes the observer of inputs.
        weight: Makes the observer of the weight.

    Source: torch.ao.quantization.QConfig
    """

    activation: Any
    weight: Any


default_dynamic_qconfig = QConfig(default_dynamic_quant_observer, default_weight_observer)
per_channel_dynamic_qconfig = QConfig(
    default_dynamic_quant_observer, default_per_channel_weight_observer
)
float16_dynamic_qconfig = QConfig(
    PlaceholderObserver.with_args(dtype=float16, is_dynamic=True),
    PlaceholderObserver.with_args(dtype=float16),
)
