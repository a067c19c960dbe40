"""Schemas from the types of Python functions."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.device import device
from ..core.dtype import dtype
from ..core.tensor import Tensor

_BASES: dict[Any, str] = {
    Tensor: "Tensor",
    int: "SymInt",
    float: "float",
    bool: "bool",
    str: "str",
    dtype: "ScalarType",
    device: "Device",
}
_NUMBERS = ({int, float, bool}, {int, float, bool, complex}, {int, float}, {int, float, complex})
_IN_LISTS = frozenset(("Tensor", "SymInt", "float", "bool", "Scalar", "Tensor?"))


def infer_schema(
    prototype_function: Callable,
    /,
    *,
    mutates_args: str | Iterable[str],
    op_name: str | None = None,
    tags: Any = (),
) -> str:
    """The schema of a function whose arguments and result have types.

    Args:
        prototype_function: The function.
        mutates_args: The arguments that it writes to, or "unknown" for all tensors.
        op_name: What to write before it.

    Raises:
        ValueError: A missing type, one that operations cannot have, or a default that schemas cannot have.

    Source: torch.library.infer_schema

    Example:
        >>> import flambeau as torch
        >>> def scale(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor: ...
        >>> torch.library.infer_schema(scale, mutates_args=())
        '(Tensor x, float factor=2.0) -> Tensor'
    """
    signature = inspect.signature(prototype_function)

    def refuse(what: str) -> ValueError:
        return ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    hints = _hints(prototype_function, refuse)
    unknown = mutates_args == "unknown"
    written = set() if isinstance(mutates_args, str) else set(mutates_args)
    parts: list[str] = []
    for place, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise refuse("We do not support positional-only args, varargs, or varkwargs.")
        if parameter.annotation is parameter.empty:
            raise refuse(f"Parameter {name} must have a type annotation.")
        kind = _type(hints[name])
        if kind is None:
            raise refuse(f"Parameter {name} has unsupported type {hints[name]}.")
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if name in written or (unknown and kind.startswith("Tensor")):
            if not kind.startswith("Tensor"):
                raise refuse(
                    f"Parameter {name} is in mutable_args but only Tensors or collections of Tensors can be mutated"
                )
            kind = kind.replace("Tensor", f"Tensor(a{place}!)", 1)
        written.discard(name)
        text = f"{kind} {name}"
        if parameter.default is not parameter.empty:
            text += f"={_default(name, parameter.default, refuse)}"
        parts.append(text)
    if written:
        raise refuse(
            f"{written} in mutates_args were not found in the param list. "
            f"mutates_args should contain the names of all args that the custom op mutates."
        )
    if signature.return_annotation is signature.empty:
        raise refuse("No return type annotation was provided. Please add one.")
    return f"{op_name or ''}({', '.join(parts)}) -> {_result(hints['return'], refuse)}"


def _hints(function: Callable, refuse: Callable[[str], ValueError]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception as error:
        raise refuse(f"A type annotation could not be evaluated: {error}.") from error


def _type(hint: Any) -> str | None:
    """The schema's word for a type; None if it has none."""
    if hint in _BASES:
        return _BASES[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        rest = {arg for arg in args if arg is not type(None)}
        if rest in _NUMBERS:
            inner: str | None = "Scalar"
        elif len(rest) == 1:
            inner = _type(next(iter(rest)))
        else:
            return None
        optional = len(rest) < len(args)
        return f"{inner}?" if inner and optional else inner
    if origin in (list, Sequence) and len(args) == 1:
        inner = _type(args[0])
        return f"{inner}[]" if inner in _IN_LISTS else None
    return None


def _default(name: str, value: Any, refuse: Callable[[str], ValueError]) -> str:
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, device):
        return f'"{value}"'
    raise refuse(f"Parameter {name} has an unsupported default value type {type(value)}.")


def _result(hint: Any, refuse: Callable[[str], ValueError]) -> str:
    if hint is None or hint is type(None):
        return "()"
    if typing.get_origin(hint) is tuple:
        parts = [_type(part) for part in typing.get_args(hint)]
        if None not in parts:
            inside = ", ".join(map(str, parts))
            return f"({inside})" if len(parts) > 1 else inside
    else:
        found = _type(hint)
        if found is not None and "?" not in found:
            return "int" if found == "SymInt" else found
    raise refuse(f"Return has unsupported type {hint}.")
