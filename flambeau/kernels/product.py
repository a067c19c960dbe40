"""Products of many small matrices.

A row of the job is a block of rows of one matrix. The left operand is read where it lies,
whatever its strides; of the right one, groups of columns are packed where its columns are not
side by side (a transposed matrix), and at its end.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from .code import BITS, Code, Value
from .job import SIGNATURE, Frame, Job, quotient, remainder, smaller, working_space
from .machine import machine
from .tile import Shape, call_multiply, fitting, multiply, pack

BLOCK = 128
"""Rows of the left operand that are packed together: a whole number of tiles of every form."""
FRAME = Frame(
    "a", "b", "c", "a_starts", "b_starts", "offsets", "packed_offsets", "add",
    "m", "n", "k", "block", "blocks", "col_block", "col_blocks", "packs",
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
    """One block of rows of one matrix: the columns of the right operand are used from where they
    lie, unless they are too few or not side by side."""
    element, zero = shape.element, row.like(0)
    single = words.blocks * words.col_blocks
    item, part = quotient(row, single), remainder(row, single)
    top = quotient(part, words.col_blocks) * words.block
    begin = remainder(part, words.col_blocks) * words.col_block
    height = smaller(words.m - top, words.block)
    a = code.at(words.array("a"), element, starting(code, words, "a_starts", item))
    b = code.at(words.array("b"), element, starting(code, words, "b_starts", item))
    c = code.at(words.array("c"), element, (item * words.m + top) * words.n)
    right, offsets = code.slot("ptr"), code.slot("ptr")
    with code.loop(begin, smaller(begin + words.col_block, words.n), shape.columns) as j:
        wide = smaller(words.n - j, shape.columns)
        there = code.at(b, element, j * words.b_across)
        code.store(there, right)
        code.store(words.array("offsets"), offsets)
        with code.when(words.packs.differs(0) | (wide < shape.columns)):
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
                words.add,
            )  # fmt: skip


def starting(code: Code, words: Any, name: str, item: Value) -> Value:
    return code.load(code.at(words.array(name), "i64", item), "i64")


@lru_cache(512)
def _starts(lead: tuple[int, ...], strides: tuple[int, ...], item: int) -> Any:
    """Where each matrix of a batch begins, in elements."""
    starts = np.zeros(lead, np.int64)
    for axis, (size, stride) in enumerate(zip(lead, strides)):
        steps = np.arange(size, dtype=np.int64) * (stride // item)
        starts += steps.reshape(-1, *(1,) * (len(lead) - axis - 1))
    return starts.reshape(-1)


@lru_cache(512)
def _offsets(inner: int, step: int) -> Any:
    return np.arange(inner, dtype=np.int64) * step


ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
LEAST, MOST = 1 << 18, 1 << 28
"""Multiplications: fewer are quicker through NumPy; more for one matrix are BLAS's own field. From LEAST on
OpenBLAS would use its threads, which stall each other where a core is busy with something else."""
DEEPEST = 1 << 14
FAR = 1024
"""Bytes between the rows of a right operand from which on each costs a page: they are packed."""
ITEMS, MOST_ITEMS, SHARE = 16, 256, 1 << 22
"""Blocks that are wanted, so that threads have something to share: at least, at most, and the
multiplications of each."""


def product(x: Any, y: Any, bias: Any = None) -> Any:
    """x @ y, plus a bias for the columns, for matrices or stacks of them whose leading dimensions
    broadcast.

    NotImplemented where NumPy is faster.
    """
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
    result = np.empty((*lead, m, n), x.dtype)
    if bias is not None:
        if type(bias) is not np.ndarray or bias.dtype is not x.dtype:
            return NotImplemented
        result[:] = bias
    return multiplied(x, y, result, bias is not None)


def multiplied(x: Any, y: Any, result: Any, add: bool = False) -> Any:
    """Write x @ y into the result, or add it: C-contiguous, with all leading dimensions; no
    size is 0."""
    x, y = _in_elements(x, False), _in_elements(y, True)
    found = plan(ELEMENTS[x.dtype], x.shape, x.strides, y.shape, y.strides)
    found.job(
        [id(x), id(y), id(result), *found.tables, add, *found.numbers], found.rows, found.work
    )
    return result


class Plan(NamedTuple):
    """All that a product needs to know besides its arrays."""

    job: Job
    tables: tuple[int, ...]
    numbers: tuple[int, ...]
    rows: int
    work: int
    kept: tuple[Any, ...]


@lru_cache(4096)
def plan(
    element: str, x_shape: tuple[int, ...], x_strides: tuple[int, ...],
    y_shape: tuple[int, ...], y_strides: tuple[int, ...],
) -> Plan:  # fmt: skip
    """How stacks of such shapes and strides are multiplied."""
    (*lead, m, k), n = x_shape, y_shape[-1]
    item = BITS[element] // 8
    shape = fitting(element, machine().bits, min(m, BLOCK), n)
    a_starts, b_starts = (_starts(tuple(lead), v[:-2], item) for v in (x_strides, y_strides))
    b_along, b_across = y_strides[-2] // item, y_strides[-1] // item
    offsets, packed = _offsets(k, b_along), _offsets(k, shape.columns)
    packs = b_across != 1 or (abs(y_strides[-2]) >= FAR and m >= BLOCK // 2)
    (block, blocks), (col_block, col_blocks) = parts(shape, (m, n, k), a_starts.size, packs)
    kept = a_starts, b_starts, offsets, packed
    numbers = (
        m, n, k, block, blocks, col_block, col_blocks, packs,
        x_strides[-2] // item, x_strides[-1] // item, b_across, b_along,
    )  # fmt: skip
    work = a_starts.size * m * n * k // shape.lanes
    rows = a_starts.size * blocks * col_blocks
    return Plan(job(shape), tuple(map(id, kept)), numbers, rows, work, kept)


def parts(
    shape: Shape, sizes: tuple[int, int, int], count: int, packs: bool
) -> tuple[tuple, tuple]:
    """Each of `count` results cut into blocks of rows and of columns: how large, and how many.

    A right operand that is packed is packed for each block of rows, so it is cut along its
    columns first.
    """
    m, n, k = sizes
    wanted = -(-max(ITEMS, min(MOST_ITEMS, count * m * n * k // SHARE)) // count)
    panels = -(-n // shape.columns)
    if packs:
        across = min(panels, wanted)
        down = min(-(-m // (BLOCK // 2)), -(-wanted // across))
    else:
        down = max(-(-m // BLOCK), min(wanted, m // (4 * shape.rows)))
        across = min(panels, -(-wanted // down))
    block = -(-m // max(down, 1) // shape.rows) * shape.rows
    col_block = -(-panels // across) * shape.columns
    return (block, -(-m // block)), (col_block, -(-n // col_block))


def _in_elements(x: Any, right: bool) -> Any:
    """The stack, or a copy: strides count whole elements, and a right operand has no gaps in
    one dimension."""
    item = x.itemsize
    fits = x.flags.aligned and not any(stride % item for stride in x.strides)
    if right and item not in x.strides[-2:]:
        fits = False
    return x if fits else np.array(x, order="C", subok=False)
