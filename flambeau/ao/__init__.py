"""Architecture optimisation: smaller numbers in models that are trained already.

Source: torch.ao
"""

from __future__ import annotations

from .._lazy import attach as _attach

__getattr__, __dir__ = _attach(__name__, ("nn", "quantization"), title="torch.ao")
