"""What can go wrong: torch.onnx.errors."""

from __future__ import annotations

__all__ = [
    "OnnxExporterError",
    "OnnxExporterWarning",
    "SymbolicValueError",
    "UnsupportedOperatorError",
]


class OnnxExporterWarning(UserWarning):
    """A warning of the exporter.

    Source: torch.onnx.errors.OnnxExporterWarning
    """


class OnnxExporterError(RuntimeError):
    """An error of the exporter.

    Source: torch.onnx.OnnxExporterError
    """


class UnsupportedOperatorError(OnnxExporterError):
    """Operations that have no form in ONNX; the message lists all that the module has.

    Source: torch.onnx.errors.UnsupportedOperatorError
    """


class SymbolicValueError(OnnxExporterError):
    """A value of the graph that cannot be what an operation asks for.

    Source: torch.onnx.errors.SymbolicValueError
    """
