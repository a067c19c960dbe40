"""What operations there are: one file a family, one definition an operation, all in the registry."""

from importlib import import_module
from typing import Any

from ..dispatch.formula.custom import pointwise, rowwise
from ..dispatch.formula.formula_operation import Operand
from ..dispatch.rule.rule_operation import operation

__all__ = ["Operand", "operation", "pointwise", "rowwise"]


_OF_TEST_RUNNERS = frozenset(
    (
        *("setUpModule", "tearDownModule", "setup_module", "teardown_module", "setup_function"),
        *("teardown_function", "pytest_plugins", "pytestmark", "load_tests"),
    )
)
"""What test runners look for in every package: no namespaces, though any other name may be one."""


def __getattr__(name: str) -> Any:
    """Our own parts; then namespaces of PyTorch's dispatcher: ``torch.ops.aten``, and what programs define."""
    if name.startswith("__") or name in _OF_TEST_RUNNERS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    return getattr(import_module("flambeau._ops").ops, name)
