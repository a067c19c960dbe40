"""What this machine can do at most: how fast it copies, and how fast it multiplies and adds.

Both are measured by kernels of the same make as all others, in this process and with its threads, so that
a kernel's own figures can be held against them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np

from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine

CHAINS = 12
"""Multiply-adds under way at once: more than any processor's latency times its units needs, and
few enough for 16 registers."""
STEPS = 1 << 12
BYTES = 1 << 26
"""What a copy moves where nobody says how much: more than caches hold."""
LONG = 0.5
"""Seconds that a limit is looked for: it is what the machine does while nothing else runs on it."""
ALONE, SHARED = 0, 1 << 40
"""Weights that make the pool use one thread, or all."""


def fastest(function: Callable[[], object], seconds: float = 0.05, least: int = 5) -> float:
    """The shortest time that a call took, in seconds, of `least` calls or of those in `seconds`."""
    best, begun, count = float("inf"), time.perf_counter(), 0
    while count < least or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        function()
        best, count = min(best, time.perf_counter() - start), count + 1
    return best


@cache
def copy_rate(moved: int = BYTES, shared: bool = True) -> float:
    """Bytes a second that a plain copy moves, reads and writes counted.

    Args:
        moved: Bytes that the copy reads and writes together: small copies stay in caches.
        shared: May all threads take part?
    """
    length = 1 << 12
    rows = max(1, moved // (8 * length))
    if rows == 1:
        length = max(16, moved // 8)
    x = np.ones(rows * length, np.float32)
    y = np.zeros_like(x)
    copy = _copy(machine().bits // 32)
    weight = x.size if shared else ALONE
    return 2 * x.nbytes / _repeated(lambda: copy(x, y, rows, length, weight, 1), x.size)


@cache
def arithmetic_rate(element: str = "float", shared: bool = True) -> float:
    """Additions and multiplications a second, of "float" or "double", by fused multiply-adds in registers."""
    lanes = machine().bits // (32 if element == "float" else 64)
    rows = 32  # short, so that some of the calls meet a machine without other work
    dtype = np.float32 if element == "float" else np.float64
    y = np.ones(
        rows * lanes, dtype
    )  # sums that tend to 2: near 0 they would become subnormal, which is slow
    work = _multiply_adds(element, lanes)
    weight = SHARED if shared else ALONE
    done = 2 * CHAINS * lanes * STEPS * rows
    return done / fastest(lambda: work(y, rows, 1, weight, 0), LONG)


def _repeated(function: Callable[[], object], size: int) -> float:
    """The time of one call, without what calling from Python costs, where the call is short."""
    count = max(1, min(1000, (1 << 18) // max(size, 1)))

    def several() -> None:
        for _ in range(count):
            function()

    return fastest(several, LONG) / count


@cache
def _copy(lanes: int) -> Callable[..., int]:
    def write(code: Body) -> None:
        with code.rows() as row:
            start = row * code.n.length
            whole = code.n.length & -lanes
            with code.loop(code.zero, whole, lanes) as i:
                type = code.vector("float")
                value = code.load(code.at(code.p["x"], "float", start + i), type)
                code.store(value, code.at(code.p["y"], "float", start + i))
            with code.loop(whole, code.n.length) as i:
                code.put(code.get(code.p["x"], "float", start + i), code.p["y"], start + i)

    return kernel("plain_copy", ("x", "y"), NoNumbers, write, lanes)


@cache
def _multiply_adds(element: str, lanes: int) -> Callable[..., int]:
    def write(code: Body) -> None:
        type = code.vector(element)
        with code.rows() as row:
            place = code.at(code.p["y"], element, row * lanes)
            given = code.load(place, type)
            chains = [code.slot(type, given + float(i)) for i in range(CHAINS)]
            with code.loop(code.zero, code.number(STEPS)):
                for chain in chains:
                    code.store(code.load(chain, type).multiply_add(0.5, given), chain)
            total = code.load(chains[0], type)
            for chain in chains[1:]:
                total = total + code.load(chain, type)
            code.store(total * 0.0 + given, place)

    return kernel("multiply_adds", ("y",), NoNumbers, write, lanes)
