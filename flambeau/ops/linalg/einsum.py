"""Products over any dimensions: inner, tensordot and einsum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from .matmul import _given, _matrices, _stacked, conjugate

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@public(method=True)
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products over the last dimension of both.

    Source: torch.inner
    """
    if input.ndim == 0 or other.ndim == 0:
        return _given(out, input * other)  # type: ignore[operator]
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
    if not isinstance(dims, int):
        dims = tuple([tuple(p) if isinstance(p, (list, tuple)) else (p,) for p in dims])
    left, right, terms = _meeting(a._array.shape, b._array.shape, dims)
    if terms is None:
        for i, j in zip(left, right):  # a dimension of size 1 meets one of any size
            if a.shape[i] == 1 != b.shape[j]:
                b = b.sum(j, keepdim=True)  # type: ignore[attr-defined]
            elif b.shape[j] == 1 != a.shape[i]:
                a = a.sum(i, keepdim=True)  # type: ignore[attr-defined]
        terms = _meeting(a._array.shape, b._array.shape, (left, right))[2]
    result = contracted(a, b, *terms)
    return result if out is None else _given(out, result)


@lru_cache(512)
def _meeting(a: tuple[int, ...], b: tuple[int, ...], dims: Any) -> tuple:
    """The dimensions of a `tensordot` that meet, and the terms of the contraction; None where sizes 1 meet others.

    Raises:
        RuntimeError: They do not fit.
    """
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        left, right = tuple(range(len(a) - dims, len(a))), tuple(range(dims))
    else:
        left, right = dims
    if len(left) != len(right):
        raise RuntimeError(
            f"both dimension lists should have same length, got {len(left)} and {len(right)}"
        )
    left = tuple(wrap_dim(i, len(a)) for i in left)
    right = tuple(wrap_dim(i, len(b)) for i in right)
    sizes = [a[i] for i in left], [b[i] for i in right]
    if sizes[0] != sizes[1]:
        if all(n == m or 1 in (n, m) for n, m in zip(*sizes)):
            return left, right, None
        raise RuntimeError(
            f"contracted dimensions need to match, but a has {sizes[0]} in dims {list(left)} and b has "
            f"{sizes[1]} in dims {list(right)}"
        )
    spare = iter(map(chr, range(0x4E00, 0x4E00 + len(a) + len(b))))
    first = [next(spare) for _ in a]
    second = [first[left[right.index(i)]] if i in right else next(spare) for i in range(len(b))]
    found = _result(first, second, set())
    return left, right, ("".join(first), "".join(second), "".join(found))


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
    shapes = tuple([x._array.shape for x in operands])
    straight = _straight(equation, shapes) if len(operands) < 3 else None
    if straight is None:
        return _einsum(equation.replace(" ", ""), list(operands))
    gone, terms, order = straight
    for i in range(len(gone)):
        if gone[i]:
            operands = (*operands[:i], operands[i].sum(gone[i]), *operands[i + 1 :])
    x = contracted(*operands, *terms) if terms else operands[0]
    return x if order is None else x.permute(order)


@lru_cache(512)
def _straight(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple | None:
    """What an equation comes to for one or two operands: the dimensions that each is summed over first, the terms of
    their contraction, and the order of the result's dimensions. None where it is not as simple, or wrong."""
    try:
        terms, output = _terms(
            equation.replace(" ", ""), [np.broadcast_to(np.float32(0), s) for s in shapes]
        )
    except RuntimeError:
        return None
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        if len(set(term)) < len(term) or len(output) != len(set(output)):
            return None
        if any(sizes.setdefault(letter, size) != size for letter, size in zip(term, shape)):
            return None
    needed = [
        set(output).union(*(t for k, t in enumerate(terms) if k != i)) for i in range(len(terms))
    ]
    gone = [
        tuple(i for i, letter in enumerate(term) if letter not in own)
        for term, own in zip(terms, needed)
    ]
    left = [[letter for letter in term if letter in own] for term, own in zip(terms, needed)]
    found = left[0] if len(left) == 1 else _result(left[0], left[1], set(output))
    order: tuple[int, ...] | None = tuple(found.index(letter) for letter in output)
    if order == tuple(range(len(output))):
        order = None
    contraction = tuple("".join(t) for t in (*left, found)) if len(left) > 1 else ()
    return tuple(gone), contraction, order


def _spelt(args: tuple) -> tuple:
    """Operands that each are followed by a list of numbers for their dimensions, as an equation."""
    count = len(args) // 2
    lists = [*args[1 : 2 * count : 2], *args[2 * count :]]

    def term(listed: Sequence[Any]) -> str:
        return "".join("..." if i is ... else LETTERS[i] for i in listed)

    arrow = f"->{term(lists[-1])}" if len(args) % 2 else ""
    return (",".join(map(term, lists[:count])) + arrow, *args[0 : 2 * count : 2])


def _einsum(equation: str, tensors: list[Tensor]) -> Tensor:
    """Two operands at a time: each pair becomes a batched product, which carries the gradient."""
    inputs, output = _terms(equation, tensors)
    waiting = [_diagonals(x, term) for x, term in zip(tensors, inputs)]
    for places in _path(waiting, output):
        taken = [waiting[i] for i in places]
        waiting = [pair for i, pair in enumerate(waiting) if i not in places]
        (x, term), rest = taken[0], taken[1:]
        for i, (y, other) in enumerate(rest):
            later = set(output).union(*(t for _, t in (*waiting, *rest[i + 1 :])))
            x, term = _pair(x, term, y, other, later)
        waiting.append((x, term))
    x, term = waiting[0]
    gone = [i for i, letter in enumerate(term) if letter not in output]
    if gone:
        x = x.sum(gone)  # type: ignore[attr-defined]
        term = [letter for letter in term if letter in output]
    return x.permute(*(term.index(letter) for letter in output)) if term else x  # type: ignore[attr-defined]


def _path(operands: list[tuple[Tensor, list[str]]], output: list[str]) -> Sequence[tuple[int, ...]]:
    """Which operands are multiplied in each step; they are taken out, and the product comes last."""
    if len(operands) < 3:
        return [tuple(range(len(operands)))]
    from ...backends import opt_einsum

    if not opt_einsum.enabled:
        return [tuple(range(len(operands)))]
    terms = tuple("".join(term) for _, term in operands)
    shapes = tuple(tuple(x.shape) for x, _ in operands)
    return _searched(terms, "".join(output), shapes, opt_einsum.strategy)


OPTIMAL = {"auto": 4, "auto-hq": 6}
"""Operands up to which a strategy tries all orders, and is greedy beyond."""


@lru_cache(512)
def _searched(
    terms: tuple[str, ...], output: str, shapes: tuple[tuple[int, ...], ...], strategy: str
) -> Sequence[tuple[int, ...]]:
    """The order that NumPy finds; from left to right where it has no letters for the dimensions."""
    letters = sorted({letter for term in terms for letter in term})
    if len(letters) > len(LETTERS) or not all(map(len, terms)):
        return [tuple(range(len(terms)))]
    short = str.maketrans(dict(zip(letters, LETTERS)))
    if strategy in OPTIMAL:
        strategy = "optimal" if len(terms) <= OPTIMAL[strategy] else "greedy"
    stand_ins = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    equation = f"{','.join(terms)}->{output}".translate(short)
    try:
        path, _ = np.einsum_path(equation, *stand_ins, optimize=(strategy, UNLIMITED))
    except ValueError:  # NumPy reads no such equation
        return [tuple(range(len(terms)))]
    return path[1:]


UNLIMITED = 1 << 60
"""Elements that an intermediate product may have."""


def _terms(equation: str, tensors: list[Tensor]) -> tuple[list[list[str]], list[str]]:
    """The equation's terms as lists of letters, its ellipses spelt out."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise RuntimeError(
            f"einsum(): the equation {equation!r} has {len(terms)} terms for {len(tensors)} operands"
        )
    spare = [chr(i) for i in range(0x3B1, 0x3B1 + 24)]
    widest = 0
    spelt = []
    for i, (term, x) in enumerate(zip(terms, tensors)):
        hidden = x.ndim - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the "
                f"number of dimensions ({x.ndim}) for operand {i}, of shape {list(x.shape)}"
            )
        widest = max(widest, hidden)
        spelt.append((term, hidden))
    full = spare[:widest]
    result = [list(term.replace("...", "".join(full[widest - hidden :]))) for term, hidden in spelt]
    if arrow:
        output = list(right.replace("...", "".join(full)))
    else:
        letters = [letter for term in result for letter in term if letter not in full]
        output = full + sorted(letter for letter in set(letters) if letters.count(letter) == 1)
    known = {letter for term in result for letter in term}
    for letter in output:
        if letter not in known:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input "
                "operand"
            )
    _check_sizes(result, tensors)
    return result, output


def _check_sizes(terms: list[list[str]], tensors: list[Tensor]) -> None:
    """Raises RuntimeError where a letter stands for two sizes; of two operands one may be 1."""
    seen: dict[str, int] = {}
    for i, (term, x) in enumerate(zip(terms, tensors)):
        own: dict[str, int] = {}
        for letter, size in zip(term, x.shape):
            if own.setdefault(letter, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {letter} is repeated for operand {i} but the sizes don't match, "
                    f"{size} != {own[letter]}"
                )
        for letter, size in own.items():
            before = seen.get(letter, 1)
            if size != before and 1 not in (size, before):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for operand {i}, of shape "
                    f"{list(x.shape)}, which does not broadcast with previously seen size {before}"
                )
            seen[letter] = max(size, before) if 0 not in (size, before) else 0


def _diagonals(x: Tensor, term: list[str]) -> tuple[Tensor, list[str]]:
    """Letters that occur twice in a term mean its diagonal."""
    term = list(term)
    for letter in list(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            x = x.diagonal(0, i, j)  # type: ignore[attr-defined]
            del term[j], term[i]
            term.append(letter)
    return x, term


def _pair(
    x: Tensor, a: list[str], y: Tensor, b: list[str], later: set[str]
) -> tuple[Tensor, list[str]]:
    """The product of two operands, summed over the letters that nobody needs later."""
    x, a = _summed(x, a, later | set(b))
    y, b = _summed(y, b, later | set(a))
    sizes: dict[str, int] = {}
    for x_, term in ((x, a), (y, b)):
        for letter, size in zip(term, x_.shape):
            if sizes.setdefault(letter, size) != size:
                sizes[letter] = max(sizes[letter], size)
    x = x.expand([sizes[letter] for letter in a])  # type: ignore[attr-defined]
    y = y.expand([sizes[letter] for letter in b])  # type: ignore[attr-defined]
    term = _result(a, b, later)
    return contracted(x, y, "".join(a), "".join(b), "".join(term)), term


def _result(a: Sequence[str], b: Sequence[str], later: set[str]) -> list[str]:
    """The letters of a product: those of both operands that are needed later, of the first alone, and of the second."""
    both = [letter for letter in a if letter in b and letter in later]
    return both + [n for n in a if n not in b] + [n for n in b if n not in a]


class _Contraction(NamedTuple):
    """How two arrays become stacks of matrices, whose products are laid out as the result.

    Attributes:
        orders, shapes: Of the two operands: their dimensions in groups, and the groups' sizes.
        sizes: Of the product's dimensions.
        back: The order of the result's dimensions; None where that is theirs.
        flat: Is there one product of two matrices?
    """

    orders: tuple[tuple[int, ...], tuple[int, ...]]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    sizes: tuple[int, ...]
    back: tuple[int, ...] | None
    flat: bool


@lru_cache(1024)
def _contraction(a: str, b: str, out: str, x: tuple[int, ...], y: tuple[int, ...]) -> _Contraction:
    sizes = {**dict(zip(a, x)), **dict(zip(b, y))}
    batch = [n for n in a if n in b and n in out]
    inner_ = [n for n in a if n in b and n not in out]
    rows, columns = [n for n in a if n not in b], [n for n in b if n not in a]

    def grouped(term: str, *groups: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        order = tuple(term.index(n) for group in groups for n in group)
        return order, tuple(prod(sizes[n] for n in group) for group in groups)

    skip = 0 if batch else 1
    left = grouped(a, *[batch, rows, inner_][skip:])
    right = grouped(b, *[batch, inner_, columns][skip:])
    term = batch + rows + columns
    back = tuple(term.index(n) for n in out)
    return _Contraction(
        (left[0], right[0]), (left[1], right[1]), tuple(sizes[n] for n in term),
        None if back == tuple(range(len(back))) else back, not batch,
    )  # fmt: skip


@operation(operands="x y", label="Bmm", names="self mat2")
def contracted(x: Any, y: Any, a: str, b: str, out: str) -> Any:
    """Sums of products of two arrays over the letters that `out` lacks; each of them occurs in both."""
    plan = _contraction(a, b, out, x.shape, y.shape)
    left = x.transpose(plan.orders[0]).reshape(plan.shapes[0])
    right = y.transpose(plan.orders[1]).reshape(plan.shapes[1])
    product = (_matrices if plan.flat else _stacked)(left, right).reshape(plan.sizes)
    return product if plan.back is None else product.transpose(plan.back)


@contracted.gradient
def _(g: Tensor, x: Tensor, y: Tensor, a: str, b: str, out: str, needs: tuple[bool, bool]) -> tuple:
    return (
        contracted(g, conjugate(y), out, b, a) if needs[0] else None,
        contracted(conjugate(x), g, a, out, b) if needs[1] else None,
    )


contracted.product()


def _summed(x: Tensor, term: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    gone = [i for i, letter in enumerate(term) if letter not in needed]
    return (x.sum(gone), [t for t in term if t in needed]) if gone else (x, term)  # type: ignore[attr-defined]
