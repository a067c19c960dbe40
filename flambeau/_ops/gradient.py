"""Gradients of operations that programs define: what `library.register_autograd` was given, as a `Function`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.function import Function
from ..core.pytree.tree import tree_flatten
from ..core.tensor import Tensor


def recorded(definition: Any, kernel: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Run a kernel and record it, so that backward calls the gradient that was registered.

    Lists of tensors among the arguments are given to autograd one by one; the program's backward
    gives lists for them.
    """
    flat, spec = tree_flatten(args)

    class Recorded(Function):
        @staticmethod
        def forward(ctx: Any, *leaves: Any) -> Any:
            given = spec.unflatten(leaves)
            result = definition.run(kernel, given, kwargs)
            if definition.backward is not None and definition.setup_context is not None:
                options = {"keyword_only_inputs": kwargs} if kwargs else {}
                definition.setup_context(ctx=ctx, inputs=given, output=result, **options)
            written = [
                x
                for argument, value in zip(definition.schema.positional, given)
                if argument.is_write and isinstance(value, Tensor)
                for x in (value,)
            ]
            if written:
                ctx.mark_dirty(*written)
            return tuple(result) if isinstance(result, list) else result

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            if definition.backward is None:
                name = definition.schema.name.replace("::", ".")
                overload = definition.schema.overload_name or "default"
                raise RuntimeError(
                    f"Trying to backward through {name}.{overload} but no autograd formula was registered. "
                    "Please use register_autograd to add one."
                )
            found = definition.backward(ctx, *grads)
            found = found if isinstance(found, tuple) else (found,)
            return _flat(definition, found, args)

    Recorded.__name__ = Recorded.__qualname__ = definition.schema.name.replace("::", "_")
    result = Recorded.apply(*flat)
    several = definition.schema.returns
    if isinstance(result, tuple) and len(several) == 1 and several[0].type.suffix.endswith("[]"):
        return list(result)
    return result


def _flat(definition: Any, found: tuple, args: tuple) -> tuple:
    """One gradient for each leaf of the arguments."""
    if len(found) != len(args):
        raise RuntimeError(
            f"The backward of {definition.schema.name} returned {len(found)} gradients, where it has "
            f"{len(args)} inputs: return None for what is no tensor"
        )
    flat: list[Any] = []
    for grad, value in zip(found, args):
        leaves = tree_flatten(value)[0]
        if not isinstance(value, (list, tuple)):
            flat.append(grad)
        elif grad is None:
            flat += [None] * len(leaves)
        elif isinstance(grad, (list, tuple)) and len(grad) == len(leaves):
            flat += list(grad)
        else:
            raise RuntimeError(
                f"The backward of {definition.schema.name} must return a list of {len(leaves)} gradients, or None, "
                "for an input that is a list of tensors"
            )
    return tuple(flat)
