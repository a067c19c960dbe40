"""Static quantisation of traced graphs, which flambeau does not have: its functions refuse.

Source: torch.ao.quantization.quantize_fx
"""

from __future__ import annotations

from .quantize import convert_fx, prepare_fx

__all__ = ["convert_fx", "prepare_fx"]
