"""Options of PyTorch's older exporter, as its programs name them."""

from __future__ import annotations

from enum import Enum


class TrainingMode(Enum):
    """In which mode a module is exported.

    Source: torch.onnx.TrainingMode
    """

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(Enum):
    """What becomes of operations that ONNX does not have: an error, always.

    Source: torch.onnx.OperatorExportTypes
    """

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3
