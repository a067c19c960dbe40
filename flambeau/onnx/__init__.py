"""Modules as ONNX models, from the graphs of `torch.export`: torch.onnx.

It needs the package onnx (``pip install 'flambeau[onnx]'``), and to run a model onnxruntime.
"""

from __future__ import annotations

import sys as _sys

from .._lazy import attach as _attach
from . import errors
from . import symbolic as _symbolic
from .errors import OnnxExporterError
from .state import is_in_onnx_export

__all__ = ["ONNXProgram", "OnnxExporterError", "errors", "export", "is_in_onnx_export"]
__getattr__, __dir__ = _attach(
    __name__,
    (),
    {
        "ONNXProgram": "program",
        "export": "exporter",
        "OperatorExportTypes": "mode",
        "TrainingMode": "mode",
        "register_custom_op_symbolic": "symbolic",
        "unregister_custom_op_symbolic": "symbolic",
    },
    "torch.onnx",
)
for _name in ("symbolic_helper", *(f"symbolic_opset{_n}" for _n in range(7, 21))):
    globals()[_name] = _sys.modules[f"{__name__}.{_name}"] = _symbolic
