"""Functions of lists of tensors: ``torch._foreach_add(xs, ys)`` is ``(torch.add(x, y), ...)``.

Optimisers and gradient clipping of other packages are written with them. Each is made of the function of
one tensor: out of place it gives a tuple, in place the list that it was given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ...core.tensor import Tensor, wrap
from ...dispatch.registry import NAMESPACES, public
from . import together
from .arithmetic import minus, plus
from .division import quotient
from .power import power

Tensors = Sequence[Tensor]

UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg "
    "reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
)
SCALED = "add sub"
BINARY = "mul div clamp_max clamp_min"
SAME = {"maximum": "clamp_min", "minimum": "clamp_max"}
"""Those whose second operand may be a number too are written as another function of one tensor."""


def _checked(name: str, *lists: Any) -> None:
    """Raises TypeError or RuntimeError unless these are lists of tensors, of one length above 0."""
    for items in lists:
        if not isinstance(items, (list, tuple)) or len(items) != len(lists[0]):
            _refuse(name, lists)
        for x in items:
            if not isinstance(x, Tensor):
                _refuse(name, lists)
    if not lists[0]:
        raise RuntimeError("Tensor list must have at least one tensor.")


_LISTS: frozenset[Any] = frozenset((list, tuple))
_NUMBERS: frozenset[Any] = frozenset((int, float))


def _refuse(name: str, lists: Sequence[Any]) -> None:
    """Say what is wrong with the first list that `_checked` does not take."""
    for place, items in enumerate(lists):
        if not isinstance(items, (list, tuple)):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got {type(items).__name__} as "
                f"argument {place}, but a list of tensors is expected: put the tensor in a list"
            )
        for i, x in enumerate(items):
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"expected Tensor as element {i} in argument {place}, but got {type(x).__name__}"
                )
        if len(items) != len(lists[0]):
            raise RuntimeError(
                "Tensor lists must have the same number of tensors, got "
                f"{len(lists[0])} and {len(items)}"
            )


def _each(name: str, self: Any, other: Any) -> Iterable[Any]:
    """The second operand of each tensor: an item of a list of tensors or numbers, or the one given.

    Raises:
        RuntimeError: The lists differ in length, or a tensor that stands for a number has dimensions.
    """
    if isinstance(other, (list, tuple)):
        if other and not isinstance(other[0], Tensor):
            if len(other) != len(self):
                raise RuntimeError(
                    "Tensor list must have same number of elements as scalar list: "
                    f"got {len(self)} and {len(other)}"
                )
            return other
        _checked(name, self, other)
        return other
    if isinstance(other, Tensor):
        if other.ndim:
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {other.ndim} dimensions and "
                f"{other.numel()} elements: put it in a list of one tensor for each"
            )
    elif not isinstance(other, (int, float, complex)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(other).__name__}), but a "
            "list of tensors, a list of numbers, a number or a 0-d tensor is expected"
        )
    return [other] * len(self)


def _one_of(name: str, **given: Any) -> Any:
    """The one argument of several spellings that was given."""
    found = [value for value in given.values() if value is not None]
    if len(found) != 1:
        raise TypeError(
            f"{name}() takes one of {', '.join(given)} beside the tensors, got {len(found)} of them"
        )
    return found[0]


def _call(function: Callable, in_place: bool, *lists: Any, **options: Any) -> Any:
    """The function of the tensors at each place of the lists, which have one length."""
    if options:
        function = partial(function, **options)
    results = map(function, *lists)
    if not in_place:
        return tuple(results)
    deque(results, maxlen=0)
    return list(lists[0])


def _at_least(xp: Any, x: Any, y: Any) -> tuple:
    return (xp.at_least(x, y),)


def _at_most(xp: Any, x: Any, y: Any) -> tuple:
    return (xp.at_most(x, y),)


_CHOSEN = {
    "add": together.of_operation(plus),
    "sub": together.of_operation(minus),
    "div": together.of_operation(quotient),
    "pow": together.of_operation(power),
    "clamp_min": _at_least,
    "clamp_max": _at_most,
}
"""Formulas of functions that choose among operations."""


def _formula(name: str) -> Callable | None:
    """What the function of one tensor computes, as one kernel does it for a whole list; None if that is no formula."""
    name = SAME.get(name, name)
    found = _CHOSEN.get(name)
    if found is None and hasattr(NAMESPACES["torch"][name], "operation"):
        found = together.of_operation(NAMESPACES["torch"][name])
    return found


def _changed(formula: Callable | None, self: Any, *others: Any, **number: Any) -> bool:
    """Change all tensors at once, by lists of tensors or by one number for all. Was that done?"""
    if formula is None or self.__class__ not in _LISTS:
        return False
    lists = []
    for other in others:
        if other.__class__ in _LISTS:
            lists.append(other)
        elif other.__class__ is float or other.__class__ is int or isinstance(other, Tensor):
            number = {"y": other}
        else:
            return False
    return together.change(formula, self, *lists, **number)


def _forms(
    name: str,
    make: Callable[[str, Callable, Callable | None, bool], Callable],
    in_place: bool = True,
) -> None:
    """Register the function of lists, and the one that writes into the first list."""
    for suffix in ("", "_") if in_place else ("",):
        listed = f"_foreach_{name}{suffix}"
        single = SAME.get(name, name)
        one = getattr(Tensor, f"{single}_") if suffix else NAMESPACES["torch"][single]
        function = make(listed, one, _formula(name) if suffix else None, bool(suffix))
        function.__name__ = function.__qualname__ = listed
        function.__doc__ = (
            f"`torch.{name}` of each tensor of a list"
            + (", written into it" if suffix else "")
            + f".\n\n    Source: torch.{listed}\n    "
        )
        public(listed)(function)


def _unary(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(self: Tensors) -> Any:
        if in_place and _changed(formula, self):
            return list(self)
        _checked(listed, self)
        return _call(one, in_place, self)

    return function


def _scaled(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(
        self: Tensors, other: Any = None, *, scalar: Any = None, scalars: Any = None, alpha: Any = 1
    ) -> Any:
        if other is None or scalar is not None or scalars is not None:
            _checked(listed, self)
            other = _one_of(listed, other=other, scalar=scalar, scalars=scalars)
        if in_place and alpha == 1 and _changed(formula, self, other):
            return list(self)
        _checked(listed, self)
        others = _each(listed, self, other)
        if alpha == 1:
            return _call(one, in_place, self, others)
        return _call(one, in_place, self, others, alpha=alpha)

    return function


def _binary(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(
        self: Tensors, other: Any = None, *, scalar: Any = None, scalars: Any = None
    ) -> Any:
        if other is None or scalar is not None or scalars is not None:
            _checked(listed, self)
            other = _one_of(listed, other=other, scalar=scalar, scalars=scalars)
        if in_place and _changed(formula, self, other):
            return list(self)
        _checked(listed, self)
        others = _each(listed, self, other)
        return _call(one, in_place, self, others)

    return function


def _power(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(self: Any, exponent: Any) -> Any:
        if not isinstance(self, (list, tuple)) and not in_place:  # a number to the power of tensors
            _checked(listed, exponent)
            return _call(one, False, [self] * len(exponent), exponent)
        if in_place and exponent.__class__ in _LISTS and _changed(formula, self, exponent):
            return list(self)
        _checked(listed, self)
        return _call(one, in_place, self, _each(listed, self, exponent))

    return function


def _with_product(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(
        self: Tensors, tensor1: Tensors, tensor2: Tensors, value: Any = 1, *, scalars: Any = None
    ) -> Any:
        single = in_place and scalars is None and value.__class__ in _NUMBERS
        if single and _changed(formula, self, tensor1, tensor2, value=value):
            return list(self)
        _checked(listed, self, tensor1, tensor2)
        value = value if scalars is None else scalars
        if isinstance(value, Tensor):
            value = value.tolist()
        if value == 1:
            return _call(one, in_place, self, tensor1, tensor2)
        if not isinstance(value, (list, tuple)):
            return _call(one, in_place, self, tensor1, tensor2, value=value)
        if len(value) != len(self):
            raise RuntimeError(
                f"Expected length of scalars to match input of length {len(self)} but got {len(value)} "
                "instead."
            )
        return _call(
            lambda x, y, z, factor: one(x, y, z, value=factor), in_place, self, tensor1, tensor2, value
        )  # fmt: skip

    return function


def _interpolated(listed: str, one: Callable, formula: Callable | None, in_place: bool) -> Callable:
    def function(
        self: Tensors, tensors1: Tensors, weight: Any = None, *, weights: Any = None
    ) -> Any:
        if weight is None or weights is not None:
            weight = _one_of(listed, weight=weight, weights=weights)
        if in_place and weight.__class__ in _LISTS and _changed(formula, self, tensors1, weight):
            return list(self)
        if (
            in_place
            and weight.__class__ in _NUMBERS
            and _changed(formula, self, tensors1, w=weight)
        ):
            return list(self)
        _checked(listed, self, tensors1)
        return _call(one, in_place, self, tensors1, _each(listed, self, weight))

    return function


for _name in UNARY.split():
    _forms(_name, _unary)
for _name in SCALED.split():
    _forms(_name, _scaled)
for _name in (*BINARY.split(), *SAME):
    _forms(_name, _binary)
for _name in ("addcmul", "addcdiv"):
    _forms(_name, _with_product)
_forms("pow", _power)
_forms("lerp", _interpolated)
_forms("clone", _unary, in_place=False)
_forms("max", _unary, in_place=False)


@public()
def _foreach_zero_(self: Tensors) -> Any:
    """Fill each tensor of a list with zeros.

    Source: torch._foreach_zero_
    """
    _checked("_foreach_zero_", self)
    return _call(Tensor.zero_, True, self)  # type: ignore[attr-defined]


@public()
def _foreach_copy_(self: Tensors, src: Tensors, non_blocking: bool = False) -> Any:
    """Copy the tensors of one list into those of another.

    Source: torch._foreach_copy_
    """
    _checked("_foreach_copy_", self, src)
    return _call(Tensor.copy_, True, self, src)  # type: ignore[attr-defined]


@public()
def _foreach_mm(self: Tensors, mat2: Tensors) -> Any:
    """The matrix products of the tensors of two lists.

    Source: torch._foreach_mm
    """
    _checked("_foreach_mm", self, mat2)
    return _call(NAMESPACES["torch"]["mm"], False, self, mat2)


@public()
def _foreach_norm(self: Tensors, ord: Any = 2, dtype: Any = None) -> Any:
    """The norm of each tensor of a list.

    Source: torch._foreach_norm
    """
    _checked("_foreach_norm", self)
    kind = self[0]._kind
    if dtype is None and all(together.is_plain(x, kind) for x in self):
        found = kind.backend.norms(kind.device.index, [x._array for x in self], float(ord))
        if found is not NotImplemented:
            return tuple(wrap(norm, kind) for norm in found)
    vector_norm = NAMESPACES["linalg"]["vector_norm"]
    return _call(lambda x: vector_norm(x, ord, dtype=dtype), False, self)


@public()
def _foreach_powsum(self: Tensors, ord: Any = 2, dtype: Any = None) -> Any:
    """The sum of the powers of absolute values, of each tensor of a list: a norm without its root.

    Source: torch._foreach_powsum
    """
    _checked("_foreach_powsum", self)
    torch = NAMESPACES["torch"]
    return _call(
        lambda x: torch["sum"](torch["pow"](torch["abs"](x), ord), dtype=dtype), False, self
    )


@public()
def _amp_foreach_non_finite_check_and_unscale_(
    self: Tensors, found_inf: Tensor, inv_scale: Tensor
) -> None:
    """Multiply tensors of one device in place; `found_inf` becomes 1 where an element is not finite, else stays.

    Nobody waits for what is found.

    Raises:
        TypeError: An argument is no list of tensors, or no tensor.
        RuntimeError: `found_inf` or `inv_scale` has more than one element, or the list has none.

    Source: torch._amp_foreach_non_finite_check_and_unscale_
    """
    name, torch = "_amp_foreach_non_finite_check_and_unscale_", NAMESPACES["torch"]
    _checked(name, self)
    for what, x in (("found_inf", found_inf), ("inv_scale", inv_scale)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument '{what}' must be Tensor, not {type(x).__name__}")
        if x._array.size != 1 or not x.is_floating_point():  # type: ignore[attr-defined]
            raise RuntimeError(
                f"{what} must be a 1-element float tensor, but it is {x.dtype} of {list(x.shape)}"
            )
    if not all(x.is_floating_point() for x in self):  # type: ignore[attr-defined]
        raise RuntimeError(f"{name}() takes tensors of floating-point numbers")
    kinds: dict[Any, list[Tensor]] = {}
    name = "_amp_foreach_non_finite_check_and_unscale"
    for x in self:
        if not x.is_floating_point():
            raise NotImplementedError(f'"{name}" not implemented for {x.dtype.legacy!r}')
        kinds.setdefault(x._kind, []).append(x)
    if found_inf._array.size != 1 or inv_scale._array.size != 1:
        raise RuntimeError(f"{name}: found_inf and inv_scale must be 1-element tensors")
    for xs in kinds.values():
        torch["_foreach_mul_"](xs, inv_scale)
        full = [x for x in xs if x._array.size]
        if full:
            largest = torch["stack"](torch["_foreach_norm"](full, float("inf")))
            bad = torch["isfinite"](largest).all().logical_not()
            found_inf.copy_(torch["maximum"](found_inf, bad.to(found_inf.dtype)))
