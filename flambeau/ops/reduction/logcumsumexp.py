"""Running logarithms of sums of exponentials.

In the gradient, neither the logarithm of a sum nor an element goes through exp: that would magnify the rounding
errors of large ones. With t the largest element so far, exp(x - t) and the running sum s of them, which falls by
exp(t before - t) where t grows, are numbers up to 1 and up to n.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ... import kernels
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ...formula.numeric import logaddexp
from ...formula.quiet import quiet
from ..elementwise.comparison import where

NOTHING = -np.inf
"""The logarithm of nothing, without a phase."""


@operation(label="Logcumsumexp")
def logcumsumexp_(x: Any, dim: int) -> Any:
    """log of the running sum of exp, without overflow."""
    if x.dtype.kind != "c":
        return kernels.array.scan.running_logsumexp(x, dim)
    result = np.where(np.isneginf(x.real), NOTHING, x)
    rows = np.moveaxis(result, dim, 0)
    for i in range(1, len(rows)):
        rows[i] = logaddexp(rows[i], rows[i - 1])
    return np.ascontiguousarray(result)


@logcumsumexp_.gradient
def _(g: Tensor, x: Tensor, dim: int) -> Tensor:
    if x.dtype.is_reduced:
        return cast(Any, logcumsumexp_).rule(g.float(), x.float(), dim).to(x.dtype)
    top, fall = _tops(x, dim)
    # Where nothing has come yet, nothing goes back.
    infinite = (x.real == top) & top.isinf()
    power = where(top == NOTHING, 0.0, where(infinite, 0.0, x - top).exp())
    total = decayed_(power, fall, dim, False)
    total = where(total == 0, 1.0, total)
    kept = fall * before_(total, dim, False) / total  # exp(y before - y)
    return (power / total).conj() * decayed_(g, kept.conj(), dim, True)


def _tops(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The largest real part so far, and exp of what it was before less what it is."""
    top = np.maximum.accumulate(x._array.real, dim)
    last = _shifted(top, dim, False)
    with quiet():
        fall = np.exp(np.where(last == top, 0, last - top))
    kind = x._kind.with_dtype(x.dtype.to_real())
    return wrap(top, kind), wrap(fall.astype(top.dtype, copy=False), kind)


@operation(operands="x")
def before_(x: Any, dim: int, back: bool) -> Any:
    """For each element the one before it (the one behind it, if `back`): at the end 0."""
    return _shifted(x, dim, back)


@before_.gradient
def _(g: Tensor, dim: int, back: bool) -> Tensor:
    return before_(g, dim, not back)


def _shifted(x: Any, dim: int, back: bool) -> Any:
    result = np.zeros_like(x)
    here, there = np.moveaxis(result, dim, 0), np.moveaxis(x, dim, 0)
    if back:
        here[:-1] = there[1:]
    else:
        here[1:] = there[:-1]
    return result


@operation(operands="x factor")
def decayed_(x: Any, factor: Any, dim: int, back: bool) -> Any:
    """Running sums y, of which the last falls by a factor before an element is added: y = x + factor (y before).

    With `back` they run from the end, by the same factors. In log2(n) steps over whole arrays, each of which
    joins neighbours of twice the length.
    """
    total = np.moveaxis(np.array(x), dim, 0)
    whole = np.array(np.broadcast_to(np.moveaxis(factor, dim, 0), total.shape), total.dtype)
    whole[:1] = 0
    if back:  # from the end, an element meets what is behind it by the factor that stands there
        total, whole = total[::-1], np.roll(whole[::-1], 1, 0)
    step, size = 1, len(total)
    while step < size:
        total[step:] = total[step:] + whole[step:] * total[:-step]
        whole[step:] = whole[step:] * whole[:-step]
        step *= 2
    total = total[::-1] if back else total
    return np.ascontiguousarray(np.moveaxis(total, 0, dim))


@decayed_.gradient
def _(g: Tensor, factor: Tensor, y: Tensor, dim: int, back: bool) -> tuple:
    behind = decayed_(g, factor.conj(), dim, not back)
    if back:
        return behind, before_(behind, dim, False) * y.conj()
    return behind, behind * before_(y, dim, False).conj()


@public(method=True)
def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """log of the running sum of exp along a dimension, without overflow.

    Raises:
        NotImplementedError: For integers.

    Source: torch.logcumsumexp

    Example:
        >>> import flambeau as torch
        >>> torch.logcumsumexp(torch.tensor([0., 0.]), 0)
        tensor([0.0000, 0.6931])
    """
    if input.dtype.category < 2:
        raise NotImplementedError(
            f'"logcumsumexp_out_cpu" not implemented for {input.dtype.legacy!r}: convert to a '
            "floating type first"
        )
    at = wrap_dim(dim, input._array.ndim)
    result = logcumsumexp_(input, at) if input._array.ndim else input.clone()
    return result if out is None else write_out(out, result, "logcumsumexp")
