"""The layers, a file a family."""

from __future__ import annotations

from .linear import Linear
from .rnn import GRU, LSTM

__all__ = ["GRU", "LSTM", "Linear"]
