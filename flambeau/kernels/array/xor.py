"""The exclusive or of all words along dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np


def reduce(bits: Any, dims: tuple[int, ...], keepdims: bool) -> Any:
    """``np.bitwise_xor.reduce(bits, dims, keepdims=keepdims)`` of unsigned words of 64 bits."""
    xor: Any = np.bitwise_xor
    return np.asarray(xor.reduce(bits, axis=dims, keepdims=keepdims))
