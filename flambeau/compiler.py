"""torch.compile and torch.compiler: everything runs eagerly, through kernels compiled as they are met."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    dynamic_shapes: Any = None,
) -> Any:
    """A function, or a module, that calls the given one: everything is eager here.

    Each operation's kernel is compiled when the operation first meets a dtype, and nothing is joined
    beyond that, so there is nothing left that a graph of the whole function would be used for. All
    other arguments are advice on how to make that graph; a program that gives them runs unchanged.

    What is given back is what PyTorch gives: of a module an `OptimizedModule`, whose parameters are called
    ``_orig_mod.weight`` and so on, so that checkpoints of compiled modules fit; of a function one with
    ``__wrapped__``.

    Args:
        model: A function or module. None gives a decorator.
        mode: "default", "reduce-overhead", "max-autotune" or "max-autotune-no-cudagraphs".
        fullgraph, dynamic, backend, options, dynamic_shapes: Advice; see above.
        disable: Give back `model` itself.

    Raises:
        RuntimeError: An unknown `mode`, or `mode` and `options` both.
        AssertionError: `model` cannot be called.

    Source: torch.compile

    Example:
        >>> import flambeau as torch
        >>> @torch.compile
        ... def double(x):
        ...     return 2 * x
        >>> double(torch.ones(2))
        tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if model is None:
        return lambda function: compile(function, disable=disable)
    if not callable(model):
        raise AssertionError(  # PyTorch's type of error
            f"A callable function is expected, but {type(model)} is provided."
        )
    if disable:
        return model
    from .nn.optimized import Module, OptimizedModule  # loads with the first call

    return OptimizedModule(model) if isinstance(model, Module) else _calling(model)


def _calling(function: Callable) -> Callable:
    @functools.wraps(function)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    compiled._torchdynamo_orig_callable = function  # type: ignore[attr-defined]
    return compiled


def is_compiling() -> bool:
    """Is a graph being made? Never here.

    Source: torch.compiler.is_compiling
    """
    return False


is_dynamo_compiling = is_compiling


def disable(
    fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None
) -> Any:
    """Keep a function out of graphs: the function itself, as there are none.

    Source: torch.compiler.disable
    """
    return (lambda function: function) if fn is None else fn


def reset() -> None:
    """Forget all graphs: there are none.

    Source: torch.compiler.reset
    """
