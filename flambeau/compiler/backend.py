"""Backends that programs register by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BACKENDS: dict[str, Callable] = {}


class InvalidBackend(RuntimeError):
    """A backend that nobody registered.

    Source: torch._dynamo.exc.InvalidBackend
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Invalid backend: {name!r}, see `torch._dynamo.list_backends()` for available backends."
        )


def register_backend(
    compiler_fn: Callable | None = None, name: str | None = None, tags: Sequence[str] = ()
) -> Any:
    """Let a backend be found by name: by `lookup_backend`, and by whoever asks for the list.

    Source: torch._dynamo.register_backend
    """
    if compiler_fn is None:
        return lambda function: register_backend(function, name, tags)
    BACKENDS[name or compiler_fn.__name__] = compiler_fn
    return compiler_fn


def lookup_backend(compiler_fn: str | Callable) -> Callable:
    """The backend of a name.

    Raises:
        InvalidBackend: No program registered it.

    Source: torch._dynamo.lookup_backend
    """
    if callable(compiler_fn):
        return compiler_fn
    if compiler_fn not in BACKENDS:
        raise InvalidBackend(name=compiler_fn)
    return BACKENDS[compiler_fn]
