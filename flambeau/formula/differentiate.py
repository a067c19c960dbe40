"""Reverse-mode differentiation of expressions; the result is another expression, so do it again at will."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .expression import Domain, Expression, constant, is_constant, length, order, passes
from .primitive import add, divide, multiply, negative, real, subtract
from .primitive import sum as row_sum


def differentiate(
    roots: Sequence[Expression], incoming: Sequence[Expression | None], inputs: Sequence[Expression]
) -> list[Expression]:
    """What each input receives when root i receives ``incoming[i]`` (None: nothing).

    An input that the roots do not depend on, or only through steps, receives the constant 0, which is real as gradients are.
    """
    forward = order(roots)
    depends = set(inputs)
    for item in forward:
        if any(arg in depends for arg in item.args):
            depends.add(item)
    known = set(forward)
    pending: dict[Expression, Expression] = {}
    for root, g in zip(roots, incoming):
        if g is not None and root in depends:
            pending[root] = pending[root] + g if root in pending else g
    for item in reversed(forward):
        if not item.args or item not in pending:
            continue
        rule = item.primitive.derivative
        if rule is None:
            raise NotImplementedError(f"the primitive {item.primitive.name} has no derivative rule")
        for arg, part in zip(item.args, rule(pending[item], item, *item.args)):
            if part is None or arg not in depends or is_constant(part, 0):
                continue
            part = fit(part, arg, known)
            pending[arg] = pending[arg] + part if arg in pending else part
    return [pending.get(x, constant(0.0)) for x in inputs]


def by_expansion(g: Expression, out: Expression, *args: Expression) -> tuple:
    """The rule of a primitive that is an expression of others: that is differentiated."""
    expansion: Callable = out.primitive.expansion  # type: ignore[assignment]
    return tuple(differentiate((expansion(*args),), (g,), args))


def fit(part: Expression, arg: Expression, known: set[Expression]) -> Expression:
    """A gradient in the form of the argument it belongs to: real if that is, one a row if that is."""
    if arg.domain < Domain.COMPLEX and part.domain == Domain.COMPLEX:
        part = real(part)
    if part.full and not arg.full:
        whole, spread = row_sum(part), _spread_sum(part, known)
        part = spread if passes([spread]) < passes([whole]) else whole
    return part


def _spread_sum(x: Expression, known: set[Expression]) -> Expression:
    """The sum over a row of `x`, taken term by term, with what is constant in a row outside the sum.

    This is how the gradient of layer_norm needs two passes and not three: the sum of a term that
    waits for another sum becomes that sum times one that waits for nothing. Nodes of the forward
    expression (`known`) stay whole: there the order of operations was chosen for accuracy.
    """
    if not x.full:
        return x * length()
    if _is_deviation(x):
        return constant(0)
    if x in known:
        return row_sum(x)
    if x.primitive is add:
        return _spread_sum(x.args[0], known) + _spread_sum(x.args[1], known)
    if x.primitive is subtract:
        return _spread_sum(x.args[0], known) - _spread_sum(x.args[1], known)
    if x.primitive is negative:
        return -_spread_sum(x.args[0], known)
    if x.primitive is multiply:
        a, b = x.args
        if not a.full or not b.full:
            factor, rest = (a, b) if b.full else (b, a)
            return _spread_sum(rest, known) * factor
        return _spread_product(x, known)
    if x.primitive is divide and not x.args[1].full:
        return _spread_sum(x.args[0], known) / x.args[1]
    return row_sum(x)


def _spread_product(x: Expression, known: set[Expression]) -> Expression:
    """The sum of a product of full factors of which one may be a multiple of something per row."""
    a, b = x.args
    for factor, rest in ((a, b), (b, a)):
        if factor in known or not factor.args:
            continue
        if factor.primitive is multiply and not (factor.args[0].full and factor.args[1].full):
            p, q = factor.args
            row, full = (p, q) if q.full else (q, p)
            return _spread_sum(full * rest, known) * row
        if factor.primitive is divide and not factor.args[1].full:
            return _spread_sum(factor.args[0] * rest, known) / factor.args[1]
    return row_sum(x)


def _is_deviation(x: Expression) -> bool:
    """Is it a row minus its own mean? Those sum to zero."""
    if x.primitive is not subtract or x.args[1].full:
        return False
    row, average = x.args
    return (
        average.primitive is divide
        and average.args[1] is length()
        and average.args[0].primitive is row_sum
        and average.args[0].args[0] is row
    )
