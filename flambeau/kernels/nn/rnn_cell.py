"""What a step of a recurrent layer computes, as kernels are told it."""

from __future__ import annotations

from typing import NamedTuple

from ...formula.program import Gradient, Program


class Cell(NamedTuple):
    """What a step computes from its gates.

    Attributes:
        program: Of the gates (first those of the input, if they are apart), and then of the cell, or
            of the state if the gates are apart; gives the next state, and the next cell.
        gradient: Its gradient towards all of them.
        gates: How many blocks of hidden size the weights have.
        apart: Does it look at what the input and what the state give apart?
        lasting: Is there a cell?
    """

    program: Program
    gradient: Gradient
    gates: int
    apart: bool
    lasting: bool


__all__ = ["Cell"]
