"""One long row that is reduced to single values: in pieces, by all threads.

A piece's walk leaves the lanes of its totals in scratch memory; when all have, they are joined in the order of the pieces,
whose number depends on the length alone.
"""

from __future__ import annotations

from ...formula.expansion import usual_args
from ...formula.expression import order
from ..llvm import Code, Function, Value, choose
from ..runtime.vectorcall import PIECE, of_pieces
from .nest import Nest, add_to
from .values import RULES

SHARE = 1 << 15
"""Elements of a piece, or more where there would be over a thousand."""
LONG = 4 * SHARE
"""Rows from this length on are cut."""
PART, FINISH = of_pieces("part"), Function("void", "finish", ("ptr", "i64"))


def is_divisible(nest: Nest) -> bool:
    """Does it usually make single values of one walk?"""
    if not nest.reductions or any(x.full for x in nest.roots) or type(nest) is not Nest:
        return False
    return not any(
        below.primitive.reduces for x in nest.reductions for below in order(x.args, usual_args)
    )


def part_text(nest: Nest, code: Code) -> str:
    """``void @part(...)``: the totals of pieces row_begin to row_end, into scratch memory."""
    nest.begin(code)
    nest.forget()
    zero = code.constant(0, "i64")
    nest.start = zero
    nest.begin_row(zero, zero)
    for i, x in enumerate(nest.program.inputs):
        if not x.full:
            nest.row[x] = nest.row_input(i, x, zero)
    chunk = nest.word(nest.facts, nest.frame.chunk)
    nest.prepare([x.args[0] for x in nest.reductions])
    first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
    with code.loop(first, last) as piece:
        begin = piece * chunk
        after = begin + chunk
        end = choose(after < nest.length, after, nest.length)
        for k, total in enumerate(nest.walk(nest.reductions, {}, begin, end)):
            code.store(total, place(nest, piece, k))
    code.line("ret void")
    return code.function(f"@part({PIECE})", "internal void", "noinline")


def finish_text(nest: Nest, code: Code) -> str:
    """``void @finish(ptr frame, i64 pieces)``: the results, of what the pieces left."""
    nest.begin(code)
    nest.forget()
    zero = code.constant(0, "i64")
    nest.start = zero
    nest.begin_row(zero, zero)
    for i, x in enumerate(nest.program.inputs):
        if not x.full:
            nest.row[x] = nest.row_input(i, x, zero)
    starts = nest.starts(nest.reductions)
    totals = [code.variable(nest.wide(x, start)) for x, start in zip(nest.reductions, starts)]
    with code.loop(zero, Value(code, "%pieces", "i64")) as piece:
        for k, (x, total) in enumerate(zip(nest.reductions, totals)):
            part = code.load(place(nest, piece, k), total.type)
            add_to(total, RULES[x.primitive].join, part)
    for x, total in zip(nest.reductions, totals):
        nest.row[x] = nest.across_lanes(x, total.value).convert(nest.accumulator(x))
    nest.resolve(nest.roots)
    nest.store_reduced(zero)
    code.line("ret void")
    return code.function("@finish(ptr %frame, i64 %pieces)", "internal void", "noinline")


def place(nest: Nest, piece: Value, k: int) -> Value:
    """Where the totals of a piece stand: 64 bytes or more for each reduction."""
    code = nest.code
    scratch = nest.word(nest.facts, nest.frame.scratch, "ptr")
    return code.at(scratch, "i8", (piece * len(nest.reductions) + k) * SLOT)


SLOT = 128
"""Bytes for the lanes of a total; 64-bit totals of float32 vectors are the widest."""
