"""Threads: one pool for all machine code, and one number of threads for it and for NumPy's BLAS.

The pool's own code is machine code too (`TEXT`): its workers never touch Python, so they need no interpreter lock,
survive nothing and clean up nothing. A job is a kernel's frame cut into pieces whose number depends on the sizes
alone, so results have the same bits on any number of threads. Every thread has a range of the pieces, the same part of
the data in one job after the other; who is done with the own range takes pieces of the others'. Pieces are claimed one
by one, the calling thread claims as well, and it waits only for pieces that somebody has begun.
"""

from __future__ import annotations

import ctypes
import os

from .processor import is_arm
from .runtime import immortal, set_fact

TEXT = """
; The pool, 64-bit words (a cache line has eight):
;   8 done: pieces finished        16 number of the job
;  17 kernel   18 frame   19 pieces   20 rows   21 length   22 pieces of a row (or of rows)   23 ranges
;  24 how many helpers may join    25 how many sleep    26 is a caller using the pool?
;  32 mutex    48 condition
;  64 a line for each range of pieces: the job's number (high half) and the next piece to take (low half)
@runtime_SYMBOL = global ptr null
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare void @DECLARED

; The first piece of a range.
define internal i64 @first(i64 %range, i64 %pieces, i64 %ranges) alwaysinline {
  %product = mul i64 %range, %pieces
  %piece = udiv i64 %product, %ranges
  ret i64 %piece
}

; Claims pieces of the present job and computes them until none is left: first those of the own range,
; whose data the processor may still hold from the job before, then the others'.
define internal void @work(ptr %pool, i64 %own) {
entry:
  %done_at = getelementptr i64, ptr %pool, i64 8
  %kernel_at = getelementptr i64, ptr %pool, i64 17
  %frame_at = getelementptr i64, ptr %pool, i64 18
  %pieces_at = getelementptr i64, ptr %pool, i64 19
  %rows_at = getelementptr i64, ptr %pool, i64 20
  %length_at = getelementptr i64, ptr %pool, i64 21
  %within_at = getelementptr i64, ptr %pool, i64 22
  %ranges_at = getelementptr i64, ptr %pool, i64 23
  %lines = getelementptr i64, ptr %pool, i64 64
  %ranges = load atomic i64, ptr %ranges_at seq_cst, align 8
  %own_over = icmp uge i64 %own, %ranges
  %start = select i1 %own_over, i64 0, i64 %own
  br label %choose
choose:
  %visited = phi i64 [0, %entry], [%visited1, %exhausted]
  %range = phi i64 [%start, %entry], [%range1, %exhausted]
  %line = shl i64 %range, 3
  %claim_at = getelementptr i64, ptr %lines, i64 %line
  %range_next = add i64 %range, 1
  br label %look
look:
  %word = load atomic i64, ptr %claim_at seq_cst, align 8
  %pieces = load atomic i64, ptr %pieces_at seq_cst, align 8
  %ranges_now = load atomic i64, ptr %ranges_at seq_cst, align 8
  %piece = and i64 %word, 4294967295
  %stop = call i64 @first(i64 %range_next, i64 %pieces, i64 %ranges_now)
  %more = icmp ult i64 %piece, %stop
  br i1 %more, label %claim, label %exhausted
exhausted:
  %visited1 = add i64 %visited, 1
  %last = icmp eq i64 %range_next, %ranges
  %range1 = select i1 %last, i64 0, i64 %range_next
  %others = icmp ult i64 %visited1, %ranges
  br i1 %others, label %choose, label %leave
claim: ; succeeds only while this very job is open, so the facts read since %word, and those below, are this job's
  %next = add i64 %word, 1
  %pair = cmpxchg ptr %claim_at, i64 %word, i64 %next seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %compute, label %look
compute:
  %kernel = load ptr, ptr %kernel_at
  %frame = load ptr, ptr %frame_at
  %rows = load i64, ptr %rows_at
  %length = load i64, ptr %length_at
  %within = load i64, ptr %within_at
  %inside = icmp ne i64 %within, 0
  br i1 %inside, label %part, label %several
part: ; a piece of the only row, a whole number of cache lines long
  %share = add i64 %length, %pieces
  %share1 = sub i64 %share, 1
  %share2 = udiv i64 %share1, %pieces
  %share3 = add i64 %share2, 63
  %step = and i64 %share3, -64
  %from = mul i64 %piece, %step
  %from_over = icmp ugt i64 %from, %length
  %begin = select i1 %from_over, i64 %length, i64 %from
  %to = add i64 %from, %step
  %to_over = icmp ugt i64 %to, %length
  %end = select i1 %to_over, i64 %length, i64 %to
  call void %kernel(ptr %frame, i64 0, i64 %rows, i64 %begin, i64 %end)
  br label %finished
several: ; a range of rows
  %row_begin = call i64 @first(i64 %piece, i64 %rows, i64 %pieces)
  %piece_next = add i64 %piece, 1
  %row_end = call i64 @first(i64 %piece_next, i64 %rows, i64 %pieces)
  call void %kernel(ptr %frame, i64 %row_begin, i64 %row_end, i64 0, i64 %length)
  br label %finished
finished:
  %ignored = atomicrmw add ptr %done_at, i64 1 seq_cst
  br label %look
leave:
  ret void
}

; A helper's life: work, look around for a while, sleep. %self: the pool and the helper's number.
define ptr @helper_SYMBOL(ptr %self) {
entry:
  %pool = load ptr, ptr %self
  %number_at = getelementptr i64, ptr %self, i64 1
  %number = load i64, ptr %number_at
  %own = add i64 %number, 1
  %job_at = getelementptr i64, ptr %pool, i64 16
  %limit_at = getelementptr i64, ptr %pool, i64 24
  %sleeping_at = getelementptr i64, ptr %pool, i64 25
  %mutex = getelementptr i64, ptr %pool, i64 32
  %condition = getelementptr i64, ptr %pool, i64 48
  br label %again
again:
  %job = load atomic i64, ptr %job_at seq_cst, align 8
  %limit = load atomic i64, ptr %limit_at seq_cst, align 8
  %wanted = icmp slt i64 %number, %limit
  br i1 %wanted, label %join, label %wait
join:
  call void @work(ptr %pool, i64 %own)
  br label %spin
spin: ; the next job often follows soon; after a while, only as long as nobody else wants this processor
  %turn = phi i64 [0, %join], [%turn1, %spin_on], [%turn1, %yield]
  %now = load atomic i64, ptr %job_at seq_cst, align 8
  %changed = icmp ne i64 %now, %job
  br i1 %changed, label %again, label %spin_on
spin_on:
  call void @PAUSE
  %turn1 = add i64 %turn, 1
  %patient = icmp ult i64 %turn1, EAGER
  br i1 %patient, label %spin, label %polite
polite:
  %tired = icmp ugt i64 %turn1, TIRED
  br i1 %tired, label %wait, label %yield
yield:
  %yielded = call i32 @sched_yield()
  br label %spin
wait:
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %counted = atomicrmw add ptr %sleeping_at, i64 1 seq_cst
  br label %asleep
asleep:
  %then = load atomic i64, ptr %job_at seq_cst, align 8
  %same = icmp eq i64 %then, %job
  br i1 %same, label %sleep, label %awake
sleep:
  %slept = call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %asleep
awake:
  %uncounted = atomicrmw sub ptr %sleeping_at, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %again
}

; Compute a kernel over all rows. %weight: elements in all; %divisible: may one row be cut?
define void @SYMBOL(ptr %pool, ptr %kernel, ptr %frame, i64 %rows, i64 %length, i64 %weight, i64 %divisible) {
entry:
  %limit_at = getelementptr i64, ptr %pool, i64 24
  %limit = load atomic i64, ptr %limit_at seq_cst, align 8
  %alone = icmp sle i64 %limit, 0
  br i1 %alone, label %serial, label %plan
plan:
  %grains = lshr i64 %weight, 14
  %some = icmp ugt i64 %grains, 1
  br i1 %some, label %cut, label %serial
cut:
  %capped_over = icmp ugt i64 %grains, 1024
  %capped = select i1 %capped_over, i64 1024, i64 %grains
  %one_row = icmp ule i64 %rows, 1
  %can_cut = icmp ne i64 %divisible, 0
  %inside = and i1 %one_row, %can_cut
  %within = zext i1 %inside to i64
  %enough_rows = icmp ult i64 %rows, %capped
  %by_rows = select i1 %enough_rows, i64 %rows, i64 %capped
  %pieces = select i1 %inside, i64 %capped, i64 %by_rows
  %several = icmp ugt i64 %pieces, 1
  br i1 %several, label %enter, label %serial
enter:
  %busy_at = getelementptr i64, ptr %pool, i64 26
  %pair = cmpxchg ptr %busy_at, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %pair, 1
  br i1 %free, label %publish, label %serial
publish: ; first close the old job, so that nobody mixes its number with the new job's facts
  %lines = getelementptr i64, ptr %pool, i64 64
  %ranges_at = getelementptr i64, ptr %pool, i64 23
  %old_ranges = load atomic i64, ptr %ranges_at seq_cst, align 8
  %threads = add i64 %limit, 1
  %crowded = icmp ult i64 %pieces, %threads
  %ranges = select i1 %crowded, i64 %pieces, i64 %threads
  %shrinks = icmp ugt i64 %old_ranges, %ranges
  %touched = select i1 %shrinks, i64 %old_ranges, i64 %ranges
  %job_at = getelementptr i64, ptr %pool, i64 16
  %last = load atomic i64, ptr %job_at seq_cst, align 8
  %job = add i64 %last, 1
  %high = shl i64 %job, 32
  %closed = or i64 %high, 4294967295
  br label %close
close:
  %c = phi i64 [0, %publish], [%c1, %close]
  %close_line = shl i64 %c, 3
  %close_at = getelementptr i64, ptr %lines, i64 %close_line
  store atomic i64 %closed, ptr %close_at seq_cst, align 8
  %c1 = add i64 %c, 1
  %close_more = icmp ult i64 %c1, %touched
  br i1 %close_more, label %close, label %describe
describe:
  %done_at = getelementptr i64, ptr %pool, i64 8
  %kernel_at = getelementptr i64, ptr %pool, i64 17
  %frame_at = getelementptr i64, ptr %pool, i64 18
  %pieces_at = getelementptr i64, ptr %pool, i64 19
  %rows_at = getelementptr i64, ptr %pool, i64 20
  %length_at = getelementptr i64, ptr %pool, i64 21
  %within_at = getelementptr i64, ptr %pool, i64 22
  store atomic i64 0, ptr %done_at seq_cst, align 8
  store ptr %kernel, ptr %kernel_at
  store ptr %frame, ptr %frame_at
  store i64 %rows, ptr %rows_at
  store i64 %length, ptr %length_at
  store i64 %within, ptr %within_at
  store atomic i64 %pieces, ptr %pieces_at seq_cst, align 8
  store atomic i64 %ranges, ptr %ranges_at seq_cst, align 8
  br label %open
open:
  %o = phi i64 [0, %describe], [%o1, %open]
  %open_line = shl i64 %o, 3
  %open_at = getelementptr i64, ptr %lines, i64 %open_line
  %open_piece = call i64 @first(i64 %o, i64 %pieces, i64 %ranges)
  %open_word = or i64 %high, %open_piece
  store atomic i64 %open_word, ptr %open_at seq_cst, align 8
  %o1 = add i64 %o, 1
  %open_more = icmp ult i64 %o1, %ranges
  br i1 %open_more, label %open, label %call
call:
  store atomic i64 %job, ptr %job_at seq_cst, align 8
  %sleeping_at = getelementptr i64, ptr %pool, i64 25
  %sleeping = load atomic i64, ptr %sleeping_at seq_cst, align 8
  %anybody = icmp ne i64 %sleeping, 0
  br i1 %anybody, label %wake, label %begin
wake:
  %mutex = getelementptr i64, ptr %pool, i64 32
  %condition = getelementptr i64, ptr %pool, i64 48
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %woken = call i32 @pthread_cond_broadcast(ptr %condition)
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %begin
begin:
  call void @work(ptr %pool, i64 0)
  br label %wait
wait:
  %turn = phi i64 [0, %begin], [%turn1, %wait_on], [%turn, %yield]
  %done = load atomic i64, ptr %done_at seq_cst, align 8
  %all = icmp eq i64 %done, %pieces
  br i1 %all, label %finish, label %patience
patience:
  %patient = icmp ult i64 %turn, EAGER
  br i1 %patient, label %wait_on, label %yield
wait_on:
  call void @PAUSE
  %turn1 = add i64 %turn, 1
  br label %wait
yield:
  %yielded = call i32 @sched_yield()
  br label %wait
finish:
  store atomic i64 0, ptr %busy_at seq_cst, align 8
  ret void
serial:
  call void %kernel(ptr %frame, i64 0, i64 %rows, i64 0, i64 %length)
  ret void
}
"""

MOST = 256
_RANGES, _LIMIT, _MUTEX, _CONDITION, _LINES = 23, 24, 32, 48, 64
WORDS = _LINES + 8 * MOST
EAGER, TIRED = 500, 700
"""How often a helper looks for its next job at full speed, and how often at all before it sleeps."""


def text() -> str:
    """The pool's module, for this kind of processor."""
    if is_arm():
        pause, declared = "llvm.aarch64.hint(i32 1)", "llvm.aarch64.hint(i32)"
    else:
        pause = declared = "llvm.x86.sse2.pause()"
    found = TEXT.replace("PAUSE", pause).replace("DECLARED", declared)
    return found.replace("EAGER", str(EAGER)).replace("TIRED", str(TIRED))


class Pool:
    """The process's helpers. There is one pool; a child process begins with none of its parent's helpers."""

    def __init__(self, run: int, helper: int):
        self.run, self.helper = run, helper
        self.threads = 1
        self.begin()

    def begin(self) -> None:
        self.words = immortal((ctypes.c_int64 * WORDS)())  # a helper may be looking at it
        self.words[_RANGES] = 1
        self.helpers = 0
        libc = ctypes.CDLL(None)
        libc.pthread_mutex_init(self.at(_MUTEX), None)
        libc.pthread_cond_init(self.at(_CONDITION), None)
        set_fact("pool", ctypes.addressof(self.words))
        set_fact("pool_run", self.run)
        self.resize(self.threads)

    def at(self, word: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(self.words) + 8 * word)

    def resize(self, threads: int) -> None:
        """Let `threads` threads compute, the calling one included."""
        self.threads = threads
        create = ctypes.CDLL(None).pthread_create
        while self.helpers < min(threads, MOST) - 1:
            block = immortal((ctypes.c_int64 * 2)(ctypes.addressof(self.words), self.helpers))
            identity = ctypes.c_void_p()
            if create(ctypes.byref(identity), None, ctypes.c_void_p(self.helper), block):
                break  # the system gives no more threads; those that there are do
            self.helpers += 1
        self.words[_LIMIT] = min(threads - 1, self.helpers)


def is_possible() -> bool:
    """Has the system the threads that the pool is made of?"""
    return os.name == "posix"


def usable_processors() -> int:
    """How many this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
