"""Sums, products and what is like them."""

from __future__ import annotations

from typing import Any

from ...core.dtype import FLOAT
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor, class_name
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula.expression import Domain, Expression


@pointwise(label="Add", method=False, inplace=False, numbers="*", namespace="")
def plus(x: Expression, y: Expression) -> Expression:
    """The sum of two operands: what the operator + does (`add` has alpha too)."""
    return x + y


@pointwise(label="Sub", method=False, inplace=False, numbers="*", namespace="")
def minus(x: Expression, y: Expression) -> Expression:
    """The difference of two operands: what the operator - does."""
    return x - y


@pointwise(label="Add", method=False, inplace=False, numbers="*", namespace="")
def add_scaled(x: Expression, y: Expression, alpha: complex = 1) -> Expression:
    """x + alpha y."""
    return x + y * alpha


@pointwise(label="Sub", method=False, inplace=False, numbers="*", namespace="")
def sub_scaled(x: Expression, y: Expression, alpha: complex = 1) -> Expression:
    """x - alpha y."""
    return x - y * alpha


@pointwise(also="multiply", method="mul multiply", numbers="*")
def mul(x: Expression, y: Expression) -> Expression:
    """The product, element by element.

    Source: torch.mul

    Example:
        >>> import flambeau as torch
        >>> torch.mul(torch.tensor([1., 2.]), 3)
        tensor([3., 6.])
    """
    return x * y


def _is_bool(x: Any) -> bool:
    return x._kind.dtype.category == 0 if isinstance(x, Tensor) else isinstance(x, bool)


_NO_BOOLS = frozenset((int, float))


def check_difference(x: Any, y: Any) -> None:
    """Raises NotImplementedError for - on bools."""
    plain = x.__class__ is Tensor and x._kind.dtype.category
    if plain and (y.__class__ in _NO_BOOLS or (y.__class__ is Tensor and y._kind.dtype.category)):
        return
    first, second = _is_bool(x), _is_bool(y)
    if first and second:
        raise NotImplementedError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if first or second:
        raise NotImplementedError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


def check_alpha(x: Any, y: Any, alpha: Any) -> None:
    """Raises RuntimeError where alpha would be rounded."""
    if alpha.__class__ is int:
        return
    whole = [
        not isinstance(v, (float, complex))
        and not (isinstance(v, Tensor) and v.dtype.category >= FLOAT)
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


_BOTH = (True, True)


@public()
def add(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input + alpha other.

    Source: torch.add
    """
    if alpha.__class__ is int and alpha == 1:
        if out is None:
            return plus(input, other)
        return plus.operation.give((input, other), (), (), out)
    check_alpha(input, other, alpha)
    if out is not None:
        return add_scaled(input, other, alpha=alpha, out=out)
    return add_scaled.operation.fast[_BOTH](input, other, (), (alpha,))  # type: ignore[attr-defined]


@public("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input - alpha other.

    Source: torch.sub
    """
    check_difference(input, other)
    if alpha.__class__ is int and alpha == 1:
        if out is None:
            return minus(input, other)
        return minus.operation.give((input, other), (), (), out)
    check_alpha(input, other, alpha)
    if out is not None:
        return sub_scaled(input, other, alpha=alpha, out=out)
    return sub_scaled.operation.fast[_BOTH](input, other, (), (alpha,))  # type: ignore[attr-defined]


@public()
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha input.

    Source: torch.rsub
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"rsub(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
        )
    return sub(other, input, alpha=alpha)


@pointwise(also="negative", method="neg negative __neg__")
def neg(x: Expression) -> Expression:
    """-x.

    Source: torch.neg
    """
    if x.domain == Domain.BOOL:
        raise NotImplementedError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return -x


@pointwise(
    kind=PromotionKind.COMPLEX_TO_FLOAT,
    also="absolute",
    method="abs absolute __abs__",
    unsupported="bool",
)
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


@pointwise(names="input tensor1 tensor2", numbers="")
def addcmul(x: Expression, y: Expression, z: Expression, value: complex = 1) -> Expression:
    """input + value tensor1 tensor2.

    Source: torch.addcmul
    """
    return x + value * y * z


@pointwise(names="input tensor1 tensor2", numbers="")
def addcdiv(x: Expression, y: Expression, z: Expression, value: complex = 1) -> Expression:
    """input + value tensor1 / tensor2.

    Source: torch.addcdiv
    """
    if max(y.domain, z.domain) < Domain.REAL:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported: write (input + value * "
            "torch.trunc(tensor1 / tensor2)).to(input.dtype), or convert to floating point"
        )
    return x + value * y / z


@pointwise(names="input end weight", numbers="w")
def lerp(x: Expression, y: Expression, w: Expression) -> Expression:
    """start + weight (end - start).

    Source: torch.lerp
    """
    return p.where(p.less(p.absolute(w), 0.5), x + w * (y - x), y - (y - x) * (1 - w))


@pointwise(numbers="", unsupported="bool float complex")
def gcd(x: Expression, y: Expression) -> Expression:
    """The greatest common divisor.

    Source: torch.gcd
    """
    return p.gcd(x, y)


@pointwise(numbers="", unsupported="bool float complex")
def lcm(x: Expression, y: Expression) -> Expression:
    """The least common multiple; one that the dtype cannot hold wraps, to its magnitude.

    Source: torch.lcm
    """
    return p.absolute(p.lcm(x, y))
