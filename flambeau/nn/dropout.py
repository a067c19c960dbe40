"""Dropout layers."""

from __future__ import annotations

from typing import Any

from .table import FunctionLayer, layer


class _DropoutNd(FunctionLayer):
    """Checks its probability, and drops only while training."""

    p: float

    def check(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {self.p}")

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "training": self.training}


def _dropout(name: str, function: str, doc: str) -> type[FunctionLayer]:
    shown = "p={p}, inplace={inplace}"
    return layer(name, function, doc, shown, base=_DropoutNd, p=0.5, inplace=False)


Dropout = _dropout("Dropout", "dropout", "While training zeroes elements, scaling the others up.")
Dropout1d = _dropout("Dropout1d", "dropout1d", "While training zeroes whole channels.")
Dropout2d = _dropout("Dropout2d", "dropout2d", "While training zeroes whole channels.")
Dropout3d = _dropout("Dropout3d", "dropout3d", "While training zeroes whole channels.")
AlphaDropout = _dropout(
    "AlphaDropout", "alpha_dropout", "Dropout that keeps mean and variance, for SELU networks."
)
FeatureAlphaDropout = _dropout(
    "FeatureAlphaDropout", "feature_alpha_dropout", "AlphaDropout of whole channels."
)
