"""The allocator of results, as machine code: lists of free blocks by size (see `memory`).

NumPy frees an array by the functions that stand in its memory handler (NEP 49), so it may outlive anything here.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from .layout import ARRAY, DESCRIPTION, INDEX, OBJECT_TYPE, TUPLE_ITEMS, immortal, set_fact

BINS = 320
WORDS = 16
"""Of the state, before the bins."""
_LARGEST = 1 << 46
_MAPPED, _HUGE = 1 << 20, 2 << 20
"""Sizes from which blocks are mappings of their own, and from which they use large pages."""
_HANDLER = b"mem_handler"

TEXT = f"""
; The state, 64-bit words:
;   0 limit   1 bytes kept   2 bytes in use   3 their peak   4 blocks taken   5 of kept ones
;   6 from the system   7 given back to it   8 blocks in use   9 where sweeping goes on
;  16 a word for each bin: its first free block   {16 + BINS} for each: asked for since the last sweep?
; A block begins with 64 bytes of its own: the bin, the size, and, while it is free, the next free block.
@runtime_SYMBOL = global ptr null
@state = internal global [{16 + 2 * BINS} x i64] zeroinitializer, align 64
declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @munmap(ptr, i64)
declare i32 @madvise(ptr, i64, i32)
declare i64 @llvm.ctlz.i64(i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64, i64)

define internal ptr @word(i64 %index) alwaysinline {{
  %at = getelementptr i64, ptr @state, i64 %index
  ret ptr %at
}}

define internal void @change(i64 %index, i64 %by) alwaysinline {{
  %at = call ptr @word(i64 %index)
  %old = load i64, ptr %at
  %new = add i64 %old, %by
  store i64 %new, ptr %at
  ret void
}}

define ptr @state_SYMBOL() {{
  ret ptr @state
}}

; Gives free blocks of a bin back to the system until no more than %limit bytes are kept.
define internal void @drain(i64 %bin, i64 %limit) {{
entry:
  %kept_at = call ptr @word(i64 1)
  %place = add i64 %bin, 16
  %head_at = call ptr @word(i64 %place)
  br label %next
next:
  %block = load ptr, ptr %head_at
  %none = icmp eq ptr %block, null
  %kept = load i64, ptr %kept_at
  %enough = icmp ule i64 %kept, %limit
  %stop = or i1 %none, %enough
  br i1 %stop, label %done, label %drop
drop:
  %size_at = getelementptr i64, ptr %block, i64 1
  %size = load i64, ptr %size_at
  %link_at = getelementptr i64, ptr %block, i64 2
  %link = load ptr, ptr %link_at
  store ptr %link, ptr %head_at
  call void @give_back(ptr %block, i64 %size)
  %less = sub i64 0, %size
  call void @change(i64 1, i64 %less)
  br label %next
done:
  ret void
}}

define void @release_SYMBOL() {{
entry:
  br label %next
next:
  %bin = phi i64 [0, %entry], [%bin1, %next]
  call void @drain(i64 %bin, i64 0)
  %bin1 = add i64 %bin, 1
  %more = icmp ult i64 %bin1, {BINS}
  br i1 %more, label %next, label %done
done:
  ret void
}}

; Drains bins until the limit is kept, those that were asked for since the last round last.
define internal void @sweep() {{
entry:
  %limit = load i64, ptr @state
  %kept_at = call ptr @word(i64 1)
  %cursor_at = call ptr @word(i64 9)
  br label %look
look:
  %kept = load i64, ptr %kept_at
  %over = icmp ugt i64 %kept, %limit
  br i1 %over, label %visit, label %done
visit:
  %bin = load i64, ptr %cursor_at
  %bin1 = add i64 %bin, 1
  %wraps = icmp eq i64 %bin1, {BINS}
  %onward = select i1 %wraps, i64 0, i64 %bin1
  store i64 %onward, ptr %cursor_at
  %mark = add i64 %bin, {16 + BINS}
  %mark_at = call ptr @word(i64 %mark)
  %asked = load i64, ptr %mark_at
  store i64 0, ptr %mark_at
  %wanted = icmp ne i64 %asked, 0
  br i1 %wanted, label %look, label %drain
drain:
  call void @drain(i64 %bin, i64 %limit)
  br label %look
done:
  ret void
}}

; From the system: on a cache line. Large blocks are mappings of their own, which can be given back at any time; from
; 2 MB on they begin on a page of that size, which the system is asked to use.
define internal ptr @fetch(i64 %size) {{
entry:
  %place = alloca ptr
  %large = icmp uge i64 %size, {_MAPPED}
  br i1 %large, label %map, label %small
small:
  %failed = call i32 @posix_memalign(ptr %place, i64 64, i64 %size)
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %nothing, label %got
nothing:
  ret ptr null
got:
  %block = load ptr, ptr %place
  br label %done
map:
  %huge = icmp uge i64 %size, {_HUGE}
  %extra = select i1 %huge, i64 {_HUGE}, i64 0
  %all = add i64 %size, %extra
  %mapped = call ptr @mmap(ptr null, i64 %all, i32 3, i32 ANONYMOUS, i32 -1, i64 0)
  %address = ptrtoint ptr %mapped to i64
  %lacking = icmp eq i64 %address, -1
  br i1 %lacking, label %nothing, label %arrange
arrange:
  br i1 %huge, label %align, label %aligned
align: ; what lies before the first large page, and behind the block, goes back
  %up = add i64 %address, {_HUGE - 1}
  %start = and i64 %up, {-_HUGE}
  %before = sub i64 %start, %address
  %first = inttoptr i64 %start to ptr
  %some_before = icmp ne i64 %before, 0
  br i1 %some_before, label %trim_front, label %trim_back
trim_front:
  %trimmed = call i32 @munmap(ptr %mapped, i64 %before)
  br label %trim_back
trim_back:
  %after = sub i64 {_HUGE}, %before
  %end = getelementptr i8, ptr %first, i64 %size
  %some_after = icmp ne i64 %after, 0
  br i1 %some_after, label %trim_end, label %advise
trim_end:
  %cut = call i32 @munmap(ptr %end, i64 %after)
  br label %advise
advise:
  %advised = call i32 @madvise(ptr %first, i64 %size, i32 ADVICE)
  br label %aligned
aligned:
  %large_block = phi ptr [%mapped, %arrange], [%first, %advise]
  br label %done
done:
  %found = phi ptr [%block, %got], [%large_block, %aligned]
  call void @change(i64 6, i64 1)
  ret ptr %found
}}

define internal void @give_back(ptr %block, i64 %size) {{
entry:
  call void @change(i64 7, i64 1)
  %large = icmp uge i64 %size, {_MAPPED}
  br i1 %large, label %unmap, label %small
unmap:
  %unmapped = call i32 @munmap(ptr %block, i64 %size)
  ret void
small:
  call void @free(ptr %block)
  ret void
}}

define ptr @malloc_SYMBOL(ptr %context, i64 %bytes) {{
entry:
  %whole = add i64 %bytes, 64
  %absurd = icmp ugt i64 %whole, {_LARGEST}
  br i1 %absurd, label %refuse, label %measure
refuse:
  ret ptr null
measure: ; up to 1 kB in steps of 64 bytes, above with 8 steps between powers of two
  %less = sub i64 %whole, 1
  %small = icmp ule i64 %whole, 1024
  %zeros = call i64 @llvm.ctlz.i64(i64 %less, i1 false)
  %power = sub i64 63, %zeros
  %shift_large = sub i64 %power, 3
  %shift = select i1 %small, i64 6, i64 %shift_large
  %steps = lshr i64 %less, %shift
  %steps1 = add i64 %steps, 1
  %size = shl i64 %steps1, %shift
  %octave = mul i64 %power, 8
  %bin_large0 = add i64 %octave, %steps
  %bin_large = sub i64 %bin_large0, {10 * 8 + 8 - 17}
  %bin = select i1 %small, i64 %steps1, i64 %bin_large
  %mark = add i64 %bin, {16 + BINS}
  %mark_at = call ptr @word(i64 %mark)
  store i64 1, ptr %mark_at
  %place = add i64 %bin, 16
  %head_at = call ptr @word(i64 %place)
  %head = load ptr, ptr %head_at
  %empty = icmp eq ptr %head, null
  br i1 %empty, label %fetch, label %pop
pop:
  %link_at = getelementptr i64, ptr %head, i64 2
  %link = load ptr, ptr %link_at
  store ptr %link, ptr %head_at
  %taken = sub i64 0, %size
  call void @change(i64 1, i64 %taken)
  call void @change(i64 5, i64 1)
  br label %give
fetch:
  %fresh = call ptr @fetch(i64 %size)
  %lacking = icmp eq ptr %fresh, null
  br i1 %lacking, label %again, label %inscribe
again:
  call void @release_SYMBOL()
  %second = call ptr @fetch(i64 %size)
  %hopeless = icmp eq ptr %second, null
  br i1 %hopeless, label %refuse, label %inscribe
inscribe:
  %new = phi ptr [%fresh, %fetch], [%second, %again]
  store i64 %bin, ptr %new
  %size_at = getelementptr i64, ptr %new, i64 1
  store i64 %size, ptr %size_at
  br label %give
give:
  %block = phi ptr [%head, %pop], [%new, %inscribe]
  call void @change(i64 2, i64 %size)
  call void @change(i64 4, i64 1)
  call void @change(i64 8, i64 1)
  %live_at = call ptr @word(i64 2)
  %live = load i64, ptr %live_at
  %peak_at = call ptr @word(i64 3)
  %peak = load i64, ptr %peak_at
  %higher = icmp ugt i64 %live, %peak
  %top = select i1 %higher, i64 %live, i64 %peak
  store i64 %top, ptr %peak_at
  %data = getelementptr i8, ptr %block, i64 64
  ret ptr %data
}}

define void @free_SYMBOL(ptr %context, ptr %data, i64 %bytes) {{
entry:
  %nothing = icmp eq ptr %data, null
  br i1 %nothing, label %done, label %account
account:
  %block = getelementptr i8, ptr %data, i64 -64
  %bin = load i64, ptr %block
  %size_at = getelementptr i64, ptr %block, i64 1
  %size = load i64, ptr %size_at
  %less = sub i64 0, %size
  call void @change(i64 2, i64 %less)
  call void @change(i64 8, i64 -1)
  %limit = load i64, ptr @state
  %huge = icmp ugt i64 %size, %limit
  br i1 %huge, label %return, label %keep
return:
  call void @give_back(ptr %block, i64 %size)
  br label %done
keep:
  %place = add i64 %bin, 16
  %head_at = call ptr @word(i64 %place)
  %head = load ptr, ptr %head_at
  %link_at = getelementptr i64, ptr %block, i64 2
  store ptr %head, ptr %link_at
  store ptr %block, ptr %head_at
  call void @change(i64 1, i64 %size)
  %kept_at = call ptr @word(i64 1)
  %kept = load i64, ptr %kept_at
  %over = icmp ugt i64 %kept, %limit
  br i1 %over, label %sweep, label %done
sweep:
  call void @sweep()
  br label %done
done:
  ret void
}}

define ptr @calloc_SYMBOL(ptr %context, i64 %count, i64 %each) {{
entry:
  %pair = call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 %count, i64 %each)
  %over = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %over, label %refuse, label %take
refuse:
  ret ptr null
take:
  %bytes = extractvalue {{ i64, i1 }} %pair, 0
  %data = call ptr @malloc_SYMBOL(ptr %context, i64 %bytes)
  %lacking = icmp eq ptr %data, null
  br i1 %lacking, label %refuse, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %bytes, i1 false)
  ret ptr %data
}}

define ptr @realloc_SYMBOL(ptr %context, ptr %data, i64 %bytes) {{
entry:
  %new = call ptr @malloc_SYMBOL(ptr %context, i64 %bytes)
  %lacking = icmp eq ptr %new, null
  %first = icmp eq ptr %data, null
  %simple = or i1 %lacking, %first
  br i1 %simple, label %done, label %move
move:
  %size_at = getelementptr i8, ptr %data, i64 -56
  %size = load i64, ptr %size_at
  %old = sub i64 %size, 64
  %shrinks = icmp ult i64 %bytes, %old
  %common = select i1 %shrinks, i64 %bytes, i64 %old
  call void @llvm.memcpy.p0.p0.i64(ptr %new, ptr %data, i64 %common, i1 false)
  call void @free_SYMBOL(ptr %context, ptr %data, i64 %old)
  br label %done
done:
  ret ptr %new
}}

; The array of a dtype and a shape whose values are whatever the memory held; null with an exception.
define ptr @array_SYMBOL(ptr %table, ptr %descr, i32 %nd, ptr %dims) {{
entry:
  %descr_size_at = getelementptr i8, ptr %descr, i64 {DESCRIPTION["elsize"]}
  %each = load i64, ptr %descr_size_at
  %increase_at = getelementptr ptr, ptr %table, i64 {INDEX["Py_IncRef"]}
  %increase = load ptr, ptr %increase_at
  %make_at = getelementptr ptr, ptr %table, i64 {INDEX["PyArray_NewFromDescr"]}
  %make = load ptr, ptr %make_at
  %class_at = getelementptr ptr, ptr %table, i64 {INDEX["ndarray"]}
  %class = load ptr, ptr %class_at
  br label %head
head:
  %i = phi i32 [0, %entry], [%i1, %next]
  %bytes = phi i64 [%each, %entry], [%product, %next]
  %more = icmp slt i32 %i, %nd
  br i1 %more, label %dim, label %sized
dim:
  %dim_at = getelementptr i64, ptr %dims, i32 %i
  %length = load i64, ptr %dim_at
  %pair = call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 %bytes, i64 %length)
  %product = extractvalue {{ i64, i1 }} %pair, 0
  %over = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %over, label %lacking, label %next
next:
  %i1 = add i32 %i, 1
  br label %head
sized: ; what has no elements, NumPy lays out in its own way
  %void = icmp eq i64 %bytes, 0
  br i1 %void, label %hollow, label %solid
hollow:
  call void %increase(ptr %descr)
  %nothing = call ptr %make(ptr %class, ptr %descr, i32 %nd, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  ret ptr %nothing
solid:
  %data = call ptr @malloc_SYMBOL(ptr null, i64 %bytes)
  %none = icmp eq ptr %data, null
  br i1 %none, label %lacking, label %wrap
lacking:
  %no_memory_at = getelementptr ptr, ptr %table, i64 {INDEX["PyErr_NoMemory"]}
  %no_memory = load ptr, ptr %no_memory_at
  %ignored = call ptr %no_memory()
  ret ptr null
wrap:
  call void %increase(ptr %descr)
  %array = call ptr %make(ptr %class, ptr %descr, i32 %nd, ptr %dims, ptr null, ptr %data, i32 1281, ptr null)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %undo, label %own
undo:
  call void @free_SYMBOL(ptr null, ptr %data, i64 0)
  ret ptr null
own:
  %flags_at = getelementptr i8, ptr %array, i64 {ARRAY["flags"]}
  %flags = load i32, ptr %flags_at
  %owns = or i32 %flags, 4
  store i32 %owns, ptr %flags_at
  %handler_at = getelementptr ptr, ptr %table, i64 {INDEX["memory_handler"]}
  %handler = load ptr, ptr %handler_at
  call void %increase(ptr %handler)
  %field_at = getelementptr i8, ptr %array, i64 {ARRAY["handler"]}
  store ptr %handler, ptr %field_at
  ret ptr %array
}}

; empty(shape, dtype): anything but a tuple of whole numbers and a dtype without objects is NumPy's to judge.
define ptr @SYMBOL(ptr %self, ptr %args, i64 %count) {{
entry:
  %dims = alloca [64 x i64]
  %table = load ptr, ptr @runtime_SYMBOL
  %two = icmp eq i64 %count, 2
  br i1 %two, label %given, label %slow
given:
  %shape = load ptr, ptr %args
  %descr_at = getelementptr ptr, ptr %args, i64 1
  %descr = load ptr, ptr %descr_at
  %shape_type_at = getelementptr i8, ptr %shape, i64 {OBJECT_TYPE}
  %shape_type = load ptr, ptr %shape_type_at
  %tuple_at = getelementptr ptr, ptr %table, i64 {INDEX["tuple"]}
  %tuple = load ptr, ptr %tuple_at
  %is_tuple = icmp eq ptr %shape_type, %tuple
  br i1 %is_tuple, label %typed, label %slow
typed: ; the type of a dtype's type is NumPy's own
  %descr_type_at = getelementptr i8, ptr %descr, i64 {OBJECT_TYPE}
  %descr_type = load ptr, ptr %descr_type_at
  %meta_at = getelementptr i8, ptr %descr_type, i64 {OBJECT_TYPE}
  %meta = load ptr, ptr %meta_at
  %known_at = getelementptr ptr, ptr %table, i64 {INDEX["dtype_type"]}
  %known = load ptr, ptr %known_at
  %is_descr = icmp eq ptr %meta, %known
  br i1 %is_descr, label %plain, label %slow
plain:
  %descr_flags_at = getelementptr i8, ptr %descr, i64 {DESCRIPTION["flags"]}
  %descr_flags = load i64, ptr %descr_flags_at
  %simple = icmp eq i64 %descr_flags, 0
  %length_at = getelementptr i8, ptr %shape, i64 {OBJECT_TYPE + 8}
  %length = load i64, ptr %length_at
  %few = icmp ule i64 %length, 64
  %fine = and i1 %simple, %few
  br i1 %fine, label %head, label %slow
head:
  %i = phi i64 [0, %plain], [%i1, %put]
  %more = icmp ult i64 %i, %length
  br i1 %more, label %item, label %ready
item:
  %items = getelementptr i8, ptr %shape, i64 {TUPLE_ITEMS}
  %item_at = getelementptr ptr, ptr %items, i64 %i
  %number = load ptr, ptr %item_at
  %number_type_at = getelementptr i8, ptr %number, i64 {OBJECT_TYPE}
  %number_type = load ptr, ptr %number_type_at
  %int_at = getelementptr ptr, ptr %table, i64 {INDEX["int"]}
  %int = load ptr, ptr %int_at
  %is_int = icmp eq ptr %number_type, %int
  br i1 %is_int, label %convert, label %slow
convert:
  %convert_at = getelementptr ptr, ptr %table, i64 {INDEX["PyLong_AsLongLong"]}
  %as_long = load ptr, ptr %convert_at
  %value = call i64 %as_long(ptr %number)
  %good = icmp sge i64 %value, 0
  br i1 %good, label %put, label %clear
clear:
  %clear_at = getelementptr ptr, ptr %table, i64 {INDEX["PyErr_Clear"]}
  %forget = load ptr, ptr %clear_at
  call void %forget()
  br label %slow
put:
  %dim_at = getelementptr i64, ptr %dims, i64 %i
  store i64 %value, ptr %dim_at
  %i1 = add i64 %i, 1
  br label %head
ready:
  %nd = trunc i64 %length to i32
  %array = call ptr @array_SYMBOL(ptr %table, ptr %descr, i32 %nd, ptr %dims)
  ret ptr %array
slow:
  %call_at = getelementptr ptr, ptr %table, i64 {INDEX["PyObject_Vectorcall"]}
  %call = load ptr, ptr %call_at
  %answer = call ptr %call(ptr %self, ptr %args, i64 %count, ptr null)
  ret ptr %answer
}}
"""


def allocator_text(system: str) -> str:
    """The module for an operating system: the numbers of mmap's flags and of the advice to use large pages differ."""
    flags, advice = ("34", "14") if system == "Linux" else ("4098", "0")
    return TEXT.replace("ANONYMOUS", flags).replace("ADVICE", advice)


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler, the allocator's five words at its end."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        *((part, ctypes.c_void_p) for part in ("context", "malloc", "calloc", "realloc", "free")),
    ]


class Allocator:
    """The allocator of this process; made with its `Machine`."""

    def __init__(self, machine: Any, limit: int):
        text = allocator_text(os.uname().sysname)
        address = machine.address(text)
        find = machine.engine.get_function_address
        symbol = machine.symbol(text)
        table = immortal(_Handler(b"flambeau", 1))
        for part in ("malloc", "calloc", "realloc", "free"):
            setattr(table, part, find(f"{part}_{symbol}"))
        capsule = ctypes.pythonapi.PyCapsule_New
        capsule.restype = ctypes.py_object
        capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self.handler = immortal(capsule(ctypes.addressof(table), _HANDLER, None))
        set_fact("memory_handler", id(self.handler))
        set_fact("new_array", find(f"array_{symbol}"))
        self.release = ctypes.PYFUNCTYPE(None)(find(f"release_{symbol}"))
        state = ctypes.PYFUNCTYPE(ctypes.c_void_p)(find(f"state_{symbol}"))()
        self.words = (ctypes.c_int64 * WORDS).from_address(state)
        self.words[0] = limit
        self.address = address
