"""Products over any dimensions: inner, tensordot and einsum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import public
from .contraction import Terms, contracted
from .einsum_plan import LETTERS, planned
from .matmul import _given, matmul


@public(method=True)
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products over the last dimension of both.

    Source: torch.inner
    """
    if input.ndim == 0 or other.ndim == 0:
        return _given(out, input * other)  # type: ignore[operator]
    a, b = input._array.shape, other._array.shape
    if len(a) == 2 == len(b) and a[1] == b[1] and input._kind is other._kind:
        return matmul(input, other.t(), out=out)  # type: ignore[attr-defined]
    return tensordot(input, other, ([-1], [-1]), out=out)


@public()
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over the named dimensions of both.

    Args:
        dims: How many trailing dimensions of a meet the leading ones of b, or two lists of dimensions.

    Source: torch.tensordot

    Example:
        >>> import flambeau as torch
        >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
        torch.Size([2, 5])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = [list(part) if isinstance(part, (list, tuple)) else [part] for part in dims]
    if len(left) != len(right):
        raise RuntimeError(
            f"both dimension lists should have same length, got {len(left)} and {len(right)}"
        )
    left, right = [wrap_dim(i, a.ndim) for i in left], [wrap_dim(i, b.ndim) for i in right]
    for i, j in zip(left, right):  # a dimension of size 1 meets one of any size
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdim=True)  # type: ignore[attr-defined]
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdim=True)  # type: ignore[attr-defined]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise RuntimeError(
            f"contracted dimensions need to match, but a has {[a.shape[i] for i in left]} in dims "
            f"{left} and b has {[b.shape[i] for i in right]} in dims {right}"
        )
    return _given(out, contracted(a, b, _met(a.ndim, b.ndim, tuple(left), tuple(right))))


@lru_cache(512)
def _met(a: int, b: int, left: tuple[int, ...], right: tuple[int, ...]) -> Terms:
    """The terms of tensors of so many dimensions, of which these meet."""
    x, y = [chr(i) for i in range(a)], [chr(a + i) for i in range(b)]
    kept = [x[i] for i in range(a) if i not in left] + [y[i] for i in range(b) if i not in right]
    for i, j in zip(left, right):
        y[j] = x[i]
    return Terms("".join(x), "".join(y), "".join(kept))


@public()
def einsum(*args: Any) -> Tensor:
    """Sums of products in Einstein's notation.

    Args:
        args: The equation, such as "bij,bjk->bik", and the operands (or one list of them).

    Raises:
        RuntimeError: The equation does not fit the operands.

    Source: torch.einsum

    Example:
        >>> import flambeau as torch
        >>> torch.einsum("ij,j->i", torch.ones(2, 3), torch.ones(3))
        tensor([3., 3.])
    """
    if isinstance(args[0], Tensor):
        args = _spelt(args)
    equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    strategy = None
    if len(operands) > 2:
        from ...backends import opt_einsum

        strategy = opt_einsum.strategy if opt_einsum.enabled else None
    values = list(operands)
    for step, places in planned(equation, tuple([x.shape for x in values]), strategy):
        values.append(step(*[values[i] for i in places]))
    return values[-1]


def _spelt(args: tuple) -> tuple:
    """Operands that each are followed by a list of numbers for their dimensions, as an equation."""
    count = len(args) // 2
    lists = [*args[1 : 2 * count : 2], *args[2 * count :]]

    def term(listed: Sequence[Any]) -> str:
        return "".join("..." if i is ... else LETTERS[i] for i in listed)

    arrow = f"->{term(lists[-1])}" if len(args) % 2 else ""
    return (",".join(map(term, lists[:count])) + arrow, *args[0 : 2 * count : 2])
