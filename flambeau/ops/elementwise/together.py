"""Formulas over many tensors at once: one call of a kernel that takes many, where the device has one.

A formula is a plain function ``f(xp, x, *others, **numbers)`` that gives new values of its first operands, in a tuple; xp
has the functions it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from sys import getrefcount
from typing import Any

from numpy import ndarray

from ...autograd.location import UNSAVED, note_write
from ...autograd.mode import mode
from ...core.device import CPU
from ...core.dtype import FLOAT
from ...core.tensor import UNVERSIONED, Tensor
from ...formula import primitive
from ...formula.evaluate import compile_program
from ...formula.expression import parameter, symbol
from ...formula.program import Program


@cache
def kernel(formula: Callable, kind: Any, width: int, numbers: tuple[str, ...]) -> Callable | None:
    """The formula as ``f(*first operands, *second operands, ..., *numbers)``, which changes the first ones.

    Args:
        kind: Of all operands.
        width: How many operands the formula has.
        numbers: The names of its numbers.

    Returns:
        The kernel; None where the device has none.
    """
    if kind.dtype.category != FLOAT:
        return None
    symbols = [symbol(f"x{i}") for i in range(width)]
    roots = formula(primitive, *symbols, **{name: parameter(name) for name in numbers})
    program = Program(tuple(symbols), roots, numbers)
    name = formula.__name__
    interpreter = compile_program(program, kind.xp, kind.compute, name)
    return kind.backend.foreach(kind.device.index, program, kind.numpy, name, interpreter)


def number_of(x: Any, count: int) -> Any:
    """A number as kernels take it: of a tensor on a device, an array there with one for each of so many groups."""
    if x.__class__ is float:
        return x
    if not isinstance(x, Tensor):
        return float(x)
    if x._kind.device is CPU:
        return float(x._array.item())
    return x.double().expand(count).contiguous()._array  # type: ignore[attr-defined]


def is_plain(x: Tensor, kind: Any) -> bool:
    """Is it of this kind, and does nobody want a gradient of what happens to it?"""
    return x._kind is kind and (x._node is None or not mode.recording)


def of_operation(function: Any) -> Callable:
    """The formula of a pointwise operation, which changes its first operand."""
    operation = function.operation

    def formula(xp: Any, *operands: Any, **numbers: Any) -> tuple:
        return (operation.formula(*operands, **numbers),)

    formula.__name__ = operation.name
    return formula


def change(formula: Callable, *lists: Any, **numbers: Any) -> bool:
    """Change the tensors of the first list in place, all at once. Were they changed?

    They are not where the device has no kernel for them, or a gradient is wanted: then each is to be changed by itself.
    Nor are they where something is wrong, which that explains.
    """
    arrays, cells, recording = [], [], mode.recording
    try:
        first = lists[0][0]._kind
        for x in lists[0]:
            array, base = x._array, x._base
            if x._kind is not first or x._cell[0] is UNVERSIONED:
                return False
            if array.__class__ is ndarray and not (array.flags.forc and array.flags.writeable):
                return False
            if recording and (x._node is not None or (base is not None and base._node is not None)):
                return False
            arrays.append(array)
            cells.append(x._cell)
        count = len(arrays)
        for xs in lists[1:]:
            if len(xs) != count:
                return False
            for x, own in zip(xs, arrays):
                array = x._array
                if x._kind is not first or (x._node is not None and recording):
                    return False
                if array.shape != own.shape:
                    return False
                arrays.append(array)
    except (AttributeError, IndexError, TypeError):
        return False
    found = kernel(formula, first, len(lists), tuple(numbers))
    if found is None:
        return False
    found(*arrays, *[number_of(x, count) for x in numbers.values()])
    for cell in cells:
        cell[0] += 1
        if getrefcount(cell) > UNSAVED + 1:  # `cells` holds it too
            note_write(cell)
    return True
