"""The in-place methods of formulas of one operand and of two, which are called most.

They are the fast path of `fast_path._Into` with nothing left to look up but what writes into tensors of this kind.
Whatever is different goes to the general path, before anything was written.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

from ...autograd.location import UNSAVED, note_write
from ...autograd.mode import mode
from ...core.kind import Kind
from ...core.tensor import UNVERSIONED, Tensor
from ..names import ABSENT, Signature
from .fast_path import FALLBACK, is_free
from .formula_node import REAL


class OwnWriters(dict):
    """What writes into operands of a kind, where all are of it; KeyError for kinds that were not traced yet."""

    def __init__(self, operation: Any):
        self.operation = operation

    def __missing__(self, kind: Kind) -> Callable:
        made = self[kind] = self.operation.same[kind].writers[kind]
        return made


def _of_one(input: Tensor) -> Tensor:
    """The signature of in-place methods of one operand."""
    raise NotImplementedError


def _of_two(input: Tensor, other: Any) -> Tensor:
    """The signature of in-place methods of two operands."""
    raise NotImplementedError


def _by_name(function: Callable, aliases: bool) -> Callable:
    """The call with arguments that are given by other names, or lack."""

    def call(operands: tuple, others: dict[str, Any]) -> Any:
        args, kwargs = Signature(function, aliases, method=True).settled(operands, others)
        return function(*args, **kwargs)

    return call


def unary_into(operation: Any, aliases: bool = True) -> Callable:
    """The in-place method of an operation of one operand and nothing else."""
    writers, general = operation.own_writers, operation.general

    def function(input: Tensor, **others: Any) -> Tensor:
        if others:
            return named((input,), others)
        try:
            array, base, cell = input._array, input._base, input._cell
            write = writers[input._kind]
            if (
                (array.flags.carray or is_free(array))
                and cell[0] is not UNVERSIONED
                and (
                    (input._node is None and (base is None or base._node is None))
                    or not mode.recording
                )
            ):
                write(array, array)
                cell[0] += 1
                if getrefcount(cell) > UNSAVED:
                    note_write(cell)
                return input
        except FALLBACK:
            pass
        return general((input,), inplace=True)

    function.__wrapped__ = _of_one  # type: ignore[attr-defined]
    named = _by_name(function, aliases)
    return function


def binary_into(operation: Any, aliases: bool = True) -> Callable:
    """The in-place method of an operation of two operands, of which the second may be a number."""
    writers, general = operation.own_writers, operation.general
    takes_number, mixed = operation.operands[1] in operation.numbers, operation.into.mixed

    def function(input: Tensor, other: Any = ABSENT, **others: Any) -> Tensor:
        if others or other is ABSENT:
            return named((input, other), others)
        try:
            kind, array, base = input._kind, input._array, input._base
            write, cell = writers[kind], input._cell
            if other.__class__ in REAL:
                second, right = kind._scalars.get(other), None
                if not takes_number or other.__class__ not in kind.numbers:
                    write = None
                elif second is None:
                    second = kind.scalar(other)
            elif other._kind is kind:
                second, right = other._array, other._node
            else:
                write = None
            if (
                write is not None
                and (array.flags.carray or is_free(array))
                and cell[0] is not UNVERSIONED
                and (
                    (input._node is None and right is None and (base is None or base._node is None))
                    or not mode.recording
                )
            ):
                write(array, array, second)
                cell[0] += 1
                if getrefcount(cell) > UNSAVED:
                    note_write(cell)
                return input
        except FALLBACK:
            pass
        found = mixed[_BOTH](input, other, (), ())
        return general((input, other), inplace=True) if found is None else found

    function.__wrapped__ = _of_two  # type: ignore[attr-defined]
    named = _by_name(function, aliases)
    return function


_BOTH = (True, True)
