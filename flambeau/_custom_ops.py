"""The first spelling of operations that programs define; `library` has the present one.

Source: torch._custom_ops
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .library import impl as _impl
from .library import register_fake as _register_fake

__all__ = ["custom_op", "impl", "impl_abstract"]


def custom_op(qualname: str, func_or_schema: Any = None) -> Any:
    """Define an operation by the types of a function, whose body does not matter, or by a schema.

    Source: torch._custom_ops.custom_op
    """
    from .library import define, infer_schema

    def make(function: Callable) -> Callable:
        define(qualname, infer_schema(function, mutates_args=()))
        return function

    if func_or_schema is None:
        return make
    if isinstance(func_or_schema, str):
        return define(qualname, func_or_schema)
    return make(func_or_schema)


def impl(qualname: str, *, device_types: Any = ("cpu", "cuda"), func: Any = None) -> Any:
    """Give an operation what runs for these devices.

    Source: torch._custom_ops.impl
    """
    return _impl(qualname, device_types, func)


def impl_abstract(qualname: str, *, func: Callable | None = None) -> Any:
    """Say what an operation's results look like.

    Source: torch._custom_ops.impl_abstract
    """
    return _register_fake(qualname, func)
