"""Comparisons, logic, bits, and choosing: where, clamp, maximum."""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from ...core.dtype import FLOAT, INTEGER, bool_, uint8
from ...core.number import converted
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor, class_name
from ...dispatch.formula.formula_operation import Operand as operand
from ...dispatch.formula.pointwise import operator, pointwise, reflected
from ...dispatch.registry import method, operator_method, public
from ...formula import primitive as p
from ...formula.expression import Domain, Expression
from ..create.full import full_like
from .rounding import real_only

BOOL = PromotionKind.ALWAYS_BOOL


class _Two:
    """An operation of two operands that is one primitive: which, its other name, and what it says."""

    def __init__(
        self,
        primitive: Any,
        meaning: str,
        alias: str = "",
        kind: PromotionKind = PromotionKind.DEFAULT,
        numbers: str | None = "",
        unsupported: str = "",
        inplace: bool = True,
    ):
        self.primitive, self.meaning, self.alias, self.kind = primitive, meaning, alias, kind
        self.numbers, self.unsupported, self.inplace = numbers, unsupported, inplace


def _ordered(primitive: Any, meaning: str, alias: str = "", unsupported: str = "complex") -> _Two:
    return _Two(primitive, meaning, alias, BOOL, "y", unsupported)


def _extreme(primitive: Any, meaning: str) -> _Two:
    return _Two(primitive, meaning, inplace=False)


def _bits(primitive: Any, meaning: str, unsupported: str = "float complex") -> _Two:
    return _Two(primitive, meaning, numbers=None, unsupported=unsupported)


_TWO = {
    "eq": _ordered(p.equal, "Is x equal to y?", unsupported=""),
    "ne": _ordered(p.not_equal, "Is x different from y?", "not_equal", ""),
    "lt": _ordered(p.less, "Is x less than y?", "less"),
    "le": _ordered(p.less_equal, "Is x less than or equal to y?", "less_equal"),
    "gt": _ordered(p.greater, "Is x greater than y?", "greater"),
    "ge": _ordered(p.greater_equal, "Is x greater than or equal to y?", "greater_equal"),
    "logical_and": _Two(p.logical_and, "Are both true?", kind=BOOL),
    "logical_or": _Two(p.logical_or, "Is one true?", kind=BOOL),
    "logical_xor": _Two(p.logical_xor, "Is just one true?", kind=BOOL),
    "bitwise_and": _bits(p.bitwise_and, "The bits that both have."),
    "bitwise_or": _bits(p.bitwise_or, "The bits that one has."),
    "bitwise_xor": _bits(p.bitwise_xor, "The bits that just one has."),
    "bitwise_left_shift": _bits(p.left_shift, "x 2^y of integers.", "bool float complex"),
    "bitwise_right_shift": _bits(
        p.right_shift, "x / 2^y of integers, rounded down.", "bool float complex"
    ),
    "maximum": _extreme(p.maximum, "The larger; nan if one is."),
    "minimum": _extreme(p.minimum, "The smaller; nan if one is."),
    "fmax": _extreme(p.fmax, "The larger; a number rather than nan."),
    "fmin": _extreme(p.fmin, "The smaller; a number rather than nan."),
}


def _two(name: str, entry: _Two) -> Any:
    def formula(x, y):  # type: ignore[no-untyped-def]
        if not entry.inplace:
            real_only(name, x, y)
        return entry.primitive(x, y)

    formula.__name__ = name
    formula.__doc__ = f"{entry.meaning}\n\n    Source: torch.{name}\n    "
    function = pointwise(
        kind=entry.kind,
        also=entry.alias,
        method=f"{name} {entry.alias}",
        inplace=entry.inplace,
        numbers=entry.numbers,
        unsupported=entry.unsupported,
    )(formula)
    return function


_functions = {name: _two(name, entry) for name, entry in _TWO.items()}
eq, ne, lt, le, gt, ge = (_functions[name] for name in ("eq", "ne", "lt", "le", "gt", "ge"))
maximum, minimum = _functions["maximum"], _functions["minimum"]
logical_and, logical_or = _functions["logical_and"], _functions["logical_or"]

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    operator_method(_name, operator(_functions[_name].operation))
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]
for _name, _owner in {
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}.items():
    operator_method(_name, operator(_functions[_owner].operation))
    operator_method(f"r{_name}", reflected(_functions[_owner].operation))

_ONE: dict[str, tuple[Any, str]] = {
    "isnan": (p.isnan, "Is it nan?"),
    "isinf": (p.isinf, "Is it infinite?"),
    "isfinite": (p.isfinite, "Is it neither infinite nor nan?"),
    "signbit": (p.signbit, "Is its sign bit set?"),
    "logical_not": (p.logical_not, "Is it zero?"),
}


def _one(name: str, primitive: Any, doc: str) -> Any:
    def formula(x):  # type: ignore[no-untyped-def]
        if name == "signbit" and x.domain < Domain.REAL:
            return x < 0
        return primitive(x)

    formula.__name__ = name
    formula.__doc__ = f"{doc}\n\n    Source: torch.{name}\n    "
    unsupported = "complex" if name == "signbit" else ""
    return pointwise(kind=BOOL, inplace=name == "logical_not", unsupported=unsupported)(formula)


isnan, isinf, isfinite, signbit, logical_not = (_one(name, *entry) for name, entry in _ONE.items())


@pointwise(method="bitwise_not __invert__", unsupported="float complex")
def bitwise_not(x: Expression) -> Expression:
    """The bits it does not have; of bools: not.

    Source: torch.bitwise_not
    """
    return p.bitwise_not(x)


def _no_complex(name: str, input: Tensor) -> None:
    if input.dtype.is_complex:
        raise RuntimeError(f"{name} does not support complex inputs: take .real or .imag first")


@public(method=True)
def isreal(input: Tensor) -> Tensor:
    """Is the imaginary part zero?

    Source: torch.isreal
    """
    if input.dtype.is_complex:
        return eq(input.imag, 0)  # type: ignore[attr-defined]
    return full_like(input, True, dtype=bool_)


@public(method=True)
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it +inf?

    Source: torch.isposinf
    """
    _no_complex("isposinf", input)
    if out is None and input.dtype.category < FLOAT:
        return full_like(input, False, dtype=bool_)
    return eq(input, math.inf) if out is None else eq(input, math.inf, out=out)


@public(method=True)
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it -inf?

    Source: torch.isneginf
    """
    _no_complex("isneginf", input)
    if out is None and input.dtype.category < FLOAT:
        return full_like(input, False, dtype=bool_)
    return eq(input, -math.inf) if out is None else eq(input, -math.inf, out=out)


@public(method=True)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Is |input - other| <= atol + rtol |other|?

    Source: torch.isclose
    """
    operands: dict[str, Any] = {"input": input, "other": other}
    for name, x in operands.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"isclose(): argument '{name}' must be Tensor, not {class_name(x)}")
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{input.dtype} did not match {other.dtype}: isclose compares tensors of one dtype"
        )
    near = eq(input, other)
    if equal_nan and input.dtype.category >= FLOAT:
        near = near | (isnan(input) & isnan(other))
    if rtol == 0 and atol == 0:
        return near
    wide = other if other.dtype.category >= FLOAT else other.to(_default())
    distance = (input.to(wide.dtype) - wide).abs()
    return near | (isfinite(distance) & (distance <= atol + rtol * wide.abs()))


def _default() -> Any:
    from ...core.dtype import state

    return state.default


@public(method=True)
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Are all elements close (see `isclose`)?

    Source: torch.allclose
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@public(method=True)
def equal(input: Tensor, other: Tensor) -> bool:
    """Have the tensors one shape, and equal elements?

    Raises:
        TypeError: The second is no tensor.
        RuntimeError: It is on another device.

    Source: torch.equal
    """
    if not isinstance(other, Tensor):
        raise TypeError(
            f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    input._kind.check_elements("equal")
    if input._kind.device is not other._kind.device:
        raise RuntimeError(
            f"Cannot compare two tensors on different devices. Got: {input.device} and {other.device}: move one with "
            f".to({str(input.device)!r})"
        )
    if input._array.shape != other._array.shape:
        return False
    spec = eq.operation.same.get(input._kind)
    if spec is not None and input._array.size <= _FEW and input._kind is other._kind:
        answers = spec.run(input._array, other._array)
        if answers.__class__ is ndarray:
            return 0 not in answers.tobytes()
    if input._kind.device.type == "cpu":
        if input._kind.dtype.category < FLOAT and _is_same(input._array, other._array):
            return True
        return _equal_arrays(input._array, other._array)
    with input._kind.backend.on(input._kind.device.index):
        return bool((input._array == other._array).all())


_FEW = 1 << 10
"""Elements whose answers Python looks through sooner than NumPy."""


BLOCK = 1 << 16
"""Elements that are compared before it is asked whether all were equal."""


def _is_same(x: Any, y: Any) -> bool:
    """Do two arrays of one shape show the same elements of memory?"""
    return x is y or (
        x.__array_interface__["data"] == y.__array_interface__["data"]
        and (x.strides, x.dtype) == (y.strides, y.dtype)
    )


def _equal_arrays(x: Any, y: Any) -> bool:
    """Are all elements equal? A few are compared first: what differs does so mostly at once."""
    if x.size <= BLOCK or x.ndim == 0:
        return bool((x == y).all())
    rows, done = max(1, BLOCK // (x.size // len(x))), 0
    count = max(1, rows >> 6)
    while done < len(x):
        if not (x[done : done + count] == y[done : done + count]).all():
            return False
        done, count = done + count, rows
    return True


@pointwise(
    not_promoted="condition",
    names="condition input other",
    label="Where",
    method=False,
    inplace=False,
    namespace="",
)
def choose(condition: Expression, x: Expression, y: Expression) -> Expression:
    """x where the condition holds, else y."""
    return p.where(condition, x, y)


_ALL = (True, True, True)


@public()
def where(
    condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None
) -> Any:
    """input where the condition holds, else other; with the condition alone, where it holds.

    Raises:
        RuntimeError: The condition is not bool.

    Source: torch.where

    Example:
        >>> import flambeau as torch
        >>> torch.where(torch.tensor([True, False]), 1., 2.)
        tensor([1., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)  # type: ignore[attr-defined]
    if condition.dtype is not bool_:
        if condition.dtype is not uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition.dtype}"
            )
        condition = condition.bool()  # type: ignore[attr-defined]
    if out is not None:
        return choose(condition, input, other, out=out)
    return choose.operation.fast[_ALL](condition, input, other, (), ())


@method("where")
def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This where the condition holds, else other."""
    return where(condition, self, other)


@pointwise(label="Clamp", method=False, inplace=False, numbers="min max", unsupported="complex")
def clamp_(x: Expression, min: operand = None, max: operand = None) -> Expression:  # type: ignore[assignment]
    """x held between min and max. At a bound the gradient is the input's, as PyTorch's is."""
    y = x if min is None else p.at_least(x, min)
    return y if max is None else p.at_most(y, max)


_held, _held_in_place = clamp_.operation.fast, clamp_.operation.into


def _bounds(input: Tensor, min: Any, max: Any) -> None:
    """Raises RuntimeError where there is no bound, or an integer that the input's dtype cannot hold."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for bound in (min, max):
        if bound.__class__ is int and isinstance(input, Tensor):
            dtype = input._kind.dtype
            if dtype.category == INTEGER:
                converted(bound, dtype)


def _must_ask(min: Any, max: Any) -> bool:
    """Are there bounds that `_bounds` has something to say about?"""
    return min.__class__ is int or max.__class__ is int or (min is None and max is None)


def _in_place(input: Tensor, min: Any, max: Any) -> Tensor:
    if _must_ask(min, max):
        _bounds(input, min, max)
    return _held_in_place[True, min is not None, max is not None](input, min, max, (), ())


@public("clamp", "clip", method="clamp clip")
def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The input held between min and max (numbers or tensors).

    Raises:
        RuntimeError: Neither is given, or an integer tensor's dtype cannot hold an integer bound.

    Source: torch.clamp
    """
    if _must_ask(min, max):
        _bounds(input, min, max)
    if out is not None:
        return clamp_(input, min, max, out=out)
    return _held[True, min is not None, max is not None](input, min, max, (), ())


@method("clamp_", "clip_")
def clamp_in_place(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """The in-place form of `clamp`."""
    return _in_place(self, min, max)


@public(method=True)
def clamp_min(input: Tensor, min: Any, *, out: Tensor | None = None) -> Tensor:
    """The input, at least min.

    Source: torch.clamp_min
    """
    return clamp(input, min, out=out)


@public(method=True)
def clamp_max(input: Tensor, max: Any, *, out: Tensor | None = None) -> Tensor:
    """The input, at most max.

    Source: torch.clamp_max
    """
    return clamp(input, None, max, out=out)


@method("clamp_min_")
def _clamp_min_in_place(self: Tensor, min: Any) -> Tensor:
    """The in-place form of `clamp_min`."""
    return _in_place(self, min, None)


@method("clamp_max_")
def _clamp_max_in_place(self: Tensor, max: Any) -> Tensor:
    """The in-place form of `clamp_max`."""
    return _in_place(self, None, max)
