"""Arguments of calls settled by the signature of what is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from ..nn import Module

__all__ = ["ArgsKwargsPair", "create_type_hint", "get_signature_for_torch_op"]
__all__ += ["normalize_function", "normalize_module", "type_matches"]


class ArgsKwargsPair(NamedTuple):
    """Arguments by position, and by name.

    Source: torch.fx.operator_schemas.ArgsKwargsPair
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def get_signature_for_torch_op(op: Callable, return_schemas: bool = False) -> Any:
    """The signatures of a function, in a list; None if it has none.

    Source: torch.fx.operator_schemas.get_signature_for_torch_op
    """
    try:
        found = [inspect.signature(op)]
    except (TypeError, ValueError):
        return (None, None) if return_schemas else None
    return (found, None) if return_schemas else found


def create_type_hint(x: Any) -> Any:
    """The type of a nesting of types: of lists and tuples, what their items share.

    Source: torch.fx.operator_schemas.create_type_hint
    """
    if not isinstance(x, (list, tuple)):
        return x
    items = [create_type_hint(item) for item in x]
    shared: Any = Any
    for kind in items:
        if all(inspect.isclass(other) and issubclass(other, kind) for other in items):
            shared = kind
            break
    return tuple[shared, ...] if isinstance(x, tuple) else list[shared]


def type_matches(signature_type: Any, argument_type: Any) -> bool:
    """Can an argument of this type be given where the signature says that?

    Source: torch.fx.operator_schemas.type_matches
    """
    if signature_type is argument_type or signature_type in (Any, inspect.Parameter.empty):
        return True
    arguments = getattr(signature_type, "__args__", ())
    origin = getattr(signature_type, "__origin__", None)
    if type(signature_type).__name__ in ("UnionType", "_UnionGenericAlias"):
        return any(type_matches(kind, argument_type) for kind in arguments)
    if origin is list and argument_type in (int, *arguments):
        return True
    if signature_type is float and argument_type is int:
        return True
    return (
        inspect.isclass(argument_type)
        and inspect.isclass(signature_type)
        and issubclass(argument_type, signature_type)
    )


def normalize_function(
    target: Callable,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    arg_types: tuple[Any, ...] | None = None,
    kwarg_types: dict[str, Any] | None = None,
    normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:
    """A call's arguments with those by name that the function's signature names, defaults included.

    Args:
        target: The function.
        args, kwargs: What it is called with.
        arg_types, kwarg_types: Not needed: each function has one signature here.
        normalize_to_only_use_kwargs: All by name? Else those without default stay where they are.

    Returns:
        None if the signature is not known, or does not take them.

    Source: torch.fx.operator_schemas.normalize_function
    """
    found = get_signature_for_torch_op(target)
    if not found:
        return None
    return _normalized(found[0], args, kwargs or {}, normalize_to_only_use_kwargs)


def normalize_module(
    root: Module,
    target: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:
    """The same of a call of a submodule.

    Raises:
        RuntimeError: There is no such submodule.

    Source: torch.fx.operator_schemas.normalize_module
    """
    try:
        called = root.get_submodule(target)
    except AttributeError as error:
        raise RuntimeError(
            f"Tried to normalize node with target {target} but root did not have that target!"
        ) from error
    signature = inspect.signature(called.forward)
    return _normalized(signature, args, kwargs or {}, normalize_to_only_use_kwargs)


def _normalized(
    signature: inspect.Signature, args: tuple, kwargs: dict, all_by_name: bool
) -> ArgsKwargsPair | None:
    kinds = {p.kind for p in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    by_position = []
    by_name = {}
    for i, (name, parameter) in enumerate(signature.parameters.items()):
        only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if all_by_name or only or i >= len(args):
            by_name[name] = bound.arguments[name]
        else:
            by_position.append(bound.arguments[name])
    return ArgsKwargsPair(tuple(by_position), by_name)
