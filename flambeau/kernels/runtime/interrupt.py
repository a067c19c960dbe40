"""Ctrl-C in a long kernel: between pieces the calling thread lets Python run the handlers of signals.

A call that may be given up (its result is its own until it returns) has a `Watch`. Only the main thread gets signals, and
only it looks: every some ten milliseconds it takes the interpreter lock for a moment. If a handler raises, no more pieces
are begun, those that others have begun are waited for, and the call ends with that exception. A call that writes into
memory of others is never given up in the middle: the handler runs when it is done.
"""

from __future__ import annotations

from ..llvm import Code, Function, Module, Value, external
from .layout import Watch
from .vectorcall import fact, table

PERIOD = 25_000_000
"""Nanoseconds between two looks."""
_SELF = external("ptr @pthread_self()")
_CLOCK = external("i32 @clock_gettime(i32, ptr)")
_MONOTONIC = 6
"""On Linux the clock that is right to some milliseconds and read in some nanoseconds; on macOS the usual one."""


def _now(code: Code) -> Value:
    spec = code.slot("[2 x i64]")
    code.run(_CLOCK, code.constant(_MONOTONIC, "i32"), spec)
    return code.load(spec, "i64") * 1_000_000_000 + code.load(spec.word(1), "i64")


def begin(code: Code, watch: Value) -> None:
    """Start a call's watch, if it has one."""
    with code.unless(watch.is_null()):
        this = code.run(_SELF)
        with code.when(this.equals_pointer(fact(table(code), "main_thread"))):
            code.store(this, watch.word(Watch.OWNER))
        code.store(_now(code), watch.word(Watch.LAST))


def poll(module: Module) -> Function:
    """``i64 @poll(ptr watch)``: is the call to be given up? Any of its threads may ask at any time."""
    code = module.define("i64 @poll_SYMBOL(ptr %watch)")
    (watch,) = code.parameters
    with code.attempt() as look:
        look.stop_when(watch.is_null())
        with code.when(code.load_atomic(watch.word(Watch.STOPPED)).differs(0)):
            code.give(code.integer(1))
        owner = code.load(watch.word(Watch.OWNER), "ptr")
        look.stop_unless(owner.equals_pointer(code.run(_SELF)))
        now = _now(code)
        passed = now - code.load(watch.word(Watch.LAST), "i64")
        look.stop_when(passed < PERIOD)
        code.store(now, watch.word(Watch.LAST))
        with code.when(_handlers_raise(code, watch)):
            code.store_atomic(1, watch.word(Watch.STOPPED))
            code.give(code.integer(1))
    code.give(code.integer(0))
    return code.handle


def _handlers_raise(code: Code, watch: Value) -> Value:
    """Let handlers of signals run: has one raised an exception?"""
    known = table(code)
    code.call(
        fact(known, "PyEval_RestoreThread"), "void", code.load(watch.word(Watch.STATE), "ptr")
    )
    found = code.call(fact(known, "PyErr_CheckSignals"), "i32")
    state = code.call(fact(known, "PyEval_SaveThread"), "ptr")
    code.store(state, watch.word(Watch.STATE))
    return found.differs(0)
