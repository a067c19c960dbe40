"""The allocator's machine code: lists of free blocks by size, and what NumPy calls to take and to free one.

NumPy frees an array by the functions that stand in its memory handler (NEP 49), so it may outlive anything here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from ..llvm import Code, Function, Module, Value, choose, external, multiply_checked
from . import allocator_array
from .allocator_state import BINS, SIZE, Word

HEADER = 64
"""Bytes at the beginning of a block that are the allocator's own: a cache line."""
LARGEST = 1 << 46
"""Bytes of a block."""
MAPPED, HUGE = 1 << 20, 2 << 20
"""Sizes from which blocks are mappings of their own, and from which they use large pages."""
_READ_WRITE = 3


class Block(IntEnum):
    """The words of a block's header."""

    BIN = 0
    SIZE = 1
    NEXT = 2  # while it is free: the next free block of its bin


class System(NamedTuple):
    """Numbers that operating systems do not share.

    Attributes:
        private: mmap's flags for memory of this process alone that no file stands behind.
        huge: What madvise is told about large pages.
    """

    private: int
    huge: int


LINUX, MACOS = System(0x22, 14), System(0x1002, 0)

_ALIGNED = external("i32 @posix_memalign(ptr, i64, i64)")
_FREE = external("void @free(ptr)")
_MAP = external("ptr @mmap(ptr, i64, i32, i32, i32, i64)")
_UNMAP = external("i32 @munmap(ptr, i64)")
_ADVISE = external("i32 @madvise(ptr, i64, i32)")
_LEADING_ZEROS = external("i64 @llvm.ctlz.i64(i64, i1)")


def text(system: System) -> str:
    """The allocator's module for an operating system."""
    return _Allocator(system).module.text()


class _Allocator:
    """Writes the functions: each before those that call it."""

    def __init__(self, system: System):
        self.system = system
        self.module = Module()
        self.module.variables.append(
            f"@state = internal global [{SIZE} x i64] zeroinitializer, align 64"
        )
        self.state()
        self.give_back = self.define_give_back()
        self.drain = self.define_drain()
        self.release = self.define_release()
        self.sweep = self.define_sweep()
        self.fetch = self.define_fetch()
        self.malloc = self.define_malloc()
        self.free = self.define_free()
        self.define_calloc()
        self.define_realloc()
        allocator_array.define_empty(
            self.module, allocator_array.define_array(self.module, self.malloc, self.free)
        )

    def state(self) -> None:
        code = self.module.define("ptr @state_SYMBOL()")
        code.give(code.symbol("state"))

    # --------------------------------------------------------------------- free blocks, by bins

    def define_give_back(self) -> Function:
        """A block to the system."""
        code = self.module.define("internal void @give_back(ptr %block, i64 %size)")
        block, size = code.parameters
        _change(code, Word.RETURNED, 1)
        with code.either(size.at_least(MAPPED)) as (large, small):
            with large:
                code.run(_UNMAP, block, size)
            with small:
                code.run(_FREE, block)
        code.give()
        return code.handle

    def define_drain(self) -> Function:
        """Gives free blocks of a bin back to the system until no more than %limit bytes are kept."""
        code = self.module.define("internal void @drain(i64 %bin, i64 %limit)")
        bin, limit = code.parameters
        first = _place(code, bin + Word.FIRST)
        with code.repeat() as loop:
            block = code.load(first, "ptr")
            loop.stop_when(block.is_null() | _word(code, Word.KEPT).at_most(limit))
            size = code.load(block.word(Block.SIZE), "i64")
            code.store(code.load(block.word(Block.NEXT), "ptr"), first)
            code.run(self.give_back, block, size)
            _change(code, Word.KEPT, -size)
        code.give()
        return code.handle

    def define_release(self) -> Function:
        """Gives all free blocks back."""
        code = self.module.define("void @release_SYMBOL()")
        with code.loop(code.integer(0), code.integer(BINS)) as bin:
            code.run(self.drain, bin, 0)
        code.give()
        return code.handle

    def define_sweep(self) -> Function:
        """Drains bins until the limit is kept, those that were asked for since the last round last."""
        code = self.module.define("internal void @sweep()")
        limit = _word(code, Word.LIMIT)
        cursor = _place(code, Word.CURSOR)
        with code.repeat() as loop:
            loop.stop_unless(_word(code, Word.KEPT).above(limit))
            bin = code.load(cursor, "i64")
            onward = bin + 1
            code.store(choose(onward.differs(BINS), onward, 0), cursor)
            mark = _place(code, bin + Word.ASKED)
            asked = code.load(mark, "i64")
            code.store(code.integer(0), mark)
            loop.next_when(asked.differs(0))
            code.run(self.drain, bin, limit)
        code.give()
        return code.handle

    # -------------------------------------------------------------------- blocks of the system

    def define_fetch(self) -> Function:
        """A block on a cache line. Large blocks are mappings of their own, which can be given back at any time."""
        code = self.module.define("internal ptr @fetch(i64 %size)")
        (size,) = code.parameters
        block = code.variable(code.null)
        with code.either(size.at_least(MAPPED)) as (large, small):
            with large:
                block.value = self.mapped(code, size)
            with small:
                place = code.slot("ptr")
                failed = code.run(_ALIGNED, place, HEADER, size)
                with code.when(failed.differs(0)):
                    code.give(code.null)
                block.value = code.load(place, "ptr")
        _change(code, Word.FETCHED, 1)
        code.give(block.value)
        return code.handle

    def mapped(self, code: Code, size: Value) -> Value:
        """A mapping. A huge one begins on a large page, which the system is asked to use."""
        huge = size.at_least(HUGE)
        all = size + choose(huge, size.like(HUGE), 0)
        made = code.run(_MAP, code.null, all, _READ_WRITE, self.system.private, -1, 0)
        with code.when(made.address().equals(-1)):
            code.give(code.null)
        block = code.variable(made)
        with code.when(huge):
            block.value = _on_large_page(code, made, size)
            code.run(_ADVISE, block.value, size, self.system.huge)
        return block.value

    # ----------------------------------------------------------------------- what NumPy calls

    def define_malloc(self) -> Function:
        code = self.module.define("ptr @malloc_SYMBOL(ptr %context, i64 %bytes)")
        _, bytes = code.parameters
        whole = bytes + HEADER
        with code.when(whole.above(LARGEST)):
            code.give(code.null)
        size, bin = _measured(code, whole)
        code.store(code.integer(1), _place(code, bin + Word.ASKED))
        first = _place(code, bin + Word.FIRST)
        block = code.variable(code.load(first, "ptr"))
        with code.either(block.value.is_null()) as (empty, some):
            with empty:
                block.value = self.fetched(code, size, bin)
            with some:
                code.store(code.load(block.value.word(Block.NEXT), "ptr"), first)
                _change(code, Word.KEPT, -size)
                _change(code, Word.REUSED, 1)
        _change(code, Word.LIVE, size)
        _change(code, Word.TAKEN, 1)
        _change(code, Word.BLOCKS, 1)
        live, peak = _word(code, Word.LIVE), _word(code, Word.PEAK)
        code.store(choose(live.above(peak), live, peak), _place(code, Word.PEAK))
        code.give(block.value.byte(HEADER))
        return code.handle

    def fetched(self, code: Code, size: Value, bin: Value) -> Value:
        """A block of the system; where it has none left, after all free ones went back."""
        block = code.variable(code.run(self.fetch, size))
        with code.when(block.value.is_null()):
            code.run(self.release)
            block.value = code.run(self.fetch, size)
            with code.when(block.value.is_null()):
                code.give(code.null)
        code.store(bin, block.value.word(Block.BIN))
        code.store(size, block.value.word(Block.SIZE))
        return block.value

    def define_free(self) -> Function:
        code = self.module.define("void @free_SYMBOL(ptr %context, ptr %data, i64 %bytes)")
        _, data, _ = code.parameters
        with code.when(data.is_null()):
            code.give()
        block = data.byte(-HEADER)
        bin = code.load(block.word(Block.BIN), "i64")
        size = code.load(block.word(Block.SIZE), "i64")
        _change(code, Word.LIVE, -size)
        _change(code, Word.BLOCKS, -1)
        limit = _word(code, Word.LIMIT)
        with code.when(size.above(limit)):
            code.run(self.give_back, block, size)
            code.give()
        first = _place(code, bin + Word.FIRST)
        code.store(code.load(first, "ptr"), block.word(Block.NEXT))
        code.store(block, first)
        _change(code, Word.KEPT, size)
        with code.when(_word(code, Word.KEPT).above(limit)):
            code.run(self.sweep)
        code.give()
        return code.handle

    def define_calloc(self) -> None:
        code = self.module.define("ptr @calloc_SYMBOL(ptr %context, i64 %count, i64 %each)")
        context, count, each = code.parameters
        bytes, lost = multiply_checked(count, each)
        with code.when(lost):
            code.give(code.null)
        data = code.run(self.malloc, context, bytes)
        with code.unless(data.is_null()):
            code.fill_bytes(data, 0, bytes)
        code.give(data)

    def define_realloc(self) -> None:
        code = self.module.define("ptr @realloc_SYMBOL(ptr %context, ptr %data, i64 %bytes)")
        context, data, bytes = code.parameters
        new = code.run(self.malloc, context, bytes)
        with code.unless(new.is_null() | data.is_null()):
            block = data.byte(-HEADER)
            old = code.load(block.word(Block.SIZE), "i64") - HEADER
            code.copy_bytes(new, data, choose(bytes.below(old), bytes, old))
            code.run(self.free, context, data, old)
        code.give(new)


def _place(code: Code, word: int | Value) -> Value:
    return code.symbol("state").word(word)


def _word(code: Code, word: Word) -> Value:
    return code.load(_place(code, word), "i64")


def _change(code: Code, word: Word, by: int | Value) -> None:
    place = _place(code, word)
    code.store(code.load(place, "i64") + by, place)


def _measured(code: Code, bytes: Value) -> tuple[Value, Value]:
    """The size of a block of so many bytes, and its bin: up to 1 kB in steps of 64, then 8 steps to a power of 2."""
    less = bytes - 1
    small = bytes.at_most(1024)
    power = less.like(63) - code.run(_LEADING_ZEROS, less, 0)
    shift = choose(small, less.like(6), power - 3)
    steps = less.down(shift)
    up = steps + 1
    # 17 is the first bin above 1 kB, where the power is 10 and there are 8 steps already.
    bin = power * 8 + steps - (10 * 8 + 8 - 17)
    return up << shift, choose(small, up, bin)


def _on_large_page(code: Code, made: Value, size: Value) -> Value:
    """The block within a mapping that is longer by a page: what lies before and behind it goes back."""
    address = made.address()
    start = address + (HUGE - 1) & -HUGE
    before = start - address
    after = before.like(HUGE) - before
    block = start.as_pointer()
    with code.when(before.differs(0)):
        code.run(_UNMAP, made, before)
    with code.when(after.differs(0)):
        code.run(_UNMAP, block.byte(size), after)
    return block
