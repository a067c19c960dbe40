#!/usr/bin/env python3
"""flambeau beside PyTorch: the same workloads on both, in turns, in one run.

    python -m pip install torch        # beside flambeau; only this script needs it
    python benchmarks/side_by_side.py [--only REGEX] [--threads N] [--rounds N] [--into FILE]

Each library has a process of its own; they take turns, round by round, so that a change of the
machine's speed hits both alike, and the fastest round of each counts. A ratio below 1 means that flambeau
is faster. --into writes the table into a Markdown file, between the marks for this number of threads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from workload import WORKLOADS

MARK = "<!-- benchmark table, {} threads: {} -->"


def serve(library: str, threads: int) -> None:
    """In a worker process: time the workload named on each line of standard input."""
    import importlib

    T = importlib.import_module(library)
    T.set_num_threads(threads)
    steps: dict[str, tuple] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in steps:
            step = WORKLOADS[name](T)
            for _ in range(20):  # whatever is prepared at first use is no part of the figure
                step()
            start = time.perf_counter()
            step()
            once = max(time.perf_counter() - start, 1e-7)
            steps[name] = step, max(1, min(100_000, int(0.05 / once)))
        step, count = steps[name]
        start = time.perf_counter()
        for _ in range(count):
            step()
        print(json.dumps((time.perf_counter() - start) / count), flush=True)


class Worker:
    def __init__(self, library: str, threads: int):
        command = [sys.executable, __file__, "--serve", library, "--threads", str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        environment["OPENBLAS_NUM_THREADS"] = str(threads)
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def time(self, name: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(json.loads(self.process.stdout.readline()))


def measure(names: list[str], threads: int, rounds: int) -> list[tuple[str, float, float]]:
    """(name, seconds of flambeau, seconds of PyTorch), each the fastest round's."""
    ours, theirs = Worker("flambeau", threads), Worker("torch", threads)
    rows = []
    for name in names:
        pairs = [(ours.time(name), theirs.time(name)) for _ in range(rounds)]
        a, b = (min(column) for column in zip(*pairs))
        print(f"{name:34s} {1e6 * a:11.2f} us {1e6 * b:11.2f} us   {a / b:5.2f}", flush=True)
        rows.append((name, a, b))
    return rows


def table(rows: list[tuple[str, float, float]], threads: int, mean: float) -> str:
    lines = [
        f"Threads: {threads}. Microseconds a call, and flambeau's divided by PyTorch's (geometric mean {mean:.2f}):",
        "",
        "| | flambeau | PyTorch | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {n} | {1e6 * a:,.1f} | {1e6 * b:,.1f} | {a / b:.2f} |" for n, a, b in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a regular expression over the names")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--into", type=Path, help="a Markdown file with marks for the table")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
        return
    names = [name for name in WORKLOADS if re.search(options.only, name)]
    rows = measure(names, options.threads, options.rounds)
    mean = math.exp(sum(math.log(a / b) for _, a, b in rows) / len(rows))
    print(f"geometric mean of the ratios {mean:.2f}")
    if options.into:
        begin, end = (MARK.format(options.threads, word) for word in ("begin", "end"))
        head, found, rest = options.into.read_text().partition(begin)
        if not found:
            raise SystemExit(f"{options.into} has no line {begin}")
        tail = rest.partition(end)[2]
        lines = f"{begin}\n{table(rows, options.threads, mean)}\n{end}"
        options.into.write_text(f"{head}{lines}{tail}")


if __name__ == "__main__":
    main()
