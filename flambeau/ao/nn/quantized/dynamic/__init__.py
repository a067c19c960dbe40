"""Layers with quantised weights whose inputs are quantised as they come.

Source: torch.ao.nn.quantized.dynamic
"""

from __future__ import annotations

from .modules.linear import Linear
from .modules.rnn import GRU, LSTM

__all__ = ["GRU", "LSTM", "Linear"]
