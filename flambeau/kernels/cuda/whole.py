"""Few long rows: many blocks share a row. Where it is reduced to single values, a second launch joins what they found.

How many pieces there are depends on the sizes alone, and each launch joins in a fixed order.
"""

from __future__ import annotations

from ...formula.expansion import usual_args
from ...formula.expression import order
from ..llvm import Value, choose, quotient, remainder
from .formula import Formula
from .rows import Rows


def is_divisible(formula: Formula) -> bool:
    """Does it usually make single values of one walk?"""
    if not formula.reductions or any(x.full for x in formula.roots):
        return False
    return not any(
        below.primitive.reduces for x in formula.reductions for below in order(x.args, usual_args)
    )


class _Pieces(Rows):
    """A kernel of rows that are cut: it also takes how many pieces a row has, and how long a piece is."""

    def take_more(self) -> None:
        self.pieces, self.chunk = self.take("pieces"), self.take("chunk")

    def enter_piece(self) -> tuple[Value, Value]:
        """Begin the piece of the block's rows that is its own; the piece, and the row."""
        block = self.code.special("ctaid", self.word)
        piece = remainder(block, self.pieces)
        row = quotient(block, self.pieces) * self.team.rows + self.own_row
        self.start = piece * self.chunk
        end = self.start + self.chunk
        self.stop = choose(end < self.length, end, self.length)
        self.enter(row)
        return piece, row


class Spread(_Pieces):
    """A program without reductions, of few long rows: a block for each piece."""

    shape = "spread"

    def body(self) -> None:
        piece, _ = self.enter_piece()
        self.store_full([i for i, x in enumerate(self.roots) if x.full])
        with self.code.when(piece.equals(0)):
            self.store_reduced()


class _Parts(_Pieces):
    """Both launches of a reduction: they also take the scratch memory."""

    def take_more(self) -> None:
        self.scratch = self.code.takes("ptr scratch")[0]
        super().take_more()

    def left(self, k: int, piece: Value, row: Value) -> Value:
        """Where reduction k of a piece of a row stands: words of 64 bits, neighbouring rows side by side."""
        at = (piece * len(self.reductions) + k) * self.rows + row
        return self.code.at(self.scratch, "i64", at)


class Part(_Parts):
    """The first launch: a block for each piece of its rows, whose reductions it leaves in scratch memory."""

    shape = "part"

    def body(self) -> None:
        piece, row = self.enter_piece()
        self.prepare([x.args[0] for x in self.reductions])
        self.reduce(self.reductions)
        with self.where(self.inside, self.member.equals(0)):
            for k, x in enumerate(self.reductions):
                self.code.store(self.in_memory(self.row[x]), self.left(k, piece, row))


class Finish(_Parts):
    """The second launch: a team for each row, which joins its pieces and computes the results."""

    shape = "finish"

    def enter(self, row: Value) -> None:
        super().enter(row)
        code, row = (
            self.code,
            row if self.inside is None else choose(self.inside, row, self.rows - 1),
        )
        rules, kinds, starts = self.rules(self.reductions)
        totals = [code.variable(start) for start in starts]
        with code.loop(self.member, self.pieces, self.team.size) as piece:
            for k, (rule, kind, total) in enumerate(zip(rules, kinds, totals)):
                found = code.load(self.left(k, piece, row), self.in_memory_type(kind))
                total.value = rule.join(total.value, found.convert(kind))
        joined = self.across_team(rules, [total.value for total in totals])
        self.row.update(zip(self.reductions, joined))
