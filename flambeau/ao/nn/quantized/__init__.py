"""Layers with quantised weights.

Source: torch.ao.nn.quantized
"""

from __future__ import annotations

from ...._lazy import attach as _attach

__getattr__, __dir__ = _attach(__name__, ("dynamic",), title="torch.ao.nn.quantized")
