"""Modules as ONNX models, from the graphs of `torch.export`: torch.onnx.

It needs the package onnx (``pip install 'flambeau[onnx]'``), and to run a model onnxruntime.
"""

from __future__ import annotations

from .._lazy import attach as _attach
from . import errors
from .errors import OnnxExporterError
from .state import is_in_onnx_export

__all__ = ["ONNXProgram", "OnnxExporterError", "errors", "export", "is_in_onnx_export"]
__getattr__, __dir__ = _attach(
    __name__,
    (),
    {"ONNXProgram": "program", "export": "exporter", "TrainingMode": "mode", "OperatorExportTypes": "mode"},
    "torch.onnx",
)
