"""Arguments that keep a value while a function is traced, and nestings that do in part."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .._caller import warn
from ..checking import _assert
from .argument import base_types
from .proxy import TracerBase
from .tree_codegen import _PyTreeCodeGen, _PyTreeInfo


class PHBase:
    """Stands in ``concrete_args`` for a leaf that is an input of the graph.

    Source: torch.fx._symbolic_trace.PHBase
    """

    def __repr__(self) -> str:
        return "PH"


PH = PHBase()


class PHWithMeta(PHBase):
    """The same, of whose node something is known.

    Args:
        ph_key: Found again as ``node.ph_key``.

    Source: torch.fx._symbolic_trace.PHWithMeta
    """

    def __init__(self, ph_key: str | None = None):
        self.ph_key = ph_key


def _assert_is_none(value: Any, msg: str) -> None:
    """Fail unless an argument is None.

    Raises:
        AssertionError: It is not.
    """
    if value is not None:
        raise AssertionError(msg)


def placeholder_of(
    tracer: TracerBase,
    name: str,
    annotations: dict[str, Any],
    signature: inspect.Signature,
    concrete_args: dict[str, Any] | None,
) -> Any:
    """What an argument is while the function is traced: a proxy, or its value."""
    parameter = signature.parameters[name]
    default = () if parameter.default is inspect.Parameter.empty else (parameter.default,)
    if concrete_args is None or name not in concrete_args:
        return tracer.create_proxy(
            "placeholder", name, default, {}, type_expr=annotations.get(name)
        )
    count = 0

    def leaf(x: Any) -> Any:
        nonlocal count
        count += 1
        made = tracer.create_proxy("placeholder", f"{name}_{count}", default, {})
        if isinstance(x, PHBase):
            if isinstance(x, PHWithMeta):
                made.node.ph_key = x.ph_key
            return made
        _hold(tracer, name, made, x)
        return x

    value = concrete_args[name]
    if not isinstance(value, (tuple, list, dict)):
        return leaf(value)
    from ..utils import _pytree as pytree

    return pytree.tree_map(leaf, value)


def _hold(tracer: TracerBase, name: str, proxy: Any, value: Any) -> None:
    """Let the graph check that an argument has the value that it had while tracing."""
    said = f"{name} has been specialized to have value {value} but got another value"
    if isinstance(value, base_types) and not hasattr(value, "shape"):
        _assert(proxy == value, said)
    elif value is None:
        tracer.create_proxy("call_function", _assert_is_none, (proxy, said), {})
    else:
        warn(
            f"the graph cannot check that {name} is the value that it was traced with, of type "
            f"{type(value).__name__}: see to it yourself that calls give the same"
        )


def trees_taken_apart(
    tracer: TracerBase, function: Callable, args: list[Any], names: list[str]
) -> tuple[Callable, list[Any]]:
    """The function of the leaves, if an argument is a nesting."""
    if not any(isinstance(a, (tuple, list, dict)) for a in args):
        return function, args
    from ..utils import _pytree as pytree

    leaves, spec = pytree.tree_flatten(tuple(args))
    codegen = _PyTreeCodeGen(_PyTreeInfo(names, spec, None))
    tracer.graph.set_codegen(codegen)

    def of_leaves(*leaves: Any) -> Any:
        result = function(*pytree.tree_unflatten(list(leaves), spec))
        out, out_spec = pytree.tree_flatten(result)
        codegen.pytree_info = codegen.pytree_info._replace(out_spec=out_spec)
        return out

    return of_leaves, leaves
