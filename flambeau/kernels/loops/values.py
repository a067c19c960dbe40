"""The values of a program: what its elements and rows come to, whatever loops are written around them.

The loops of processors (`nest.py`) and the kernels of GPUs (`cuda/`) are classes of this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import and_
from typing import Any

import numpy as np

from ...formula.declaration import PRIMITIVES
from ...formula.expansion import expand, usual_args
from ...formula.expression import (
    CONSTANT,
    LENGTH,
    PARAMETER,
    Domain,
    Expression,
    Primitive,
    order,
    parameter,
    substitute,
)
from ...formula.primitive import usually
from ...formula.program import Program
from ..elementary import lower
from ..elementary.lower import Unsupported
from ..elementary.lowering import Lowering
from ..llvm import BITS, FLOATS, Code, Value, any_lane, choose, element_of
from .element import MEMORY, NARROW, arithmetic_type, dtype_name, packed, unpacked, wrapped


class Values:
    """A program with the dtypes of its arrays, ready to be computed in LLVM's language.

    Attributes:
        elements: The type of numbers of each domain.
        roots: The results, in primitives that have a native form.
        reductions: Those below the roots, but for those on the sides of choices that are seldom taken.
        code: What is being written.
        row: The values that are known of the present row.
        groups: Those of the rows that are computed together, of which `row` is one.
        numbers: The program's parameters.
        length: How many elements a row has.

    Raises:
        Unsupported: Something in it has no native form.
    """

    code: Code
    length: Value
    numbers: dict[str, Value]
    takes_whole_numbers = True
    """Does what calls this see to it that the parameters of a program of integers are among those that its dtype holds?"""
    edge: Value | None = None
    """The lanes that have rows, where not all have."""

    def __init__(
        self, program: Program, inputs: Sequence[Any], compute: Any, results: Sequence[Any], rows: bool,
    ):  # fmt: skip
        self.program = program
        self.input_names = [dtype_name(dtype) for dtype in inputs]
        self.result_names = [dtype_name(dtype) for dtype in results]
        self.inputs = [MEMORY[name] for name in self.input_names]
        self.results = [MEMORY[name] for name in self.result_names]
        element = arithmetic_type(compute)
        self.compute_type = compute
        self.narrow = compute.name if compute.name in NARROW else ""
        self.elements = {Domain.BOOL: "i1", Domain.REAL: element, Domain.INT: "i64"}
        if compute.kind in "iub":
            self.elements[Domain.INT] = element
            del self.elements[Domain.REAL]
        self.element = element
        self.roots = expand(self.typed(program), self.has_form)
        self.reductions = [x for x in order(self.roots, usual_args) if x.primitive.reduces]
        self.seldom = False
        self.index = {x: i for i, x in enumerate(program.inputs)}
        if compute.kind == "b" and (rows or program.parameters):
            raise Unsupported("rows or parameters of bools")
        if not rows and not all(x.full for x in self.roots):
            raise Unsupported("a result that is no array of elements")
        self.check()
        self.forget()

    def typed(self, program: Program) -> Sequence[Expression]:
        """The program's results, whose parameters are whole numbers where it computes in integers."""
        if not self.takes_whole_numbers or not program.parameters or Domain.REAL in self.elements:
            return program.roots
        whole = {parameter(name): parameter(name, Domain.INT) for name in program.parameters}
        return substitute(program.roots, whole)

    @property
    def whole_bounds(self) -> tuple[float, float] | None:
        """Between which numbers the parameters of a program of integers are. Unsigned ones may be given by the
        negative number that wraps to them, as PyTorch's may."""
        if Domain.REAL in self.elements or not self.program.parameters:
            return None
        facts = np.iinfo(self.compute_type)
        low = facts.min or -facts.max
        most = (1 << 53) - 1
        return float(max(low, -most)), float(min(facts.max, most))

    def has_form(self, primitive: Primitive) -> bool:
        return lower.has_form(primitive, self.element)

    def check(self) -> None:
        for item in order(self.roots):
            if item.domain not in self.elements:
                raise Unsupported(f"a {item.domain.name} value")
            kind = item.primitive
            if item.args and not kind.reduces and not self.has_form(kind):
                raise Unsupported(f"the primitive {kind.name}")
            if kind is usually and item.full:
                raise Unsupported("a choice for each element")
        if not any(x.full for x in self.program.inputs):
            raise Unsupported("no full input")
        if not any(x.args for x in self.roots):
            raise Unsupported("nothing to compute")

    def forget(self) -> None:
        """Nothing is known of a row yet."""
        self.row: dict[Expression, Value] = {}
        self.groups = [self.row]

    # ------------------------------------------------------------------------------- the values

    def loaded(self, value: Value, k: int, x: Expression) -> Value:
        name = self.input_names[k]
        number = unpacked(value, name).convert(self.elements[x.domain])
        # A 0-d operand of a wider type does not widen the others: it is brought into their range.
        foreign = self.narrow and number.element == "i32" and name not in (self.narrow, "bool")
        return wrapped(number, self.narrow) if foreign else number

    def stored(self, value: Value, i: int) -> Value:
        return packed(value, self.result_names[i])

    @property
    def row_size(self) -> Value:
        """How many elements a row has in all its lines."""
        return self.length

    def prepare(self, items: Sequence[Expression]) -> None:
        """Compute all row values below `items` here, outside the coming loop."""
        for item in order(items, self.unknown_args):
            if not item.full and item not in self.row and not self.waits(item):
                self.row_value(item)

    def waits(self, item: Expression) -> bool:
        """Does it need a reduction that has not run yet, or a choice that has not been made?"""
        return any(is_step(x) and x not in self.row for x in order([item], self.unknown_args))

    def unknown_args(self, item: Expression) -> Sequence[Expression]:
        """What a node is made of, unless its value is known."""
        return () if item in self.row else usual_args(item)

    def row_value(self, x: Expression) -> Value:
        found = self.row.get(x)
        if found is None:
            found = self.row[x] = self.compute(x, self.row_value)
        return found

    def compute(self, x: Expression, value_of: Any) -> Value:
        code, type = self.code, x.primitive
        element = self.elements[x.domain]
        if type is CONSTANT:
            return code.constant(x.value, code.vector(element))  # type: ignore[arg-type]
        if type is PARAMETER:
            number = self.numbers[str(x.value)].convert(self.elements.get(Domain.REAL, element))
            return wrapped(number, self.narrow) if self.narrow else number
        if type is LENGTH:
            return code.splat(self.row_size).convert(self.elements.get(Domain.REAL, element))
        args = [value_of(arg) for arg in x.args]
        if not type.bools and all(a.element == "i1" for a in args):
            raise Unsupported(f"{type.name} of bools")
        value = lower.apply(type, x.domain, args, self.elements)
        return wrapped(value, self.narrow) if self.narrow and value.element == "i32" else value

    # ------------------------------------------------------------------------------- the order of work

    def stages(self, roots: Sequence[Expression]) -> Iterator[list[Expression]]:
        """What has to be done before `roots` can be computed, in order.

        Either the reductions of one walk of the row, or the choices by one condition: all that wait for no other.
        """
        steps = [x for x in order(roots, self.unknown_args) if is_step(x) and x not in self.row]
        todo = set(steps)
        while todo:
            ready = [x for x in steps if x in todo and not any(y in todo for y in order(x.args))]
            walked = [x for x in ready if x.primitive.reduces]
            ready = walked or [x for x in ready if x.args[0] is ready[0].args[0]]
            yield ready
            todo.difference_update(ready)

    def resolve(self, roots: Sequence[Expression]) -> None:
        """Make the reductions and choices below `roots`."""
        for ready in list(self.stages(roots)):
            if ready[0].primitive is usually:
                self.choose(ready)
            else:
                self.prepare([x.args[0] for x in ready])
                self.reduce(ready)

    def choose(self, items: list[Expression]) -> None:
        """Choices by one condition: what is needed for their other sides runs only where it does not hold."""
        code, condition = self.code, items[0].args[0]
        self.prepare([condition, *(x.args[1] for x in items)])
        held = [row[condition] for row in self.groups]
        places = [
            [code.slot(row[x.args[1]].type, row[x.args[1]]) for x in items] for row in self.groups
        ]
        open_lanes = ~reduce(and_, held)
        if self.edge is not None:
            open_lanes = open_lanes & self.edge
        with code.when(self.anywhere(open_lanes)), self.aside():
            others = [x.args[2] for x in items]
            self.resolve(others)
            self.prepare(others)
            for row, holds, slots in zip(self.groups, held, places):
                for x, place in zip(items, slots):
                    code.store(choose(holds, row[x.args[1]], row[x.args[2]]), place)
        for row, slots in zip(self.groups, places):
            row.update((x, code.load(place, row[x.args[1]].type)) for x, place in zip(items, slots))

    def anywhere(self, condition: Value) -> Value:
        """Does it hold for one of the rows that are computed together?"""
        return any_lane(condition)

    def reduce(self, items: list[Expression]) -> None:
        """Walk the rows for these reductions, whose values `row` then knows."""
        raise NotImplementedError

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block that seldom runs: its loops are short, and nobody else knows what it finds."""
        seldom, known = self.seldom, [dict(row) for row in self.groups]
        self.seldom = True
        yield
        self.seldom = seldom
        for row, before in zip(self.groups, known):
            row.clear()
            row.update(before)

    def starts(self, items: Sequence[Expression]) -> list[Value]:
        """What the reductions begin with."""
        kinds = [self.code.vector(self.accumulator(x)) for x in items]
        rules = [RULES[x.primitive] for x in items]
        return [self.code.constant(rule.start(type), type) for rule, type in zip(rules, kinds)]

    def accumulator(self, x: Expression) -> str:
        if x.primitive.counts and x.domain is Domain.INT:
            return "i64"
        return self.elements[x.domain]


def is_step(x: Expression) -> bool:
    """Does it take a walk of the row, or a choice of one?"""
    return x.primitive.reduces or x.primitive is usually


def full_args(x: Expression) -> list[Expression]:
    return [arg for arg in x.args if arg.full] if not x.primitive.reduces else []


def check_reductions(items: Sequence[Expression]) -> None:
    """Raises Unsupported for what no reduction of machine code does."""
    for x in items:
        arg = x.args[0]
        if not arg.full:
            raise Unsupported("a reduction of a row value")
        if arg.domain is Domain.BOOL and not x.primitive.bools:
            raise Unsupported(f"{x.primitive.name} of bools")


class Rule:
    """How a reduction begins and joins.

    quick: Joins floats in one instruction of x86, and skips a second value that is nan; those are watched for.
    """

    def __init__(self, reduction: Primitive):
        how: Lowering = reduction.joins.lowering  # type: ignore[union-attr]
        self.initial, self.join, self.quick = reduction.start, how.make, how.quick

    def watches(self, type: str) -> bool:
        """Does `joining` skip nans?"""
        return self.quick is not None and element_of(type) in FLOATS

    def joining(self, type: str) -> Any:
        """How a walk joins values of a type."""
        return self.quick if self.watches(type) else self.join

    def start(self, type: str) -> float:
        """What it begins with: the nearest number that the type has."""
        element = element_of(type)
        if element in FLOATS:
            return float(self.initial)
        bits = BITS[element]
        low, high = (0, 1) if element == "i1" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return max(low, min(high, self.initial))


RULES = {x: Rule(x) for x in PRIMITIVES.values() if x.joins}
