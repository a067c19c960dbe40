"""Multiply and add with one rounding, where a result's last bit depends on it and NumPy rounds twice."""

from __future__ import annotations

from typing import Any


def _split(x: Any) -> tuple[Any, Any]:
    high = x * 134217729.0  # 2**27 + 1 (Veltkamp)
    high = high - (high - x)
    return high, x - high


def fused(x: Any, y: Any, z: Any) -> Any:
    """x * y + z in float64 with one rounding: PyTorch's kernels are compiled to fuse the two.

    Source: Dekker's product and Knuth's sum, each with its error.
    """
    product = x * y
    (x_high, x_low), (y_high, y_low) = _split(x), _split(y)
    product_error = x_high * y_high - product + x_high * y_low + x_low * y_high + x_low * y_low
    total = product + z
    part = total - product
    total_error = (product - (total - part)) + (z - part)
    return total + (product_error + total_error)
