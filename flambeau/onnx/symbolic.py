"""PyTorch's older exporter, whose parts packages import to teach it operations of their own.

Its functions write nothing here: they can be imported and registered, and say so when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import OnnxExporterError

REGISTERED: dict[tuple[str, int], Callable] = {}
"""What was registered for the older exporter, by names of operations and opsets."""


def parse_args(*descriptors: str) -> Callable:
    """Decorator of a function of the older exporter; it stays as it is.

    Source: torch.onnx.symbolic_helper.parse_args
    """
    return lambda function: function


def quantized_args(*descriptors: bool, **options: Any) -> Callable:
    """The same for quantised operands.

    Source: torch.onnx.symbolic_helper.quantized_args
    """
    return lambda function: function


def register_custom_op_symbolic(
    symbolic_name: str, symbolic_fn: Callable, opset_version: int
) -> None:
    """Keep a function of the older exporter: `export` takes its own by custom_translation_table.

    Source: torch.onnx.register_custom_op_symbolic
    """
    REGISTERED[symbolic_name, opset_version] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Forget it.

    Source: torch.onnx.unregister_custom_op_symbolic
    """
    REGISTERED.pop((symbolic_name, opset_version), None)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)

    def absent(*args: Any, **kwargs: Any) -> Any:
        raise OnnxExporterError(
            f"{name} belongs to PyTorch's older exporter, which does not exist here: give torch.onnx.export a "
            "custom_translation_table"
        )

    absent.__name__ = absent.__qualname__ = name
    return absent
