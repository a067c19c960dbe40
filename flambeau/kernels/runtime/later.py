"""Kernels that are compiled when the first call comes that they are made for.

Many that a program has are never called: a gradient that is asked for in another form, a kernel of rows whose operands
always lie in columns. Until then such a kernel is a function whose machine code hands every call to a `Later`; that puts the
compiled code into the function's definition, from where CPython reads it at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..llvm import Module
from .layout import FASTCALL, MethodDefinition, builtin, function_of, immortal
from .process import address_of, machine
from .recipe import Recipe
from .vectorcall import Vectorcall


class Later:
    """What a kernel that is not compiled yet calls, and later its fallback.

    Args:
        definition: The kernel's.
        text: Writes its module; None if that has no native form.
        serves: Is the kernel made for these arguments? Others go to the fallback, and nothing is compiled for them.
        fallback: Takes all arguments that the machine code refuses; it has the kernel's recipe.
        otherwise: Takes all where there is no native form.
    """

    carries_recipe = True

    def __init__(
        self,
        definition: MethodDefinition,
        text: Callable[[], str | None],
        serves: Callable[..., bool],
        fallback: Callable,
        otherwise: Callable,
    ):
        self.definition, self.text, self.serves = definition, text, serves
        self.fallback, self.otherwise = fallback, otherwise
        self.recipe: Recipe = fallback.recipe  # type: ignore[attr-defined]
        self.waits = True

    def __call__(self, *given: Any) -> Any:
        if self.waits and self.serves(*given):
            return self.compiled()(*given)
        return self.fallback(*given)

    def compiled(self) -> Callable:
        """The kernel, from now on without a detour."""
        self.waits = False
        text = self.text()
        if text is None:
            self.fallback = self.otherwise
            return self.otherwise
        name, address = self.definition.name.decode(), machine().address(text)
        self.definition.address = address
        return builtin(name, address, self.fallback)


def builtin_later(
    name: str,
    text: Callable[[], str | None],
    serves: Callable[..., bool],
    fallback: Callable,
    otherwise: Callable,
) -> Any:
    """A function like `builtin`'s whose machine code is made when it is first needed (see `Later`)."""
    address = address_of(_waiting)
    definition = immortal(MethodDefinition(name.encode(), address, FASTCALL, None))
    return function_of(definition, Later(definition, text, serves, fallback, otherwise))


def _waiting() -> str:
    """A function that refuses every call."""
    module = Module()
    f = Vectorcall(module)
    f.code.jump(f.REFUSED)
    f.fall_back()
    return module.text()
