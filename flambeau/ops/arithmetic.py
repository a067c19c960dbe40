"""Arithmetic, and Python's operators on tensors."""

from __future__ import annotations

from typing import Any

from ..core.promotion import PromotionKind
from ..core.tensor import Tensor
from ..formula import primitive as p
from ..formula.expression import Domain, Expression
from .define import binary, pointwise
from .registry import method, public

FLOAT = PromotionKind.INT_TO_FLOAT


@pointwise(label="Add", method=False, inplace=False)
def plus(x: Expression, y: Expression) -> Expression:
    """The sum of two operands: what the operator + does (`add` has alpha too)."""
    return x + y


@pointwise(label="Sub", method=False, inplace=False)
def minus(x: Expression, y: Expression) -> Expression:
    """The difference of two operands: what the operator - does."""
    return x - y


@pointwise(label="Add", method=False, inplace=False)
def add_scaled(x: Expression, y: Expression, alpha: float = 1) -> Expression:
    """x + alpha y."""
    return x + y * alpha


@pointwise(label="Sub", method=False, inplace=False)
def sub_scaled(x: Expression, y: Expression, alpha: float = 1) -> Expression:
    """x - alpha y."""
    return x - y * alpha


@pointwise(also="multiply", method="mul multiply")
def mul(x: Expression, y: Expression) -> Expression:
    """The product, element by element.

    Source: torch.mul

    Example:
        >>> import flambeau as torch
        >>> torch.mul(torch.tensor([1., 2.]), 3)
        tensor([3., 6.])
    """
    return x * y


@pointwise(kind=FLOAT, label="Div", method=False, inplace=False)
def quotient(x: Expression, y: Expression) -> Expression:
    """The quotient; integers are divided as floats."""
    return x / y


@pointwise(label="Div", method=False, inplace=False)
def quotient_floor(x: Expression, y: Expression) -> Expression:
    """The quotient, rounded down."""
    return p.floor_divide(x, y)


@pointwise(label="Div", method=False, inplace=False)
def quotient_trunc(x: Expression, y: Expression) -> Expression:
    """The quotient, rounded towards zero."""
    if x.domain < Domain.REAL:
        down = p.floor_divide(x, y)
        return down + p.where(p.logical_and(p.less(down, 0), p.not_equal(down * y, x)), 1, 0)
    return p.trunc(x / y)


def _check_bool(name: str, x: Any, y: Any) -> None:
    """Raises RuntimeError for - on bools."""
    bools = [
        isinstance(v, bool) or (isinstance(v, Tensor) and v.dtype.category == 0) for v in (x, y)
    ]
    if all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


def _check_zero(x: Any, y: Any) -> None:
    """Raises RuntimeError where an integer is divided by zero."""
    whole = [isinstance(v, int) or (isinstance(v, Tensor) and v.dtype.category < 2) for v in (x, y)]
    if all(whole) and (y == 0 if isinstance(y, int) else not y._array.all()):
        raise RuntimeError("ZeroDivisionError")


def _alpha(x: Any, y: Any, alpha: Any) -> None:
    """Raises RuntimeError where alpha would be rounded."""
    whole = [
        not isinstance(v, (float, complex))
        and not (isinstance(v, Tensor) and v.dtype.category >= 2)
        for v in (x, y)
    ]
    if all(whole) and isinstance(alpha, float):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if isinstance(alpha, bool) and not all(
        isinstance(v, bool) or (isinstance(v, Tensor) and v.dtype.category == 0) for v in (x, y)
    ):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")


@public()
def add(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input + alpha other.

    Source: torch.add
    """
    if alpha.__class__ is int and alpha == 1:
        return plus(input, other) if out is None else plus(input, other, out=out)
    _alpha(input, other, alpha)
    return add_scaled(input, other, alpha=alpha, out=out)


@public("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input - alpha other.

    Source: torch.sub
    """
    _check_bool("sub", input, other)
    _alpha(input, other, alpha)
    if alpha.__class__ is int and alpha == 1:
        return minus(input, other) if out is None else minus(input, other, out=out)
    return sub_scaled(input, other, alpha=alpha, out=out)


@public(method=True)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha input.

    Source: torch.rsub
    """
    return sub(other, input, alpha=alpha)


def _rounded(rounding_mode: str | None) -> Any:
    if rounding_mode not in (None, "floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return {None: quotient, "floor": quotient_floor, "trunc": quotient_trunc}[rounding_mode]


@public("div", "divide")
def div(
    input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """The quotient; whole numbers with rounding_mode "floor" or "trunc".

    Raises:
        RuntimeError: An integer is divided by zero with a rounding mode.

    Source: torch.div
    """
    operation = _rounded(rounding_mode)
    if rounding_mode is not None:
        _check_zero(input, other)
    return operation(input, other, out=out)


@public("true_divide", method="true_divide")
def true_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The quotient.

    Source: torch.true_divide
    """
    return quotient(input, other, out=out)


@public(method=True)
def floor_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The quotient, rounded down.

    Source: torch.floor_divide
    """
    return div(input, other, rounding_mode="floor", out=out)


@pointwise(label="Remainder", method=False, inplace=False)
def remainder_(x: Expression, y: Expression) -> Expression:
    """x modulo y, with the sign of y."""
    return p.remainder(x, y)


@pointwise(label="Fmod", method=False, inplace=False)
def fmod_(x: Expression, y: Expression) -> Expression:
    """x modulo y, with the sign of x."""
    return p.fmod(x, y)


def _modulo(name: str, operation: Any, sign: str) -> Any:
    def function(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        _check_zero(input, other)
        return operation(input, other, out=out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"What division leaves, with the sign of {sign}.\n\n    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


remainder, fmod = (
    _modulo("remainder", remainder_, "the divisor"),
    _modulo("fmod", fmod_, "the dividend"),
)


@pointwise(label="Pow", kind=PromotionKind.BOOL_TO_LONG, method=False, inplace=False)
def power(x: Expression, y: Expression) -> Expression:
    """x to the power of y."""
    return p.power(x, y)


@pointwise(label="Pow", method=False, inplace=False, static="exponent")
def power_static(x: Expression, exponent: float = 2) -> Expression:
    """x to the power of a number that cheaper functions compute."""
    return p.power(x, exponent)


CHEAP = frozenset((2, 3, 0.5, 1, -1, -0.5, -2))


@public(method="pow __pow__")
def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent; either may be a number.

    Raises:
        RuntimeError: Integers are raised to a negative number.

    Source: torch.pow
    """
    if exponent.__class__ in (int, float):
        if (
            exponent in CHEAP
            and isinstance(input, Tensor)
            and input.dtype.category >= 2
            and not (input._kind.overridden)
        ):
            return power_static.operation.general((input,), (exponent,), (), out)
        if (
            isinstance(exponent, int)
            and exponent < 0
            and isinstance(input, Tensor)
            and input.dtype.category == 1
        ):
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return power(input, exponent, out=out)


@method()
def __rpow__(self: Tensor, other: Any) -> Tensor:
    return pow(other, self)


@method()
def __ipow__(self: Tensor, other: Any) -> Tensor:
    return self.pow_(other)  # type: ignore[attr-defined]


@public(method=True)
def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`pow` in float64 (or complex128).

    Source: torch.float_power
    """
    from ..core.dtype import complex128, float64

    def wide(x: Any) -> Any:
        return x.to(complex128 if x.dtype.is_complex else float64) if isinstance(x, Tensor) else x

    return pow(wide(input), wide(exponent), out=out)


def _written(name: str, function: Any, operation_of: Any) -> None:
    """The in-place method of a function that chooses among operations."""

    def in_place(self: Tensor, *args: Any, **options: Any) -> Tensor:
        operation, operands, statics, numbers = operation_of(self, *args, **options)
        return operation.operation.general(operands, statics, numbers, None, True)

    in_place.__name__ = in_place.__qualname__ = name + "_"
    in_place.__doc__ = f"The in-place form of `{name}`.\n\n    Source: torch.Tensor.{name}_\n    "
    method(name + "_")(in_place)
    method(name)(function)


def _added(self: Tensor, other: Any, *, alpha: Any = 1) -> tuple:
    _alpha(self, other, alpha)
    return (
        (plus, (self, other), (), ()) if alpha == 1 else (add_scaled, (self, other), (), (alpha,))
    )


def _subtracted(self: Tensor, other: Any, *, alpha: Any = 1) -> tuple:
    _check_bool("sub", self, other)
    _alpha(self, other, alpha)
    return (
        (minus, (self, other), (), ()) if alpha == 1 else (sub_scaled, (self, other), (), (alpha,))
    )


def _divided(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> tuple:
    if rounding_mode is not None:
        _check_zero(self, other)
    return _rounded(rounding_mode), (self, other), (), ()


def _modulo_of(operation: Any) -> Any:
    def choose(self: Tensor, other: Any) -> tuple:
        _check_zero(self, other)
        return operation, (self, other), (), ()

    return choose


def _raised(self: Tensor, exponent: Any) -> tuple:
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
    plain = binary(operation.operation, operator=True)
    swapped = binary(operation.operation, operator=True, swapped=True)
    if guard is not None:

        def checked(self: Any, other: Any, inner: Any = plain) -> Any:
            guard(self, other)
            return inner(self, other)

        def checked_swapped(self: Any, other: Any, inner: Any = swapped) -> Any:
            guard(other, self)
            return inner(self, other)

        plain, swapped = checked, checked_swapped
    setattr(Tensor, f"__{name}__", plain)
    setattr(Tensor, f"__r{name}__", swapped)


def _guard_minus(x: Any, y: Any) -> None:
    if (isinstance(x, bool) or (isinstance(x, Tensor) and x._kind.dtype.category == 0)) or (
        isinstance(y, bool) or (isinstance(y, Tensor) and y._kind.dtype.category == 0)
    ):
        _check_bool("sub", x, y)


_operator("add", plus)
_operator("sub", minus, _guard_minus)
_operator("mul", mul)
_operator("truediv", quotient)
_operator("floordiv", quotient_floor, _check_zero)
_operator("mod", remainder_, _check_zero)


def _in_place_operator(name: str, target: str) -> None:
    def operator(self: Tensor, other: Any) -> Tensor:
        return getattr(self, target)(other)

    operator.__name__ = f"__i{name}__"
    setattr(Tensor, f"__i{name}__", operator)


for _name, _target in {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "truediv": "div_",
    "floordiv": "floor_divide_",
    "mod": "remainder_",
}.items():
    _in_place_operator(_name, _target)


@pointwise(also="negative", method="neg negative __neg__")
def neg(x: Expression) -> Expression:
    """-x.

    Source: torch.neg
    """
    return -x


@pointwise(kind=FLOAT, method="reciprocal")
def reciprocal(x: Expression) -> Expression:
    """1 / x.

    Source: torch.reciprocal
    """
    return p.reciprocal(x)


@pointwise(label="Pow", kind=PromotionKind.BOOL_TO_LONG)
def square(x: Expression) -> Expression:
    """x * x.

    Source: torch.square
    """
    return p.square(x)


@pointwise(kind=PromotionKind.COMPLEX_TO_FLOAT, also="absolute", method="abs absolute __abs__")
def abs(x: Expression) -> Expression:
    """The magnitude.

    Source: torch.abs
    """
    return p.absolute(x)


@public(method="positive __pos__")
def positive(input: Tensor) -> Tensor:
    """The input itself.

    Raises:
        RuntimeError: It is bool.

    Source: torch.positive
    """
    if input.dtype.category == 0:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@pointwise(names="input tensor1 tensor2")
def addcmul(x: Expression, y: Expression, z: Expression, value: float = 1) -> Expression:
    """input + value tensor1 tensor2.

    Source: torch.addcmul
    """
    return x + value * y * z


@pointwise(names="input tensor1 tensor2")
def addcdiv(x: Expression, y: Expression, z: Expression, value: float = 1) -> Expression:
    """input + value tensor1 / tensor2.

    Source: torch.addcdiv
    """
    return x + value * y / z


@pointwise(names="input end weight")
def lerp(x: Expression, y: Expression, w: Expression) -> Expression:
    """start + weight (end - start).

    Source: torch.lerp
    """
    return p.where(p.less(p.absolute(w), 0.5), x + w * (y - x), y - (y - x) * (1 - w))


@pointwise
def hypot(x: Expression, y: Expression) -> Expression:
    """sqrt(x^2 + y^2), without overflow.

    Source: torch.hypot
    """
    return p.hypot(x, y)


@pointwise(kind=FLOAT)
def copysign(x: Expression, y: Expression) -> Expression:
    """x with the sign of y.

    Source: torch.copysign
    """
    return p.copysign(x, y)


@pointwise
def nextafter(x: Expression, y: Expression) -> Expression:
    """The next number from x towards y.

    Source: torch.nextafter
    """
    return p.nextafter(x, y)


@pointwise(names="input values")
def heaviside(x: Expression, y: Expression) -> Expression:
    """0 below zero, 1 above, and `values` at zero.

    Source: torch.heaviside
    """
    return p.heaviside(x, y)


@pointwise
def gcd(x: Expression, y: Expression) -> Expression:
    """The greatest common divisor.

    Source: torch.gcd
    """
    return p.gcd(x, y)


@pointwise
def lcm(x: Expression, y: Expression) -> Expression:
    """The least common multiple.

    Source: torch.lcm
    """
    return p.lcm(x, y)
