"""Python's operators on tensors, and the in-place methods of functions that choose among operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.into import binary_into
from ...dispatch.formula.operand import operands_of
from ...dispatch.formula.pointwise import operator, reflected
from ...dispatch.names import ABSENT
from ...dispatch.registry import method, operator_method
from .arithmetic import (
    add,
    add_scaled,
    check_alpha,
    check_difference,
    minus,
    mul,
    plus,
    sub,
    sub_scaled,
)
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


def _written(name: str, function: Any, operation_of: Any, usual: Any, check: Any) -> None:
    """The in-place method of a function that chooses among operations.

    Args:
        operation_of: Chooses, and gives the operands and numbers too.
        usual: The operation that it chooses for any operand without options, if there is one, and
        check: what is to be asked of these.
    """
    write = None if usual is None else binary_into(usual.operation)
    scaled = add_scaled if name == "add" else sub_scaled if name == "sub" else None

    def in_place(self: Tensor, operand: Any = ABSENT, /, **options: Any) -> Tensor:
        if write is not None and not options and operand is not ABSENT:
            if check is not None:
                check(self, operand)
            return write(self, operand)  # type: ignore[no-any-return]
        given = () if operand is ABSENT else (operand,)
        if scaled is not None and given and options.get("alpha").__class__ is float:
            found = _scaled(scaled, self, operand, options)
            if found is not None:
                return found
        operation, operands, statics, numbers = operation_of(self, *given, **options)
        return operation.operation.write(operands, statics, numbers)  # type: ignore[no-any-return]

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
    check_difference(self, other)
    check_alpha(self, other, alpha)
    return (
        (minus, (self, other), (), ()) if alpha == 1 else (sub_scaled, (self, other), (), (alpha,))
    )


def _divided(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> tuple:
    if rounding_mode is not None:
        check_zero(self, other)
    return rounded(rounding_mode), (self, other), (), ()


def _chosen_of(operation: Any, check: Any) -> Any:
    def choose(self: Tensor, other: Any) -> tuple:
        check(self, other)
        return operation, (self, other), (), ()

    return choose


def _raised(self: Tensor, exponent: Any) -> tuple:
    cheap = cheaper(self, exponent)
    if cheap is not None:
        return cheap, (self,), (), ()
    check_exponent(self, exponent)
    return power, (self, exponent), (), ()


for _name, _function, _chosen, _usual, _check in (
    ("add", add, _added, plus, None),
    ("sub", sub, _subtracted, minus, check_difference),
    ("subtract", sub, _subtracted, minus, check_difference),
    ("div", div, _divided, quotient, None),
    ("divide", div, _divided, quotient, None),
    ("true_divide", true_divide, _divided, quotient, None),
    ("remainder", remainder, _chosen_of(remainder_, check_zero), remainder_, check_zero),
    ("fmod", fmod, _chosen_of(fmod_, check_zero), fmod_, check_zero),
    ("pow", pow, _raised, None, None),
    (
        "floor_divide",
        floor_divide,
        _chosen_of(quotient_floor, check_zero),
        quotient_floor,
        check_zero,
    ),
):
    _written(_name, _function, _chosen, _usual, _check)


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


_operator("add", plus)
_operator("sub", minus, check_difference)
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
