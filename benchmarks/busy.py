#!/usr/bin/env python3
"""A fused operation on an idle machine, and while another process keeps one core busy.

    python benchmarks/busy.py [--rounds N] [--threads N]

Threads share the work in small pieces, each taken when its thread is free, so a core that is busy
elsewhere costs its share and does not hold up the rest. The operation is gelu(1.5 x + 0.5) x of a million
floats as one kernel. The ratio should be at most 2.5.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

import numpy as np

import flambeau as torch
from flambeau.formula.special.special import ndtr
from flambeau.ops import pointwise

SPIN = "import os\nif hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {%d})\nwhile True: pass"


@pointwise
def gated(x):  # type: ignore[no-untyped-def]
    """gelu(1.5 x + 0.5) x."""
    y = 1.5 * x + 0.5
    return y * ndtr(y) * x


def times(x: torch.Tensor, rounds: int) -> list[float]:
    """Seconds of each round, of 20 calls."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(20):
            gated(x)
        found.append((time.perf_counter() - start) / 20)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal(1_000_000, np.float32))
    times(x, 3)
    idle = times(x, options.rounds)
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    spinning = subprocess.Popen([sys.executable, "-c", SPIN % core])
    try:
        time.sleep(0.3)
        busy = times(x, options.rounds)
    finally:
        spinning.kill()
        spinning.wait()
    a, b = statistics.median(idle), statistics.median(busy)
    print(f"{options.threads} threads, medians of {options.rounds} rounds of 20 calls")
    print(f"idle {1e6 * a:9.1f} us")
    print(f"busy {1e6 * b:9.1f} us")
    print(f"ratio {b / a:8.2f}   (wanted: at most 2.5)")


if __name__ == "__main__":
    main()
