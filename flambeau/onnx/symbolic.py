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


_FUNCTIONS = frozenset(
    (
        *(
            "add",
            "cast",
            "cat",
            "concat",
            "div",
            "expand",
            "gather",
            "index_select",
            "mul",
            "nonzero",
            "relu",
        ),
        *(
            "reshape",
            "select",
            "sigmoid",
            "slice",
            "squeeze",
            "stack",
            "sub",
            "unsqueeze",
            "view",
            "where",
        ),
        *(
            "_cast_Long",
            "_get_const",
            "_get_tensor_dim_size",
            "_get_tensor_rank",
            "_get_tensor_sizes",
        ),
        *(
            "_is_none",
            "_maybe_get_const",
            "_maybe_get_scalar",
            "_parse_arg",
            "_slice_helper",
            "_unimplemented",
        ),
        *(
            "_unsqueeze_helper",
            "cast_pytorch_to_onnx",
            "check_training_mode",
            "scalar_type_to_onnx",
        ),
    )
)
"""What packages call in functions of theirs for the older exporter."""


def __getattr__(name: str) -> Any:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module 'torch.onnx.symbolic_helper' has no attribute {name!r}")

    def absent(*args: Any, **kwargs: Any) -> Any:
        raise OnnxExporterError(
            f"{name} belongs to PyTorch's older exporter, which does not exist here: give torch.onnx.export a "
            "custom_translation_table"
        )

    absent.__name__ = absent.__qualname__ = name
    return absent
