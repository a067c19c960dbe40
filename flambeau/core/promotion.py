"""Type promotion: which type an operation computes in and answers with.

Operands are weighed in three groups: tensors with dimensions, 0-d tensors, Python numbers. A later
group only matters where its category (bool < integer < float < complex) is above all before it, so
`half_tensor * 2.5` stays half and `int_tensor * 2.5` becomes the default floating type.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

from .dtype import BOOL, BY_NUMPY, COMPLEX, DTYPES, FLOAT, INTEGER, bool_, dtype, int64, state


class _Promoted(dict[tuple[dtype, dtype], dtype]):
    """{(a, b): their promoted type}, each worked out when first asked for."""

    def __missing__(self, pair: tuple[dtype, dtype]) -> dtype:
        a, b = pair
        high = max(a.category, b.category)
        if a is not b and (a.is_alone or b.is_alone):
            raise RuntimeError(
                f"Promotion for Float8 Types is not supported, attempted to promote {a.legacy} and "
                f"{b.legacy}; convert an operand first, as in x.to(torch.float32)"
            )
        if a is not b and high != FLOAT and (a.is_barebones or b.is_barebones):
            raise RuntimeError(
                f"Promotion for uint16, uint32, uint64 types is not supported, attempted to "
                f"promote {a.legacy} and {b.legacy}; convert an operand first, as in x.to({a})"
            )
        self[pair] = promoted = _joined(*pair)
        return promoted


def _joined(a: dtype, b: dtype) -> dtype:
    """The type of the greater category, or of one category the smallest that holds both."""
    if COMPLEX in (a.category, b.category):
        return PROMOTED[a.to_real(), b.to_real()].to_complex() if a is not b else a
    if a.category != b.category:
        return max(a, b, key=lambda item: item.category)
    if _holds(a, b) or _holds(b, a):
        return a if _holds(a, b) else b
    wider = (item for item in DTYPES.values() if _holds(item, a) and _holds(item, b))
    return min(wider, key=lambda item: item.itemsize)


def _holds(a: dtype, b: dtype) -> bool:
    """Whether a type has all numbers of another one of its category."""
    if a.category != b.category:
        return False
    if a.category == INTEGER:
        return a.itemsize >= b.itemsize + (a.is_signed and not b.is_signed) and (
            a.is_signed or not b.is_signed
        )
    return a.fraction >= b.fraction and a.largest >= b.largest


PROMOTED = _Promoted()
"""`PROMOTED[a, b]` is `promote_types(a, b)` without a Python call or checks."""


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds the values of both.

    Args:
        type1: One type.
        type2: The other.

    Raises:
        TypeError: An argument is no dtype.
        RuntimeError: One is uint16, uint32 or uint64, and the other is neither that nor floating.

    Source: torch.promote_types

    Example:
        >>> import flambeau as torch
        >>> torch.promote_types(torch.int32, torch.float16)
        torch.float16
    """
    _check("promote_types", type1=type1, type2=type2)
    return PROMOTED[type1, type2]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of one type may be stored as the other, in place or by `out=`.

    It may unless the category falls: complex to real, floating to integer, number to bool.

    Args:
        from_: The type of the result.
        to: The type of the store.

    Raises:
        TypeError: An argument is no dtype.

    Source: torch.can_cast

    Example:
        >>> import flambeau as torch
        >>> torch.can_cast(torch.float64, torch.float16), torch.can_cast(torch.float32, torch.int64)
        (True, False)
    """
    _check("can_cast", from_=from_, to=to)
    return from_.category <= to.category


def check_cast(result: dtype, target: dtype) -> None:
    """Raises RuntimeError unless a result may be stored as the target's type (see `can_cast`)."""
    if not can_cast(result, target):
        error = RuntimeError(
            f"result type {result.legacy} can't be cast to the desired output type {target.legacy}"
        )
        error.add_note(f"Use the out-of-place form, or convert the target: x.to({result})")
        raise error


def _check(function: str, **arguments: Any) -> None:
    for position, (name, value) in enumerate(arguments.items(), 1):
        if not isinstance(value, dtype):
            raise TypeError(
                f"{function}(): argument {name!r} (position {position}) must be torch.dtype, "
                f"not {type(value).__name__}; pass one such as torch.float32"
            )


def number_dtype(number: Any) -> dtype:
    """The type that a Python (or NumPy) number stands for: bool, int64 or the default types.

    Raises:
        TypeError: It is no number.
    """
    kind = type(number)
    if kind is float:
        return state.default
    if kind is bool:
        return bool_
    if isinstance(number, int):
        return int64
    if isinstance(number, np.generic):
        return (bool_, int64, state.default, state.default_complex)[BY_NUMPY[number.dtype].category]
    if isinstance(number, float):
        return state.default
    if isinstance(number, complex):
        return state.default_complex
    raise TypeError(f"expected a number (bool, int, float or complex), got {kind.__name__}")


def result_dtype(
    dimensioned: Iterable[dtype], zero_dim: Iterable[dtype] = (), numbers: Iterable[Any] = ()
) -> dtype:
    """The common type of an operation's operands.

    Args:
        dimensioned: The types of the tensors with at least one dimension.
        zero_dim: The types of the 0-d tensors.
        numbers: The Python numbers.

    Raises:
        RuntimeError: Two of the types do not promote (see `promote_types`).
        TypeError: There are no operands, or a number is none.

    Source: torch.result_type, for any number of operands.
    """
    groups = (dimensioned, zero_dim, map(number_dtype, numbers))
    strongest = [reduce(_promote, group) for group in map(list, groups) if group]
    if not strongest:
        raise TypeError("result_type() needs at least one operand")
    return reduce(_outweigh, reversed(strongest))


def _promote(a: dtype, b: dtype) -> dtype:
    return PROMOTED[a, b]


def _outweigh(weak: dtype, strong: dtype) -> dtype:
    """The common type of two groups, of which the weak one counts by its category only."""
    if weak.category <= strong.category:
        return strong
    if strong.category == FLOAT:
        return strong.to_complex()
    if weak.is_alone or (strong.category == BOOL and weak.category == INTEGER):
        return PROMOTED[strong, weak]
    return weak


class PromotionKind(enum.Enum):
    """How an elementwise operation's types follow from the common type of its operands."""

    DEFAULT = "the common type; half types are computed in float32"
    NO_OPMATH = "the common type, half types included: operations that only move values"
    INT_TO_FLOAT = "bools and integers become the default floating type: sqrt, sin"
    ALWAYS_BOOL = "computed as by default, answered as bool: eq, isnan"
    COMPLEX_TO_FLOAT = "a complex type is answered by the type of its parts: abs"
    BOOL_TO_LONG = "bools become int64: sum, pow"


def elementwise_dtypes(kind: PromotionKind, common: dtype) -> tuple[dtype, dtype]:
    """The types in which an elementwise operation computes and answers.

    Args:
        kind: The operation's kind of promotion.
        common: The common type of its operands (see `result_dtype`).

    Returns:
        (compute type, result type)
    """
    if kind is PromotionKind.INT_TO_FLOAT and common.category < FLOAT:
        common = state.default
    elif kind is PromotionKind.BOOL_TO_LONG and common is bool_:
        common = int64
    compute = common if kind is PromotionKind.NO_OPMATH else BY_NUMPY[common.compute]
    if kind is PromotionKind.ALWAYS_BOOL:
        return compute, bool_
    if kind is PromotionKind.COMPLEX_TO_FLOAT:
        return compute, common.to_real()
    return compute, common
