"""The pool's own machine code: a helper's life, and the sharing of a job.

A job is a kernel's frame cut into pieces. Each thread has a range of them, the same part of the data in one job after the
other, whose next piece stands in a word beside the job's number: so a piece is claimed by one exchange of that
word, which succeeds only while this very job is open.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from ..llvm import Code, Function, Loop, Module, Value, choose, external, quotient
from ..llvm.processor import is_arm
from . import interrupt

MOST_THREADS = 256
"""Threads, and ranges."""
EAGER, TIRED = 500, 700
"""How often a helper looks for its next job at full speed, and how often at all before it sleeps."""
GRAIN = 14
"""A piece has at least 2 ** 14 elements."""
MOST_PIECES = 1024
"""Of a job."""
PART = 20
"""What one thread computes without a break has at least 2 ** 20 elements, where there are pieces enough."""
_LINE = 8
"""Words of a cache line."""
_LOW = (1 << 32) - 1
"""The half of a claim that is the next piece; all ones, while no piece can be claimed."""


class Word(IntEnum):
    """The pool's words of 64 bits, those that change while a job runs on cache lines of their own."""

    DONE = 8  # pieces finished
    JOB = 16  # its number
    KERNEL = 17
    FRAME = 18
    PIECES = 19
    ROWS = 20
    LENGTH = 21
    DIVIDED = 22  # are pieces parts of the only row, or else ranges of rows?
    RANGES = 23
    HELPERS = 24  # how many may join
    SLEEPING = 25  # how many sleep
    BUSY = 26  # is a caller using the pool?
    MUTEX = 32
    CONDITION = 48
    CLAIMS = 64  # a line for each range: the job's number (high half) and the next piece to take (low half)


_JOB = (Word.KERNEL, Word.FRAME, Word.ROWS, Word.LENGTH, Word.DIVIDED)
"""Where a `Job` stands."""
SIZE = Word.CLAIMS + _LINE * MOST_THREADS
"""The pool's words."""

_LOCK = external("i32 @pthread_mutex_lock(ptr)")
_UNLOCK = external("i32 @pthread_mutex_unlock(ptr)")
_WAIT = external("i32 @pthread_cond_wait(ptr, ptr)")
_BROADCAST = external("i32 @pthread_cond_broadcast(ptr)")
_YIELD = external("i32 @sched_yield()")
_PAUSE_X86 = external("void @llvm.x86.sse2.pause()")
_PAUSE_ARM = external("void @llvm.aarch64.hint(i32)")


def text() -> str:
    """The pool's module, for this kind of processor."""
    module = Module()
    poll = interrupt.poll(module)
    work = _work(module)
    lead = _lead(module, poll)
    _helper(module, work)
    _run(module, lead, poll)
    return module.text()


# ------------------------------------------------------------------------------ a thread's work


def _work(module: Module) -> Function:
    """Claims pieces of the present job and computes them until none is left: first those of the own range,
    whose data the processor may still hold from the job before, then the others'."""
    code = module.define("internal void @work(ptr %pool, i64 %own)")
    pool, own = code.parameters
    _visit_ranges(code, pool, own, None)
    code.give()
    return code.handle


def _lead(module: Module, poll: Function) -> Function:
    """The same for the calling thread, which looks out for signals after each piece."""
    close = _close(module)
    code = module.define("internal void @lead(ptr %pool, ptr %watch)")
    pool, watch = code.parameters

    def look() -> None:
        with code.when(code.run(poll, watch).differs(0)):
            code.run(close, pool)

    _visit_ranges(code, pool, code.integer(0), look)
    _wait(code, pool, look)
    code.give()
    return code.handle


def _visit_ranges(code: Code, pool: Value, own: Value, look: Callable[[], None] | None) -> None:
    ranges = code.load_atomic(pool.word(Word.RANGES))
    visited = code.variable(0)
    range = code.variable(choose(own.below(ranges), own, 0))
    with code.repeat() as loop:
        here, following = range.value, range.value + 1
        _work_in_range(code, pool, _claim(pool, here), following, look)
        visited.value += 1
        range.value = choose(following.differs(ranges), following, 0)
        loop.stop_unless(visited.value.below(ranges))


def _work_in_range(
    code: Code, pool: Value, claim: Value, following: Value, look: Callable[[], None] | None
) -> None:
    with code.repeat() as loop:
        word = code.load_atomic(claim)
        pieces = code.load_atomic(pool.word(Word.PIECES))
        ranges = code.load_atomic(pool.word(Word.RANGES))
        piece = word & _LOW
        loop.stop_unless(piece.below(_first(following, pieces, ranges)))
        # It succeeds only while this very job is open: what was read since `word`, and is read below, is this job's.
        loop.next_unless(code.exchange_if(claim, word, word + 1))
        _compute(code, Job.of(pool), piece, piece + 1, pieces)
        code.update_atomic("add", pool.word(Word.DONE), 1)
        if look is not None:
            look()


def _close(module: Module) -> Function:
    """Let nobody claim any more pieces of the present job; those that are left count as done."""
    code = module.define("internal void @close(ptr %pool) noinline cold")
    (pool,) = code.parameters
    pieces, ranges = (code.load_atomic(pool.word(word)) for word in (Word.PIECES, Word.RANGES))
    closed = code.load_atomic(pool.word(Word.JOB)) << 32 | _LOW
    with code.loop(code.integer(0), ranges) as i:
        next = code.update_atomic("xchg", _claim(pool, i), closed) & _LOW
        last = _first(i + 1, pieces, ranges)
        left = choose(next.below(last), last - next, 0)
        code.update_atomic("add", pool.word(Word.DONE), left)
    code.give()
    return code.handle


class Job(NamedTuple):
    """What is to be computed, as the pool has it."""

    kernel: Value
    frame: Value
    rows: Value
    length: Value
    divided: Value

    @classmethod
    def of(cls, pool: Value) -> Job:
        """The present one."""
        code = pool.code
        types = ("ptr", "ptr", "i64", "i64", "i64")
        return cls(*(code.load(pool.word(word), type) for word, type in zip(_JOB, types)))


def _compute(code: Code, job: Job, first: Value, last: Value, pieces: Value) -> None:
    """Some of the pieces, one behind the other."""
    kernel, frame, rows, length, divided = job
    zero = code.integer(0)
    with code.either(divided.differs(0)) as (within, whole):
        with within:  # a whole number of cache lines
            step = quotient(length + pieces - 1, pieces) + 63 & -64
            begin, end = (first * step, last * step)
            begin, end = (choose(x.above(length), length, x) for x in (begin, end))
            code.call(kernel, "void", frame, zero, rows, begin, end)
        with whole:
            begin, end = (_first(x, rows, pieces) for x in (first, last))
            code.call(kernel, "void", frame, begin, end, zero, length)


def _first(range: Value, pieces: Value, ranges: Value) -> Value:
    """The first piece of a range."""
    return quotient(range * pieces, ranges)


def _claim(pool: Value, range: Value) -> Value:
    """The place of a range's claim."""
    return pool.word((range << 3) + Word.CLAIMS)


# --------------------------------------------------------------------------------- a helper's life


def _helper(module: Module, work: Function) -> None:
    """Work, look around for a while, sleep. %self: the pool and the helper's number."""
    code = module.define("ptr @helper_SYMBOL(ptr %self)")
    (own,) = code.parameters
    pool, number = code.load(own, "ptr"), code.load(own.word(1), "i64")
    with code.repeat() as life:
        job = code.load_atomic(pool.word(Word.JOB))
        helpers = code.load_atomic(pool.word(Word.HELPERS))
        with code.when(number < helpers):
            code.run(work, pool, number + 1)
            _look_around(code, pool, job, life)
        _sleep(code, pool, job)
    code.give(code.null)


def _look_around(code: Code, pool: Value, job: Value, life: Loop) -> None:
    """The next job often follows soon; after a while, only as long as nobody else wants this processor."""
    turn = code.variable(0)
    with code.repeat() as loop:
        life.next_when(code.load_atomic(pool.word(Word.JOB)).differs(job))
        _pause(code)
        turn.value += 1
        loop.next_when(turn.value.below(EAGER))
        loop.stop_when(turn.value.above(TIRED))
        code.run(_YIELD)


def _sleep(code: Code, pool: Value, job: Value) -> None:
    """Until there is another job."""
    mutex, condition = pool.word(Word.MUTEX), pool.word(Word.CONDITION)
    code.run(_LOCK, mutex)
    code.update_atomic("add", pool.word(Word.SLEEPING), 1)
    with code.repeat() as loop:
        loop.stop_unless(code.load_atomic(pool.word(Word.JOB)).equals(job))
        code.run(_WAIT, condition, mutex)
    code.update_atomic("sub", pool.word(Word.SLEEPING), 1)
    code.run(_UNLOCK, mutex)


def _pause(code: Code) -> None:
    """Lets the other thread of this core run."""
    if is_arm():
        code.run(_PAUSE_ARM, 1)
    else:
        code.run(_PAUSE_X86)


# ---------------------------------------------------------------------------------------- a job


def _run(module: Module, lead: Function, poll: Function) -> None:
    """Compute a kernel over all rows.

    %weight: elements in all; %divisible: may one row be cut? %watch: the call's `Watch`, or null.
    """
    code = module.define(
        "void @SYMBOL(ptr %pool, ptr %kernel, ptr %frame, i64 %rows, i64 %length, i64 %weight, "
        "i64 %divisible, ptr %watch)"
    )
    pool, kernel, frame, rows, length, weight, divisible, watch = code.parameters
    interrupt.begin(code, watch)
    grains = weight.down(GRAIN)
    divided = rows.at_most(1) & divisible.differs(0)
    most = choose(grains.above(MOST_PIECES), grains.like(MOST_PIECES), grains)
    pieces = choose(divided | rows.at_least(most), most, rows)
    job = Job(kernel, frame, rows, length, divided.widen("i64"))
    with code.attempt() as shared:
        helpers = code.load_atomic(pool.word(Word.HELPERS))
        shared.stop_unless(helpers > 0)
        shared.stop_unless(pieces.above(1))
        shared.stop_unless(code.exchange_if(pool.word(Word.BUSY), 0, 1))
        _publish(code, pool, job, pieces, helpers + 1)
        _wake(code, pool)
        code.run(lead, pool, watch)
        code.store_atomic(0, pool.word(Word.BUSY))
        code.give()
    _run_alone(code, job, pieces, weight, lambda: code.run(poll, watch).differs(0))
    code.give()


def _run_alone(
    code: Code, job: Job, pieces: Value, weight: Value, is_given_up: Callable[[], Value]
) -> None:
    """By this thread, in few parts of many pieces: there is a look at signals between them."""
    zero = code.integer(0)
    parts = weight.down(PART)
    parts = choose(parts.below(pieces), parts, pieces)
    with code.attempt() as cut:
        cut.stop_unless(parts.above(1))
        with code.loop(zero, parts) as i:
            first, last = (_first(x, pieces, parts) for x in (i, i + 1))
            _compute(code, job, first, last, pieces)
            with code.when(is_given_up()):
                code.give()
        code.give()
    code.call(job.kernel, "void", job.frame, zero, job.rows, zero, job.length)


def _publish(code: Code, pool: Value, told: Job, pieces: Value, threads: Value) -> None:
    """Close the old job first, so that nobody mixes its number with the new job's facts."""
    old_ranges = code.load_atomic(pool.word(Word.RANGES))
    ranges = choose(pieces.below(threads), pieces, threads)
    touched = choose(old_ranges.above(ranges), old_ranges, ranges)
    job = code.load_atomic(pool.word(Word.JOB)) + 1
    high = job << 32
    with code.loop(code.integer(0), touched) as i:
        code.store_atomic(high | _LOW, _claim(pool, i))
    code.store_atomic(0, pool.word(Word.DONE))
    for word, value in zip(_JOB, told):
        code.store(value, pool.word(word))
    code.store_atomic(pieces, pool.word(Word.PIECES))
    code.store_atomic(ranges, pool.word(Word.RANGES))
    with code.loop(code.integer(0), ranges) as i:
        code.store_atomic(high | _first(i, pieces, ranges), _claim(pool, i))
    code.store_atomic(job, pool.word(Word.JOB))


def _wake(code: Code, pool: Value) -> None:
    """Wake the helpers that sleep."""
    with code.when(code.load_atomic(pool.word(Word.SLEEPING)).differs(0)):
        mutex = pool.word(Word.MUTEX)
        code.run(_LOCK, mutex)
        code.run(_BROADCAST, pool.word(Word.CONDITION))
        code.run(_UNLOCK, mutex)


def _wait(code: Code, pool: Value, look: Callable[[], None]) -> None:
    """Until the pieces that others have begun are finished."""
    pieces = code.load_atomic(pool.word(Word.PIECES))
    turn = code.variable(0)
    with code.repeat() as loop:
        loop.stop_when(code.load_atomic(pool.word(Word.DONE)).equals(pieces))
        with code.either(turn.value.below(EAGER)) as (eager, patient):
            with eager:
                _pause(code)
                turn.value += 1
            with patient:
                code.run(_YIELD)
                look()
