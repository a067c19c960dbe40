"""Python's operators on tensors, and the in-place methods of functions that choose among operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.operand import operands_of
from ...dispatch.formula.pointwise import operator, reflected
from ...dispatch.registry import method, operator_method
from .arithmetic import add, add_scaled, check_alpha, check_bool, minus, mul, plus, sub, sub_scaled
from .division import (
    check_zero,
    div,
    floor_divide,
    fmod,
    fmod_,
    quotient,
    quotient_floor,
    remainder,
    remainder_,
    rounded,
    true_divide,
)
from .power import cheaper, check_exponent, pow, power


def _written(name: str, function: Any, operation_of: Any) -> None:
    """The in-place method of a function that chooses among operations."""
    usual = plus.operation.into if name == "add" else None
    scaled = add_scaled if name == "add" else sub_scaled if name == "sub" else None

    def in_place(self: Tensor, *args: Any, **options: Any) -> Tensor:
        if usual is not None and not options and len(args) == 1:
            return usual[True, True](self, args[0], (), ())
        if scaled is not None and len(args) == 1 and options.get("alpha").__class__ is float:
            found = _scaled(scaled, self, args[0], options)
            if found is not None:
                return found
        operation, operands, statics, numbers = operation_of(self, *args, **options)
        return operation.operation.write(operands, statics, numbers)

    in_place.__name__ = in_place.__qualname__ = name + "_"
    in_place.__doc__ = f"The in-place form of `{name}`.\n\n    Source: torch.Tensor.{name}_\n    "
    method(name + "_")(in_place)
    method(name)(function)


def _scaled(scaled: Any, x: Any, y: Any, options: dict[str, Any]) -> Tensor | None:
    """The sum in place of two floating tensors of one kind, one of them scaled; None for others."""
    kind = getattr(y, "_kind", None)
    if len(options) > 1 or kind is not x._kind or kind.dtype.category < FLOAT:
        return None
    into = scaled.operation.into[True, True]
    return into(x, y, (), (options["alpha"],))  # type: ignore[no-any-return]


def _added(self: Tensor, other: Any, *, alpha: Any = 1) -> tuple:
    if alpha.__class__ is int and alpha == 1:
        return plus, (self, other), (), ()
    check_alpha(self, other, alpha)
    return (
        (plus, (self, other), (), ()) if alpha == 1 else (add_scaled, (self, other), (), (alpha,))
    )


def _subtracted(self: Tensor, other: Any, *, alpha: Any = 1) -> tuple:
    check_bool("sub", self, other)
    check_alpha(self, other, alpha)
    return (
        (minus, (self, other), (), ()) if alpha == 1 else (sub_scaled, (self, other), (), (alpha,))
    )


def _divided(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> tuple:
    if rounding_mode is not None:
        check_zero(self, other)
    return rounded(rounding_mode), (self, other), (), ()


def _modulo_of(operation: Any) -> Any:
    def choose(self: Tensor, other: Any) -> tuple:
        check_zero(self, other)
        return operation, (self, other), (), ()

    return choose


def _raised(self: Tensor, exponent: Any) -> tuple:
    cheap = cheaper(self, exponent)
    if cheap is not None:
        return cheap, (self,), (), ()
    check_exponent(self, exponent)
    return power, (self, exponent), (), ()


for _name, _function, _chosen in (
    ("add", add, _added),
    ("sub", sub, _subtracted),
    ("subtract", sub, _subtracted),
    ("div", div, _divided),
    ("divide", div, _divided),
    ("true_divide", true_divide, _divided),
    ("remainder", remainder, _modulo_of(remainder_)),
    ("fmod", fmod, _modulo_of(fmod_)),
    ("pow", pow, _raised),
    (
        "floor_divide",
        floor_divide,
        lambda self, other: _divided(self, other, rounding_mode="floor"),
    ),
):
    _written(_name, _function, _chosen)


def _operator(name: str, operation: Any, guard: Any = None) -> None:
    """A Python operator and its reflection."""
    plain = operator(operation.operation)
    swapped = reflected(operation.operation)
    if guard is not None:

        def checked(self: Any, other: Any, inner: Any = plain) -> Any:
            guard(self, other)
            return inner(self, other)

        def checked_swapped(self: Any, other: Any, inner: Any = swapped) -> Any:
            guard(other, self)
            return inner(self, other)

        plain, swapped = checked, checked_swapped
    operator_method(name, plain)
    operator_method(f"r{name}", swapped)


def _guard_minus(x: Any, y: Any) -> None:
    if (isinstance(x, bool) or (isinstance(x, Tensor) and x._kind.dtype.category == 0)) or (
        isinstance(y, bool) or (isinstance(y, Tensor) and y._kind.dtype.category == 0)
    ):
        check_bool("sub", x, y)


_operator("add", plus)
_operator("sub", minus, _guard_minus)
_operator("mul", mul)
_operator("truediv", quotient)
_operator("floordiv", quotient_floor, check_zero)
_operator("mod", remainder_, check_zero)
Tensor.__rdiv__ = Tensor.__rtruediv__  # type: ignore[attr-defined]  # PyTorch still has Python 2's name


def _in_place_operator(name: str, target: str) -> None:
    """A Python operator that writes. With an array it makes a new tensor, as without ``=``."""

    def operator(self: Tensor, other: Any) -> Tensor:
        try:
            return getattr(self, target)(other)
        except TypeError:
            if isinstance(other, np.ndarray) or operands_of(self, other) is None:
                return NotImplemented
            raise

    operator_method(f"i{name}", operator)


for _name, _target in {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "truediv": "div_",
    "floordiv": "floor_divide_",
    "mod": "remainder_",
    "pow": "pow_",
    "and": "bitwise_and_",
    "or": "bitwise_or_",
    "xor": "bitwise_xor_",
    "lshift": "bitwise_left_shift_",
    "rshift": "bitwise_right_shift_",
}.items():
    _in_place_operator(_name, _target)
