"""How an equation of einsum is computed: which steps, worked out once for the shapes of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...core.tensor import Tensor
from .contraction import Terms, contracted
from .matmul import _check

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Shapes = tuple[tuple[int, ...], ...]
Step = tuple[Callable[..., Tensor], tuple[int, ...]]
"""A function, and the places of the values that it is given: those of the operands, and of what steps gave."""


@lru_cache(2048)
def planned(equation: str, shapes: Shapes, strategy: str | None) -> list[Step]:
    """What is to be done for an equation. The last step gives the result.

    Two operands at a time are multiplied, which is one operation that carries the gradient.

    Args:
        strategy: How the order of more than two operands is searched; None takes them from left to right.

    Raises:
        RuntimeError: The equation does not fit the shapes.
    """
    inputs, output = _terms(equation.replace(" ", ""), shapes)
    plan = _Planner(len(shapes))
    waiting = [
        plan.diagonal(_Value(i, *given)) for i, given in enumerate(zip(inputs, map(list, shapes)))
    ]
    for places in _path(waiting, output, strategy):
        taken = [waiting[i] for i in places]
        waiting = [value for i, value in enumerate(waiting) if i not in places]
        value, rest = taken[0], taken[1:]
        for i, other in enumerate(rest):
            later = set(output).union(*(v.term for v in (*waiting, *rest[i + 1 :])))
            last = not waiting and i == len(rest) - 1
            value = plan.pair(value, other, later, output if last else None)
        waiting.append(value)
    plan.arrange(plan.summed(waiting[0], set(output)), output)
    return plan.steps


class _Value(NamedTuple):
    """A tensor that there will be: its place among the values, its letters and their sizes."""

    place: int
    term: list[str]
    shape: list[int]

    def without(self, place: int, gone: Sequence[int]) -> _Value:
        """What is left when some dimensions are gone."""
        return _Value(
            place,
            [letter for i, letter in enumerate(self.term) if i not in gone],
            [size for i, size in enumerate(self.shape) if i not in gone],
        )


class _Planner:
    """Collects steps."""

    def __init__(self, operands: int) -> None:
        self.steps: list[Step] = []
        self.operands = operands

    def add(self, function: Callable[..., Any], *places: int) -> int:
        self.steps.append((function, places))
        return self.operands + len(self.steps) - 1

    def diagonal(self, value: _Value) -> _Value:
        """Letters that occur twice in a term mean its diagonal."""
        for letter in dict.fromkeys(value.term):
            while value.term.count(letter) > 1:
                i = value.term.index(letter)
                j = value.term.index(letter, i + 1)
                place = self.add(lambda x, i=i, j=j: x.diagonal(0, i, j), value.place)
                left = value.without(place, (i, j))
                value = _Value(place, [*left.term, letter], [*left.shape, value.shape[i]])
        return value

    def summed(self, value: _Value, needed: set[str]) -> _Value:
        """Without letters that nobody needs."""
        gone = [i for i, letter in enumerate(value.term) if letter not in needed]
        if not gone:
            return value
        return value.without(self.add(lambda x: x.sum(gone), value.place), gone)

    def squeezed(self, value: _Value, other: _Value) -> _Value:
        """Without dimensions of size 1 that another operand has in full."""
        sizes = dict(zip(other.term, other.shape))
        gone = [
            i
            for i, (letter, size) in enumerate(zip(value.term, value.shape))
            if size == 1 != sizes.get(letter, 1)
        ]
        if not gone:
            return value
        return value.without(self.add(lambda x: x.squeeze(gone), value.place), gone)

    def pair(self, x: _Value, y: _Value, later: set[str], output: list[str] | None) -> _Value:
        """The product of two values, summed over the letters that are not needed later."""
        x, y = self.squeezed(x, y), self.squeezed(y, x)
        x, y = self.summed(x, later.union(y.term)), self.summed(y, later.union(x.term))
        sizes = dict(zip(x.term, x.shape)) | dict(zip(y.term, y.shape))
        if output is None or set(output) != later & sizes.keys():
            shared = [letter for letter in x.term if letter in y.term and letter in later]
            output = [
                *shared,
                *(letter for letter in x.term if letter not in y.term),
                *(letter for letter in y.term if letter not in x.term),
            ]
        terms = Terms("".join(x.term), "".join(y.term), "".join(output))
        place = self.add(_product(terms, len(output) < len(sizes)), x.place, y.place)
        return _Value(place, output, [sizes[letter] for letter in output])

    def arrange(self, value: _Value, output: list[str]) -> None:
        """The dimensions in their order; a result that would be an operand is a view of it."""
        order = [value.term.index(letter) for letter in output]
        if order != sorted(order) or not self.steps:
            self.add(lambda x: x.permute(order), value.place)


def _product(terms: Terms, sums: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """A step that multiplies two values; it sums only those of one dtype."""

    def product(x: Tensor, y: Tensor) -> Tensor:
        if sums and x._kind is not y._kind:
            _check("einsum", x, y)
        return contracted(x, y, terms)

    return product


def _path(
    operands: list[_Value], output: list[str], strategy: str | None
) -> Sequence[tuple[int, ...]]:
    """Which operands are multiplied in each step; they are taken out, and the product comes last."""
    if strategy is None:
        return [tuple(range(len(operands)))]
    terms = tuple("".join(value.term) for value in operands)
    return _searched(terms, "".join(output), tuple(tuple(v.shape) for v in operands), strategy)


OPTIMAL = {"auto": 4, "auto-hq": 6}
"""Operands up to which a strategy tries all orders, and is greedy beyond."""


def _searched(
    terms: tuple[str, ...], output: str, shapes: Shapes, strategy: str
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


def _terms(equation: str, shapes: Shapes) -> tuple[list[list[str]], list[str]]:
    """The equation's terms as lists of letters, its ellipses spelt out."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise RuntimeError(
            f"einsum(): the equation {equation!r} has {len(terms)} terms for {len(shapes)} operands"
        )
    spare = [chr(i) for i in range(0x3B1, 0x3B1 + 24)]
    widest = 0
    spelt = []
    for i, (term, shape) in enumerate(zip(terms, shapes)):
        hidden = len(shape) - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the "
                f"number of dimensions ({len(shape)}) for operand {i}, of shape {list(shape)}"
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
    _check_sizes(result, shapes)
    return result, output


def _check_sizes(terms: list[list[str]], shapes: Shapes) -> None:
    """Raises RuntimeError where a letter stands for two sizes; of two operands one may be 1."""
    seen: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(terms, shapes)):
        own: dict[str, int] = {}
        for letter, size in zip(term, shape):
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
                    f"{list(shape)}, which does not broadcast with previously seen size {before}"
                )
            seen[letter] = max(size, before) if 0 not in (size, before) else 0
