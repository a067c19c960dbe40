"""A program: several expressions over named inputs, its derivative programs, and what those save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .differentiate import differentiate, fit
from .expansion import opened, usual_args
from .expression import (
    LENGTH,
    POSITION,
    Domain,
    Expression,
    length,
    order,
    parameter,
    substitute,
    symbol,
)
from .primitive import usually

ROW_LENGTH = "row_length_"


class Gradient:
    """How a program's gradient is computed.

    program: its inputs are the incoming gradients, then the saved inputs, the saved outputs and the
        extra row values, in this order; a root for each wanted input.
    inputs, outputs: positions of the inputs and outputs that it needs saved.
    extras: values of the forward program, one a row, that it needs saved.
    counted: they take the row's length as one more parameter, after the program's own.
    operands: the wanted inputs.
    again: the same gradient without `extras` (it computes them from the inputs), for
        differentiating once more.
    """

    def __init__(
        self,
        program: Program,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        extras: tuple[Expression, ...],
        again: Program,
        counted: bool,
        operands: tuple[Expression, ...],
    ):
        self.operands = operands
        self.program, self.inputs, self.outputs = program, inputs, outputs
        self.extras, self.again, self.counted = extras, again, counted

    def without(self, places: Sequence[int]) -> Gradient:
        """The same of fewer operands: those at these places are left out."""
        some = [i for i in range(len(self.operands)) if i not in places]
        programs = [
            Program(p.inputs, tuple([p.roots[i] for i in some]), p.parameters)
            for p in (self.program, self.again)
        ]
        operands = tuple([self.operands[i] for i in some])
        return Gradient(
            programs[0], self.inputs, self.outputs, self.extras, programs[1], self.counted, operands
        )

    def transposed(self, arriving: int, there: tuple[bool, ...]) -> Program:
        """How tangents go forward: the gradient is linear in what arrives, and this is its transpose.

        Its inputs are the tangents of the operands that have one, then what `again` takes saved; its roots
        are the tangents of the results.

        Args:
            arriving: How many incoming gradients there are.
            there: For each of the gradient's operands: has it a tangent?
        """
        gs, saved = self.again.inputs[:arriving], self.again.inputs[arriving:]
        depth = 1 + max(map(_depth, self.again.inputs), default=0)
        roots = [root for root, on in zip(self.again.roots, there) if on]
        of = [x for x, on in zip(self.operands, there) if on]
        tangents = [symbol(f"t{depth}_{i}", _root_domain(x), x.full) for i, x in enumerate(of)]
        reaching = [fit(t, root, set()) for t, root in zip(tangents, roots)]
        found = differentiate(roots, reaching, gs)
        return Program((*tangents, *saved), tuple(found), self.again.parameters)


class Program:
    """Expressions (`roots`) over input symbols; `parameters` names the numbers passed at each call.

    `explicit` gives the gradient in place of the derived one: called with (g, *inputs, y) symbols.
    """

    def __init__(
        self,
        inputs: tuple[Expression, ...],
        roots: tuple[Expression, ...],
        parameters: tuple[str, ...] = (),
        explicit: Callable | None = None,
    ):
        self.inputs, self.roots, self.parameters = inputs, roots, parameters
        self.explicit = explicit
        self._gradients: dict[Any, Gradient] = {}

    @property
    def rowwise(self) -> bool:
        """Does any part of it look at whole rows?"""
        return any(
            item.primitive.reduces or item.primitive.rowwise or item.primitive in (LENGTH, POSITION)
            for item in order(self.roots)
        )

    @property
    def orders(self) -> bool:
        """Do its results lie in order, whatever its operand does? So do those of rows of one operand, as PyTorch's
        softmax, if they have a value an element."""
        return len(self.inputs) == 1 and any(root.full for root in self.roots)

    def gradient(self, incoming: tuple[bool, ...], wanted: tuple[bool, ...]) -> Gradient:
        """The gradient for the wanted inputs, given which roots receive one. Made once for each case."""
        key = incoming, wanted
        found = self._gradients.get(key)
        if found is None:
            found = self._gradients[key] = self._derive(incoming, wanted)
        return found

    def _derive(self, incoming: tuple[bool, ...], wanted: tuple[bool, ...]) -> Gradient:
        depth = 1 + max(map(_depth, self.inputs), default=0)
        gs = [
            symbol(f"g{depth}_{i}", _root_domain(root), root.full) if on else None
            for i, (root, on) in enumerate(zip(self.roots, incoming))
        ]
        outs = [
            symbol(f"y{depth}_{i}", _root_domain(root), root.full)
            for i, root in enumerate(self.roots)
        ]
        some = [x for x, on in zip(self.inputs, wanted) if on]
        if self.explicit is not None:
            given = self.explicit(*(g for g in gs if g is not None), *self.inputs, *outs)
            parts = given if isinstance(given, tuple) else (given,)
            grads = [part for part, on in zip(parts, wanted) if on]
        else:
            grads = differentiate(self.roots, gs, some)
        return self._choose_saved(grads, [g for g in gs if g is not None], outs, tuple(some))

    def _choose_saved(
        self,
        grads: list[Expression],
        gs: list[Expression],
        outs: list[Expression],
        operands: tuple[Expression, ...],
    ) -> Gradient:
        """Save what the gradient really uses, and as little of it as possible.

        A forward node that is one value a row is nearly free to keep, so it is kept wherever its own
        inputs are kept too (differentiating again computes it from them). An output takes an
        input's place where that leaves no more arrays to save.
        """
        by_output = {root: out for root, out in zip(self.roots, outs) if root.args}
        plain, swapped = grads, substitute(grads, by_output)
        best = min(
            (plain, swapped),
            key=lambda roots: (
                len(self._used(roots, outs)[0]) + len(self._used(roots, outs)[1]),
                len(order(roots)),
            ),
        )
        short = opened(best)
        extras = self._row_values(short)
        names = [symbol(f"row{i}", extra.domain, full=False) for i, extra in enumerate(extras)]
        short = substitute(short, dict(zip(extras, names)))
        inputs, outputs = self._used(best, outs)
        if extras:
            kept = self._used(short, outs)[0]
            inputs = tuple(sorted({*kept, *(i for i in inputs if self._feeds(i, extras))}))
        placed = any(item.primitive is POSITION for item in order([*short, *best]))
        if placed and not any(x.full for x in (*gs, *(self.inputs[i] for i in inputs))):
            # Positions are counted along a full array, and here none is left.
            whole = next(i for i, x in enumerate(self.inputs) if x.full)
            inputs = tuple(sorted({*inputs, whole}))
        saved = [self.inputs[i] for i in inputs] + [outs[i] for i in outputs]
        # A gradient may have no full input left to take a row's length from, so it is told.
        counted = any(item.primitive is LENGTH for item in order([*short, *best]))
        parameters = self.parameters
        if counted:
            known = {length(): parameter(ROW_LENGTH, Domain.INT)}
            short, best = substitute(short, known), substitute(best, known)
            counted = ROW_LENGTH not in parameters
            parameters = (*parameters, ROW_LENGTH) if counted else parameters
        return Gradient(
            Program((*gs, *saved, *names), tuple(short), parameters),
            inputs,
            outputs,
            tuple(extras),
            Program((*gs, *saved), tuple(best), parameters),
            counted,
            operands,
        )

    def _used(
        self,
        roots: Sequence[Expression],
        outs: list[Expression],
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        below = set(order(roots))
        return (
            tuple(i for i, x in enumerate(self.inputs) if x in below),
            tuple(i for i, out in enumerate(outs) if out in below),
        )

    def _feeds(self, i: int, roots: Sequence[Expression]) -> bool:
        return self.inputs[i] in set(order(roots))

    def _row_values(self, grads: list[Expression]) -> list[Expression]:
        """The largest forward nodes with one value a row that the gradient walks a row to find.

        Choices between such nodes too, but never what only their other sides need.
        """
        forward = {x for x in order(opened(self.roots)) if not x.full and _walks(x)}

        def is_known(item: Expression) -> bool:
            if item.primitive is not usually:
                return item in forward
            return item in forward or all(is_known(x) or not _walks(x) for x in item.args[:2])

        found: list[Expression] = []
        stack = list(grads)
        seen: set[Expression] = set()
        while stack:
            item = stack.pop()
            if item in seen:
                continue
            seen.add(item)
            if is_known(item):
                found.append(item)
            else:
                stack.extend(usual_args(item))
        return found

    def extended(self, extras: Sequence[Expression]) -> Program:
        """This program with further roots, which its gradient wants saved."""
        return Program(self.inputs, (*self.roots, *extras), self.parameters)


def _walks(x: Expression) -> bool:
    """Does a row have to be walked to find it?"""
    return any(below.primitive.reduces for below in order([x]))


def _depth(x: Expression) -> int:
    """How many derivatives ago an incoming gradient, output or tangent (g2_0, y2_0, t2_0) was named; else 0."""
    name: str = x.value[0]  # type: ignore[index]
    level, _, index = name[1:].partition("_")
    return int(level) if name[0] in "gyt" and level.isdigit() and index.isdigit() else 0


def _root_domain(root: Expression) -> Domain:
    return max(root.domain, Domain.REAL)
