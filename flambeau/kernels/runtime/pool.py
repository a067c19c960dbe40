"""Threads: one pool for all machine code, and one number of threads for it and for NumPy's BLAS.

The pool's own code is machine code too (`pool_kernel`): its workers never touch Python, so they need no interpreter lock,
survive nothing and clean up nothing. A job is a kernel's frame cut into pieces whose number depends on the sizes
alone, so results have the same bits on any number of threads. Every thread has a range of the pieces, the same part of
the data in one job after the other; who is done with the own range takes pieces of the others'. Pieces are claimed one
by one, the calling thread claims as well, and it waits only for pieces that somebody has begun.
"""

from __future__ import annotations

import ctypes
import os
import threading

from .layout import immortal, set_fact
from .pool_kernel import MOST_THREADS, SIZE, Word


class Pool:
    """The process's helpers. There is one pool; a child process begins with none of its parent's helpers."""

    def __init__(self, run: int, helper: int, poll: int):
        self.run, self.helper, self.poll = run, helper, poll
        self.threads = 1
        self.begin()

    def begin(self) -> None:
        self.words = immortal((ctypes.c_int64 * SIZE)())  # a helper may be looking at it
        self.words[Word.RANGES] = 1
        self.helpers = 0
        libc = ctypes.CDLL(None)
        libc.pthread_mutex_init(self.at(Word.MUTEX), None)
        libc.pthread_cond_init(self.at(Word.CONDITION), None)
        set_fact("pool", ctypes.addressof(self.words))
        set_fact("pool_run", self.run)
        set_fact("poll", self.poll)
        set_fact("main_thread", threading.main_thread().ident or 0)
        self.resize(self.threads)

    def at(self, word: Word) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(self.words) + 8 * word)

    def resize(self, threads: int) -> None:
        """Let `threads` threads compute, the calling one included."""
        self.threads = threads
        create = ctypes.CDLL(None).pthread_create
        while self.helpers < min(threads, MOST_THREADS) - 1:
            block = immortal((ctypes.c_int64 * 2)(ctypes.addressof(self.words), self.helpers))
            identity = ctypes.c_void_p()
            if create(ctypes.byref(identity), None, ctypes.c_void_p(self.helper), block):
                break  # the system gives no more threads; those that there are do
            self.helpers += 1
        self.words[Word.HELPERS] = min(threads - 1, self.helpers)


def is_possible() -> bool:
    """Has the system the threads that the pool is made of?"""
    return os.name == "posix"


def usable_processors() -> int:
    """How many this process may run on; no more than OMP_NUM_THREADS says, by which launchers share out a machine."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if told.isdigit() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
