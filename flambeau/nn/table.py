"""Layers that are one function with its options kept: classes made from a table."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

from . import functional as F
from .module import Module


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of a function of nn.functional, and their defaults (`Parameter.empty`: none)."""
    function: Any = getattr(F, name)
    if hasattr(function, "operation"):
        operation = function.operation
        return {operation.public[n]: value for n, value in operation.defaults.items()}
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


_OF_CALLS = ("input", "out", "dtype", "_stacklevel")
"""Parameters of functions that no layer keeps."""


class FunctionLayer(Module):
    """Base of the layers made here: keeps its options as attributes, and passes them on."""

    function: str
    options: dict[str, Any]
    shown: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            given = self.__signature__.bind(*args, **kwargs)  # type: ignore[attr-defined]
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__(): {error}") from None
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)
        self.check()

    def check(self) -> None:
        """Raises ValueError where an option is out of range."""

    def arguments(self) -> dict[str, Any]:
        """What the function is called with beside the input."""
        state = self.__dict__
        return {name: state[name] for name in self.options}

    def forward(self, *inputs: Any) -> Any:
        return getattr(F, self.function)(*inputs, **self.arguments())

    def extra_repr(self) -> str:
        if self.shown is not None:
            return self.shown.format(**self.__dict__)
        parts = [f"{n}={self.__dict__[n]!r}" for n in self.options if n != "inplace"]
        return ", ".join([*parts, *(["inplace=True"] if self.__dict__.get("inplace") else [])])


def layer(
    name: str,
    function: str,
    doc: str = "",
    shown: str | None = None,
    required: str = "",
    base: type[FunctionLayer] = FunctionLayer,
    **options: Any,
) -> type[FunctionLayer]:
    """Make a layer.

    Args:
        name: Of the class.
        function: Of nn.functional.
        doc: One sentence. Default: the function's.
        shown: What repr shows, a format of the options. Default: all of them, inplace only if set.
        required: Names of options without a default, which come first.
        base: What it inherits.
        options: With their defaults, in order. Default: the function's.
    """
    options = {**dict.fromkeys(required.split(), Parameter.empty), **options}
    if not options:
        own = parameters_of(function).items()
        options = {n: default for n, default in own if n not in _OF_CALLS}
    if not doc:
        first = (getattr(F, function).__doc__ or "").strip().partition("\n")[0]
        doc = first.partition(" Source:")[0]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([Parameter(n, kind, default=v) for n, v in options.items()])
    return type(
        name,
        (base,),
        {
            "__module__": "flambeau.nn",
            "__signature__": signature,
            "__doc__": f"{doc}\n\n    Source: torch.nn.{name}; see nn.functional.{function}\n    ",
            "function": function,
            "options": options,
            "shown": shown,
        },
    )
