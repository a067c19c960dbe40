"""A program's change of scores, traced into a formula.

`score_mod` and `mask_mod` are functions of one score and its four indices. They are called once with `Symbol`s,
which note what is done to them as an expression of the formula language: so the change, the mask and the
softmax become one kernel, with derived gradients. A tensor that is read at indices (``slopes[h]``,
``table[q_idx - kv_idx]``) becomes one more operand of the formula: what it holds there, for all indices at once.

A function that does something else with its arguments is no formula. It gets tensors instead, whose shapes
broadcast to the scores' (`evaluated`).

While the functions run, a `TorchFunctionMode` sees what they call: torch's functions, of symbols, and tensors
that are indexed with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from ... import Tensor, full  # type: ignore[attr-defined]
from ...dispatch.formula.formula_operation import FormulaOperation
from ...dispatch.function_mode import TorchFunctionMode
from ...dispatch.registry import NAMESPACES
from ...formula import primitive as p
from ...formula.expression import (
    INPUT,
    Domain,
    Expression,
    lift,
    order,
    position,
    substitute,
    symbol,
)
from ...ops import pointwise, rowwise
from ...ops.elementwise import arithmetic, comparison, division, power
from ...ops.reduction.softmax import safe_softmax

_T = NAMESPACES["torch"]
_FORMULAS = {
    _T[name]: function.operation
    for names, function in (
        ("add", arithmetic.plus),
        ("sub subtract", arithmetic.minus),
        ("div divide true_divide", division.quotient),
        ("floor_divide", division.quotient_floor),
        ("remainder", division.remainder_),
        ("fmod", division.fmod_),
        ("pow", power.power),
        ("where", comparison.choose),
        ("clamp clip", comparison.clamp_),
    )
    for name in names.split()
}
"""The formulas of functions that choose among several by what they are given: the usual one."""
INDICES = ("b", "h", "q_idx", "kv_idx")


class NoFormula(TypeError):
    """What a function does with its arguments cannot be written as a formula."""


class Trace:
    """The operands of a formula that is being traced: the scores, the indices, and what tensors hold there."""

    def __init__(self, score: Tensor | None, indices: tuple[Tensor, ...]) -> None:
        self.operands: dict[str, Tensor] = {}
        self.score = None if score is None else self.operand(score, "score")
        self.indices = tuple(self.operand(x, name) for x, name in zip(indices, INDICES))

    def operand(self, x: Tensor, name: str = "") -> Symbol:
        """A symbol for what a tensor holds."""
        if x.is_complex():
            raise NoFormula("scores are real")
        name = name or f"x{len(self.operands)}"
        domain = (
            Domain.REAL
            if x.is_floating_point()
            else Domain.BOOL
            if x.dtype.name == "bool"
            else Domain.INT
        )
        self.operands[name] = x
        return Symbol(self, symbol(name, domain), lambda: x)

    def lifted(self, value: Any) -> Symbol:
        """A symbol for an operand of an operator."""
        if isinstance(value, Symbol):
            return value
        if isinstance(value, (bool, int, float)):
            return Symbol(self, lift(value), lambda: value)
        if isinstance(value, Tensor) and value.ndim == 0:
            return self.operand(value)
        raise NoFormula(f"{type(value).__name__} is no operand of a formula over scores")


class Symbol:
    """One score, or an index of it, or what was computed of them."""

    __slots__ = ("expression", "trace", "value")

    def __init__(self, trace: Trace, expression: Expression, value: Callable[[], Any]) -> None:
        self.trace, self.expression, self.value = trace, expression, value

    def __getattr__(self, name: str) -> Callable:
        function = _T.get(name)
        if name.startswith("_") or function is None:
            raise AttributeError(f"a score or index in a formula has no {name!r}", name=name)
        return lambda *args, **kwargs: _applied(self.trace, function, (self, *args), kwargs)

    def where(self, condition: Any, other: Any) -> Symbol:
        return _applied(self.trace, _T["where"], (condition, self, other), {})

    def new_ones(self, size: Any = (), *rest: Any, dtype: Any = None, **options: Any) -> Any:
        return self.new_full(size, 1, dtype=dtype)

    def new_zeros(self, size: Any = (), *rest: Any, dtype: Any = None, **options: Any) -> Any:
        return self.new_full(size, 0, dtype=dtype)

    def new_full(self, size: Any, fill: Any, *, dtype: Any = None, **options: Any) -> Any:
        if tuple(size):
            raise NoFormula("a tensor with dimensions is no operand of a formula over scores")
        if dtype is not None:
            fill = bool(fill) if dtype.name == "bool" else float(fill)
        return self.trace.lifted(fill)

    def __bool__(self) -> bool:
        raise NoFormula("write torch.where(condition, a, b) instead of if: all scores are computed")

    __index__ = __int__ = __float__ = __len__ = __iter__ = __bool__  # type: ignore[assignment]
    __hash__ = object.__hash__


def _operator(name: str, function: Callable, swapped: bool = False) -> Callable:
    def operator(self: Symbol, other: Any = None) -> Any:
        operands = (self,) if other is None else (other, self) if swapped else (self, other)
        return _applied(self.trace, function, operands, {})

    operator.__name__ = name
    return operator


_OPERATORS = """
    add sub mul pow lt le gt ge eq ne neg abs mod:remainder floordiv:floor_divide truediv:true_divide
    and:bitwise_and or:bitwise_or xor:bitwise_xor invert:bitwise_not
"""
"""Python's operators, each with the function that it calls where that has another name."""
for _item in _OPERATORS.split():
    _name, _, _function = _item.partition(":")
    setattr(Symbol, f"__{_name}__", _operator(f"__{_name}__", _T[_function or _name]))
    setattr(Symbol, f"__r{_name}__", _operator(f"__r{_name}__", _T[_function or _name], True))


def _applied(trace: Trace, function: Any, args: tuple, kwargs: dict) -> Symbol:
    """A function of symbols, by its own formula."""
    operation = _FORMULAS.get(function) or getattr(function, "operation", None)
    if not isinstance(operation, FormulaOperation) or operation.rows:
        raise NoFormula(
            f"{getattr(function, '__name__', function)} is no formula of single elements"
        )
    names = list(operation.public.values())
    given = dict(zip(names, args)) | kwargs
    if len(args) > len(names) or not given.keys() <= set(names):
        raise NoFormula(f"{operation.name} is called with something that is no operand")
    values: dict[str, Any] = dict(operation.defaults)
    for name, public in operation.public.items():
        if public in given:
            values[name] = given[public]
        if name in operation.operands:
            item = values.get(name)
            optional = item is None and name in operation.optional
            values[name] = None if optional else trace.lifted(item).expression
    root = operation.formula(**values)
    if not isinstance(root, Expression):
        raise NoFormula(f"{operation.name} has several results")
    return Symbol(
        trace,
        root,
        lambda: function(*(x.value() if isinstance(x, Symbol) else x for x in args), **kwargs),
    )


class _Watch(TorchFunctionMode):
    """Hands functions of symbols, and tensors that are indexed with them, to the trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = (*args, *kwargs.values())
        parts = (part for item in given for part in (item if isinstance(item, tuple) else (item,)))
        if not any(isinstance(part, Symbol) for part in parts):
            return func(*args, **kwargs)
        if getattr(func, "__name__", "") == "__getitem__":
            return _read(self.trace, args[0], args[1])
        return _applied(self.trace, func, args, kwargs)


class _Reading:
    """A tensor that was read at fewer indices than it has dimensions."""

    def __init__(self, trace: Trace, tensor: Tensor, places: tuple) -> None:
        self.trace, self.tensor, self.places = trace, tensor, places

    def __getitem__(self, key: Any) -> Any:
        more = key if isinstance(key, tuple) else (key,)
        return _read(self.trace, self.tensor, (*self.places, *more))

    def __getattr__(self, name: str) -> Any:
        raise NoFormula("a row of a tensor is no operand of a formula over scores")


def _read(trace: Trace, tensor: Tensor, key: Any) -> Any:
    """What a tensor holds at indices."""
    places = key if isinstance(key, tuple) else (key,)
    if any(x is None or isinstance(x, (slice, type(...))) for x in places):
        raise NoFormula("slices are no elements")
    if len(places) < tensor.ndim:
        return _Reading(trace, tensor, places)
    return trace.operand(tensor[tuple(x.value() if isinstance(x, Symbol) else x for x in places)])


# ------------------------------------------------------------------------------------- the softmax


def traced(
    score_mod: Callable | None, mask_mod: Callable | None, score: Tensor, indices: tuple
) -> tuple:
    """The formula of the changed scores, and its operands by name.

    Raises:
        NoFormula: A function is not one.
    """
    trace = Trace(score, indices)
    changed: Any = trace.score
    try:
        with _Watch(trace):
            if score_mod is not None:
                changed = trace.lifted(score_mod(changed, *trace.indices))
            root = changed.expression
            if mask_mod is not None:
                seen = trace.lifted(mask_mod(*trace.indices)).expression
                root = p.where(seen, root, -float("inf"))
    except (AttributeError, TypeError, NotImplementedError) as error:
        raise NoFormula(str(error)) from error
    return root, trace.operands


def changed(
    score_mod: Callable | None, mask_mod: Callable | None, score: Tensor, indices: tuple
) -> Tensor:
    """The changed scores, -inf where the mask hides them."""
    try:
        root, operands = traced(score_mod, mask_mod, score, indices)
    except NoFormula:
        return evaluated(score_mod, mask_mod, score, indices)
    used, values, whole = _used(root, operands)
    kinds = ("full",) * len(used)
    return _change(root, used, kinds, whole)(score, *values)


def weighed(
    score_mod: Callable | None,
    mask_mod: Callable | None,
    score: Tensor,
    indices: tuple,
    start: int | None,
) -> Tensor:
    """The softmax of the changed scores.

    It is one operation over rows, where every operand is one value a row, or one a score, or the place in the
    row; else the changed scores are made first.

    Args:
        start: The first key, where keys lie without a gap.
    """
    try:
        root, operands = traced(score_mod, mask_mod, score, indices)
    except NoFormula:
        return safe_softmax(evaluated(score_mod, mask_mod, score, indices))
    used, values, whole = _used(root, operands)
    kinds = tuple(_kind(x, value, start) for x, value in zip(used, values))
    if any(kind == "full" and x.shape != score.shape for kind, x in zip(kinds, values)):
        return safe_softmax(_change(root, used, ("full",) * len(used), whole)(score, *values))
    if "placed" in kinds:
        values[kinds.index("placed")] = full((), start, device=score.device)
    return _softmax(root, used, kinds, whole)(score, *values, dim=-1)


def _used(root: Expression, operands: dict[str, Tensor]) -> tuple[tuple, list[Tensor], tuple]:
    """The operands that a formula reads: their symbols, what they hold, and which are no floats."""
    names = {x: x.value[0] for x in order([root]) if x.primitive is INPUT}  # type: ignore[index]
    used = tuple(x for x, name in names.items() if name != "score")
    values = [operands[names[x]] for x in used]
    return used, values, tuple(not value.is_floating_point() for value in values)


def _kind(x: Expression, value: Tensor, start: int | None) -> str:
    if x.value[0] == INDICES[-1] and start is not None:  # type: ignore[index]
        return "placed"
    return "reduced" if value.ndim == 0 or value.shape[-1] == 1 else "full"


def _formula(
    root: Expression, used: tuple[Expression, ...], kinds: tuple[str, ...], rows: bool
) -> Callable:
    """The changed score, or the softmax of its row, as a function of symbols."""

    def build(score: Expression, *others: Expression) -> Expression:
        found = {symbol("score"): score}
        for x, kind, other in zip(used, kinds, others):
            found[x] = position() + other if kind == "placed" else other
        (x,) = substitute([root], found)
        if not rows:
            return x
        most = p.held(p.amax(x))
        e = p.exp(x - p.where(p.equal(most, -float("inf")), 0.0, most))
        total = p.sum(e)
        return e / p.where(p.equal(total, 0), 1.0, total)  # 0 for a row that sees nothing

    names = ", ".join(f"x{i}" for i in range(len(used)))
    formula = eval(f"lambda score, {names}: build(score, {names})", {"build": build})
    formula.__name__ = formula.__qualname__ = "flex_attention"
    return formula


def _chosen(flags: Iterable[bool]) -> str:
    return " ".join(f"x{i}" for i, flag in enumerate(flags) if flag)


@lru_cache(maxsize=256)
def _softmax(
    root: Expression, used: tuple, kinds: tuple[str, ...], whole: tuple[bool, ...]
) -> Callable:
    formula = _formula(root, used, kinds, True)
    reduced = _chosen(kind != "full" for kind in kinds)
    return rowwise(formula, not_promoted=_chosen(whole), reduced=reduced, label="FlexAttention")


@lru_cache(maxsize=256)
def _change(
    root: Expression, used: tuple, kinds: tuple[str, ...], whole: tuple[bool, ...]
) -> Callable:
    formula = _formula(root, used, kinds, False)
    return pointwise(formula, not_promoted=_chosen(whole), label="FlexAttention")


def evaluated(
    score_mod: Callable | None, mask_mod: Callable | None, score: Tensor, indices: tuple
) -> Tensor:
    """The changed scores by the functions themselves, of tensors whose shapes broadcast to the scores'."""
    changed = score
    if score_mod is not None:
        changed = _fitting(score_mod(score, *indices), "score_mod", score).expand(score.shape)
    if mask_mod is not None:
        seen = _fitting(mask_mod(*indices), "mask_mod", score)
        changed = changed.masked_fill(~seen, -float("inf"))
    return changed


def _fitting(result: Any, name: str, score: Tensor) -> Tensor:
    fits = isinstance(result, Tensor) and result.ndim <= 4
    if not fits or any(n not in (1, m) for n, m in zip(result.shape[::-1], score.shape[::-1])):
        given = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise RuntimeError(
            f"{name} gave {given} for scores of shape {tuple(score.shape)}: it is called with tensors that "
            "broadcast to the scores, and must give one number for each; index tensors as x[b, h], not x[b][h]"
        )
    return result
