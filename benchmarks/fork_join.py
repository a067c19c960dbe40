#!/usr/bin/env python3
"""What it costs to share work with the pool's threads and to wait for them, however small the work is.

    python benchmarks/fork_join.py [--rounds N] [--threads N]

A kernel is run by the pool itself, in as many pieces as there are threads, from a loop of machine code, so that no
Python is timed: in direct succession, and after pauses in which the helpers wait for their next job, first
eagerly, then politely, then asleep. "Empty": there is nothing to do, and the calling thread may do all of it
alone, which is what a caller pays at least. "Met": every piece waits until all have begun, so the helpers must come; it is
what a caller would pay if it waited for them, which it does not. A fork-join in succession should take at most 5 us.
"""

from __future__ import annotations

import argparse
import ctypes
import os

import flambeau as torch
from flambeau.kernels import pool, runtime
from flambeau.kernels.process import machine

PAUSES = (0, 10, 100, 1000)
LIMIT_US = 5.0

TEXT = """
@runtime_SYMBOL = global ptr null
declare i64 @clock_gettime(i32, ptr)

; %frame: how many pieces wait for each other (1: none), and how many have begun.
define internal void @piece(ptr %frame, i64 %a, i64 %b, i64 %c, i64 %d) noinline {
entry:
  %all = load i64, ptr %frame
  %begun_at = getelementptr i64, ptr %frame, i64 8
  %before = atomicrmw add ptr %begun_at, i64 1 seq_cst
  br label %wait
wait:
  %turn = phi i64 [0, %entry], [%turn1, %wait]
  %turn1 = add i64 %turn, 1
  %begun = load atomic i64, ptr %begun_at seq_cst, align 8
  %met = icmp uge i64 %begun, %all
  %tired = icmp ugt i64 %turn1, 10000000
  %stop = or i1 %met, %tired
  br i1 %stop, label %done, label %wait
done:
  ret void
}

define internal i64 @now(ptr %place) {
  %ignored = call i64 @clock_gettime(i32 1, ptr %place)
  %seconds = load i64, ptr %place
  %rest_at = getelementptr i64, ptr %place, i64 1
  %rest = load i64, ptr %rest_at
  %most = mul i64 %seconds, 1000000000
  %all = add i64 %most, %rest
  ret i64 %all
}

; Runs the pool %count times, each after %pause nanoseconds, and writes the nanoseconds of each run to %times.
define void @SYMBOL(ptr %run, ptr %pool, i64 %pieces, i64 %weight, i64 %count, i64 %pause, i64 %meeting, ptr %times) {
entry:
  %place = alloca [2 x i64]
  %frame = alloca [16 x i64], align 64
  %begun_at = getelementptr i64, ptr %frame, i64 8
  store i64 %meeting, ptr %frame
  br label %head
head:
  %i = phi i64 [0, %entry], [%i1, %call]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %rest, label %done
rest:
  %from = call i64 @now(ptr %place)
  br label %wait
wait:
  %then = call i64 @now(ptr %place)
  %waited = sub i64 %then, %from
  %enough = icmp uge i64 %waited, %pause
  br i1 %enough, label %call, label %wait
call:
  store atomic i64 0, ptr %begun_at seq_cst, align 8
  %start = call i64 @now(ptr %place)
  call void %run(ptr %pool, ptr @piece, ptr %frame, i64 %pieces, i64 1, i64 %weight, i64 0)
  %end = call i64 @now(ptr %place)
  %took = sub i64 %end, %start
  %at = getelementptr i64, ptr %times, i64 %i
  store i64 %took, ptr %at
  %i1 = add i64 %i, 1
  br label %head
done:
  ret void
}
"""


def times(pause: int, threads: int, count: int, meeting: bool) -> list[float]:
    """Microseconds of each fork-join after a pause of so many microseconds, sorted."""
    address = machine().address(TEXT)
    run, pool = (runtime.TABLE[runtime.INDEX[name]] for name in ("pool_run", "pool"))
    found = (ctypes.c_int64 * count)()
    function = ctypes.CFUNCTYPE(
        None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 5, ctypes.c_void_p
    )
    waiting = threads if meeting else 1
    function(address)(run, pool, threads, threads << 14, count, 1000 * pause, waiting, found)
    return sorted(value / 1000 for value in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    (torch.ones(100_000) + 1).sum()  # the pool begins
    if not pool.is_possible() or options.threads < 2:
        raise SystemExit("there is nothing to join: the pool has one thread")
    print(f"{options.threads} threads, {options.threads} pieces; microseconds")
    print("        pause before   median   one of ten over")
    for meeting in (False, True):
        for pause in PAUSES:
            count = max(200, min(options.rounds, 2_000_000 // max(pause, 1)))
            taken = times(pause, options.threads, count, meeting)
            middle, slow = taken[len(taken) // 2], taken[len(taken) * 9 // 10]
            verdict = ""
            if pause == 0:
                verdict = (
                    f"   {'within' if middle <= LIMIT_US else 'OVER'} the limit of {LIMIT_US:.0f}"
                )
            label = "met" if meeting else "empty"
            print(f"{label:6} {pause:10} us  {middle:8.2f}  {slow:16.2f}{verdict}")


if __name__ == "__main__":
    main()
