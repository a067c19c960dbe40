"""Products over any dimensions: inner, tensordot and einsum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import public
from .matmul import _given, bmm_, mm_

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
    keep_a = [i for i in range(a.ndim) if i not in left]
    keep_b = [i for i in range(b.ndim) if i not in right]
    size = int(np.prod([a.shape[i] for i in left]))
    rows = a.permute(*keep_a, *left).reshape(-1, size)  # type: ignore[attr-defined]
    columns = b.permute(*right, *keep_b).reshape(size, -1)  # type: ignore[attr-defined]
    shape = [a.shape[i] for i in keep_a] + [b.shape[i] for i in keep_b]
    return _given(out, mm_(rows, columns).reshape(shape))


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
    return _einsum(equation.replace(" ", ""), list(operands))


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
    batch = [letter for letter in a if letter in b and letter in later]
    inner_ = [letter for letter in a if letter in b and letter not in later]
    rows = [letter for letter in a if letter not in b]
    columns = [letter for letter in b if letter not in a]
    sizes = {}  # type: ignore[var-annotated]
    for x_, term in ((x, a), (y, b)):
        for letter, size in zip(term, x_.shape):
            if sizes.setdefault(letter, size) != size:
                sizes[letter] = max(sizes[letter], size)
    x = x.expand([sizes[letter] for letter in a])  # type: ignore[attr-defined]
    y = y.expand([sizes[letter] for letter in b])  # type: ignore[attr-defined]

    def grouped(x: Tensor, term: list[str], *groups: list[str]) -> Tensor:
        shape = [int(np.prod([sizes[letter] for letter in group])) for group in groups]
        order = [term.index(letter) for group in groups for letter in group]
        return x.permute(*order).reshape(shape)  # type: ignore[attr-defined]

    product = bmm_(grouped(x, a, batch, rows, inner_), grouped(y, b, batch, inner_, columns))
    term = batch + rows + columns
    return product.reshape([sizes[letter] for letter in term]), term


def _summed(x: Tensor, term: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    gone = [i for i, letter in enumerate(term) if letter not in needed]
    return (x.sum(gone), [t for t in term if t in needed]) if gone else (x, term)  # type: ignore[attr-defined]
