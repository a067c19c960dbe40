"""How a primitive of formulas becomes instructions: what is said of it where its function is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ...formula.expression import Primitive
from ..llvm import Value

Make = TypeVar("Make", bound=Callable[..., Value])


class Lowering(NamedTuple):
    """A primitive's instructions.

    make: From the arguments to the value.
    wide: Of a primitive that is an expression of others: does it serve float64 too, and not float32 alone?
    integers: Works on integers too; otherwise they are made floats first.
    alike: The arguments that are brought to one type first.
    quick: Joins two floats in one instruction of x86, and skips a second one that is nan.
    """

    make: Callable[..., Value]
    integers: bool = False
    alike: slice = slice(None)
    quick: Callable[[Value, Value], Value] | None = None
    wide: bool = False


def lowers(primitive: Primitive, **how: Any) -> Callable[[Make], Make]:
    """The decorated function writes the primitive; `how` are fields of `Lowering`."""

    def register(make: Make) -> Make:
        primitive.lowering = Lowering(make, **how)
        return make

    return register
