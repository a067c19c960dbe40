"""Products of many small matrices.

A row of the job is a block of rows of one matrix. The left operand is read where it lies, whatever its strides; of the right
one, groups of columns are packed where its columns are not side by side (a transposed matrix), and at its end.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np

from .code import Code, Value
from .job import SIGNATURE, Frame, Job, quotient, remainder, smaller, working_space
from .machine import machine
from .tile import Shape, call_multiply, fitting, multiply, pack

BLOCK = 128
"""Rows of the left operand that are packed together: a whole number of tiles of every form."""
FRAME = Frame(
    "a", "b", "c", "a_starts", "b_starts", "offsets", "packed_offsets", "m", "n", "k", "block", "blocks",
    "a_across", "a_along", "b_across", "b_along",
)  # fmt: skip


@cache
def job(shape: Shape) -> Job:
    declarations: set[str] = set()
    code = Code(shape.lanes, declarations)
    words = FRAME.load(code)
    size = (words.k * shape.columns + shape.lanes) * shape.item
    with working_space(code, size) as panel:
        first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
        with code.loop(first, last) as row:
            block_of(code, shape, words, row, panel)
    code.line("ret void")
    kernel = code.function(SIGNATURE, "internal void")
    functions = [
        multiply(shape, declarations, packed=False),
        pack("pack", shape.columns, shape.element, shape.lanes, declarations),
        kernel,
    ]
    return Job(functions, declarations)


def block_of(code: Code, shape: Shape, words: Any, row: Value, panel: Value) -> None:
    """One block of rows of one matrix: the columns of the right operand are used from where they lie,
    unless they are too few or not side by side."""
    element, zero = shape.element, row.like(0)
    item, top = quotient(row, words.blocks), remainder(row, words.blocks) * words.block
    height = smaller(words.m - top, words.block)
    a = code.at(words.array("a"), element, starting(code, words, "a_starts", item))
    b = code.at(words.array("b"), element, starting(code, words, "b_starts", item))
    c = code.at(words.array("c"), element, (item * words.m + top) * words.n)
    right, offsets = code.slot("ptr"), code.slot("ptr")
    with code.loop(zero, words.n, shape.columns) as j:
        wide = smaller(words.n - j, shape.columns)
        there = code.at(b, element, j * words.b_across)
        code.store(there, right)
        code.store(words.array("offsets"), offsets)
        with code.when((words.b_across.differs(1)) | (wide < shape.columns)):
            code.line(
                f"call void @pack(ptr {panel.name}, ptr {there.name}, i64 {wide.name}, "
                f"i64 {words.k.name}, i64 {words.b_across.name}, i64 {words.b_along.name})"
            )
            code.store(panel, right)
            code.store(words.array("packed_offsets"), offsets)
        with code.loop(zero, height, shape.rows) as i:
            call_multiply(
                code,
                (code.at(a, element, (top + i) * words.a_across), words.a_across, words.a_along),
                (code.load(right, "ptr"), code.load(offsets, "ptr")),
                words.k,
                (
                    code.at(c, element, i * words.n + j), words.n,
                    smaller(height - i, shape.rows), wide,
                ),
                add=False,
            )  # fmt: skip


def starting(code: Code, words: Any, name: str, item: Value) -> Value:
    return code.load(code.at(words.array(name), "i64", item), "i64")


@lru_cache(4096)
def _starts(lead: tuple[int, ...], strides: tuple[int, ...], item: int) -> Any:
    """Where each matrix of a batch begins, in elements."""
    starts = np.zeros(lead, np.int64)
    for axis, (size, stride) in enumerate(zip(lead, strides)):
        steps = np.arange(size, dtype=np.int64) * (stride // item)
        starts += steps.reshape(-1, *(1,) * (len(lead) - axis - 1))
    return starts.reshape(-1)


@lru_cache(4096)
def _offsets(inner: int, step: int) -> Any:
    return np.arange(inner, dtype=np.int64) * step


ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
LEAST, MOST = 1 << 14, 1 << 22
"""Multiplications: fewer in all are quicker through NumPy, more for one matrix are BLAS's own field."""
DEEPEST = 2048


def product(x: Any, y: Any) -> Any:
    """x @ y for stacks of matrices whose leading dimensions broadcast; NotImplemented if NumPy is faster."""
    if type(x) is not np.ndarray or type(y) is not np.ndarray or x.dtype not in ELEMENTS:
        return NotImplemented
    (m, k), n = x.shape[-2:], y.shape[-1]
    one = m * k * n
    if x.dtype is not y.dtype or k > DEEPEST or not 0 < one <= MOST or y.shape[-2] != k:
        return NotImplemented
    lead = x.shape[:-2]
    if y.shape[:-2] != lead:
        lead = np.broadcast_shapes(lead, y.shape[:-2])
        x, y = np.broadcast_to(x, (*lead, m, k)), np.broadcast_to(y, (*lead, k, n))
    few = 2 * n < machine().bits // 8 // x.itemsize
    if few or one * math.prod(lead) < LEAST:
        return NotImplemented
    return multiplied(x, y, np.empty((*lead, m, n), x.dtype))


def multiplied(x: Any, y: Any, result: Any) -> Any:
    """Write x @ y into the result: C-contiguous, with the leading dimensions of both; none of the sizes is 0."""
    *lead, m, n = result.shape
    k = x.shape[-1]
    x, y = _in_elements(x, False), _in_elements(y, True)
    item = x.itemsize
    shape = fitting(ELEMENTS[x.dtype], machine().bits, min(m, BLOCK), n)
    a_starts, b_starts = (_starts(tuple(lead), v.strides[:-2], item) for v in (x, y))
    a_across, a_along = x.strides[-2] // item, x.strides[-1] // item
    b_along, b_across = y.strides[-2] // item, y.strides[-1] // item
    offsets, packed = _offsets(k, b_along), _offsets(k, shape.columns)
    blocks = -(-m // BLOCK)
    block = -(-m // blocks // shape.rows) * shape.rows
    words = [
        id(x), id(y), id(result), id(a_starts), id(b_starts), id(offsets), id(packed),
        m, n, k, block, blocks, a_across, a_along, b_across, b_along,
    ]  # fmt: skip
    rows = a_starts.size * blocks
    job(shape)(words, rows, rows * block * n * k // shape.lanes)
    return result


def _in_elements(x: Any, right: bool) -> Any:
    """The stack, or a copy: strides count whole elements, and a right operand has no gaps in one dimension."""
    item = x.itemsize
    fits = x.flags.aligned and not any(stride % item for stride in x.strides)
    if right and item not in x.strides[-2:]:
        fits = False
    return x if fits else np.array(x, order="C", subok=False)
