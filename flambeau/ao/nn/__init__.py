"""Layers of smaller numbers.

Source: torch.ao.nn
"""

from __future__ import annotations

from ..._lazy import attach as _attach

__getattr__, __dir__ = _attach(__name__, ("quantized",), title="torch.ao.nn")
