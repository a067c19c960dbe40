#!/usr/bin/env python3
"""Whole models beside PyTorch: training steps and inference, in turns, in one run.

    python -m pip install torch        # beside flambeau; only this script needs it
    python benchmarks/models.py [--only REGEX] [--threads N] [--rounds N] [--busy] [--json FILE] [--into FILE]

Each model (`model_zoo`) runs in two processes, one a library, which take turns, round by round; the fastest round
of each counts. Beside the time of a step stand the peak of resident memory, all of it and what is beyond the
import, the first step's time (kernels come from the cache on disk if an earlier run left them there), and how far
apart the results of the first steps are. A ratio below 1 means that flambeau is faster, or smaller. With --busy,
another process keeps one core busy after that, and what counts is each library's time then by its own before. --into
writes the table into a Markdown file, between the marks for this number of threads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

MARK = "<!-- models, {} threads{}: {} -->"
LIBRARIES = "flambeau", "torch"
ROUND = 0.15
"""Seconds of a round, about."""
SPIN = "import os\nif hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {%d})\nwhile True: pass"


class Row(NamedTuple):
    """What was found of a model, flambeau's figure before PyTorch's: seconds and MiB."""

    name: str
    seconds: tuple[float, float]
    memory: tuple[float, float]
    beyond: tuple[float, float]
    first: tuple[float, float]
    apart: float
    busy: tuple[float, float] | None = None

    @property
    def ratio(self) -> float:
        return self.seconds[0] / self.seconds[1]


# ------------------------------------------------------------------------ in a worker's process


def peak() -> float:
    """The most memory that this process had, in MiB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def serve(library: str, name: str, threads: int) -> None:
    """Make a model, and time a round of its steps for each line of standard input."""
    import importlib

    from model_zoo import MODELS

    T = importlib.import_module(library)
    T.set_num_threads(threads)
    imported = peak()
    step = MODELS[name](T)
    start = time.perf_counter()
    results = [step()]
    first = time.perf_counter() - start
    for _ in range(3):  # what later steps prepare is no part of the figure
        start = time.perf_counter()
        results.append(step())
        once = time.perf_counter() - start
    means = [float(result.double().mean()) for result in results]
    tell(first=first, results=means)
    count = max(1, int(ROUND / once))
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(count):
            step()
        seconds = (time.perf_counter() - start) / count
        tell(seconds=seconds, memory=peak(), beyond=peak() - imported)


def tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


# ------------------------------------------------------------------------ in the first process


class Worker:
    """A library's process for one model."""

    def __init__(self, library: str, name: str, threads: int):
        command = [sys.executable, __file__, "--serve", library, "--only", name]
        command += ["--threads", str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        environment["OPENBLAS_NUM_THREADS"] = str(threads)
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.begun = self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def round(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.communicate()


def measure(name: str, threads: int, rounds: int, busy: bool) -> Row:
    """Both libraries on one model, in turns."""
    workers = [Worker(library, name, threads) for library in LIBRARIES]
    found = [[worker.round() for worker in workers] for _ in range(rounds)]
    slow = under_contention(workers, rounds) if busy else None
    for worker in workers:
        worker.close()
    ours, theirs = (worker.begun for worker in workers)
    return Row(
        name,
        pair(min(facts[i]["seconds"] for facts in found) for i in (0, 1)),
        pair(facts["memory"] for facts in found[-1]),
        pair(facts["beyond"] for facts in found[-1]),
        (ours["first"], theirs["first"]),
        max(map(difference, ours["results"], theirs["results"])),
        slow,
    )


def pair(values: Iterable[float]) -> tuple[float, float]:
    a, b = values
    return a, b


def difference(x: float, y: float) -> float:
    """How far two results are apart, beside their size."""
    return abs(x - y) / max(abs(x), abs(y), 1e-2)


def under_contention(workers: list[Worker], rounds: int) -> tuple[float, float]:
    """Medians of rounds while another process keeps one core busy."""
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    spinning = subprocess.Popen([sys.executable, "-c", SPIN % core])
    try:
        time.sleep(0.3)
        found = [[worker.round()["seconds"] for worker in workers] for _ in range(rounds)]
    finally:
        spinning.kill()
        spinning.wait()
    return pair(statistics.median(column) for column in zip(*found))


def mean(values: Iterable[float]) -> float:
    """The geometric mean."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def line(row: Row) -> str:
    (a, b), (m, n), (f, g) = row.seconds, row.memory, row.first
    more, other = row.beyond
    text = (
        f"{row.name:52s}{1e3 * a:8.2f}{1e3 * b:9.2f} ms{row.ratio:6.2f}   "
        f"{m:5.0f}{n:5.0f} MiB{m / n:6.2f} (beyond import{more:5.0f}{other:5.0f})   "
        f"first{f:6.2f}{g:6.2f} s   apart {row.apart:.0e}"
    )
    if row.busy:
        text += "   busy / idle" + "".join(f"{x / y:7.2f}" for x, y in zip(row.busy, row.seconds))
    return text


def table(rows: list[Row], threads: int) -> str:
    """The rows for a Markdown file."""
    worst = max(rows, key=lambda row: row.ratio)
    lines = [
        f"Threads: {threads}. Milliseconds a step, MiB at the peak (beyond the import), seconds of the first step; "
        f"geometric mean of the ratios of time {mean(row.ratio for row in rows):.2f}, of memory "
        f"{mean(row.memory[0] / row.memory[1] for row in rows):.2f}; the slowest beside PyTorch is "
        f"{worst.name} ({worst.ratio:.2f}).",
        "",
        "| | flambeau | PyTorch | ratio | MiB | PyTorch | first | PyTorch |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.name} | {1e3 * row.seconds[0]:,.2f} | {1e3 * row.seconds[1]:,.2f} | {row.ratio:.2f} | "
        f"{row.memory[0]:,.0f} ({row.beyond[0]:,.0f}) | {row.memory[1]:,.0f} ({row.beyond[1]:,.0f}) | "
        f"{row.first[0]:.2f} | {row.first[1]:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def busy_table(rows: list[Row], threads: int) -> str:
    """Times under contention for a Markdown file."""
    lines = [
        f"Threads: {threads}. Milliseconds a step while another process keeps one core busy, and how many times "
        "the idle machine's that is:",
        "",
        "| | flambeau | times idle | PyTorch | times idle |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        assert row.busy is not None
        cells = (
            f"{1e3 * busy:,.2f} | {busy / idle:.2f}" for busy, idle in zip(row.busy, row.seconds)
        )
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_into(file: Path, text: str, threads: int, what: str) -> None:
    """Put a table between its marks."""
    begin, end = (MARK.format(threads, what, word) for word in ("begin", "end"))
    head, found, rest = file.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{file} has no line {begin}")
    file.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a regular expression over the names")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", action="store_true", help="also beside a busy process")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--into", type=Path, help="a Markdown file with marks for the tables")
    parser.add_argument("--list", action="store_true", help="print the models' names and stop")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.only, options.threads)
        return
    known = subprocess.run(
        [sys.executable, "-c", "from model_zoo import MODELS\nprint(*MODELS, sep='\\n')"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    names = [name for name in known if re.search(options.only, name)]
    if options.list:
        print(*names, sep="\n")
        return
    rows = []
    for name in names:
        rows.append(measure(name, options.threads, options.rounds, options.busy))
        print(line(rows[-1]), flush=True)
    print(f"geometric means: time {mean(row.ratio for row in rows):.2f}, ", end="")
    print(f"memory {mean(row.memory[0] / row.memory[1] for row in rows):.2f}")
    if options.json:
        facts = {"threads": options.threads, "rows": [row._asdict() for row in rows]}
        options.json.write_text(json.dumps(facts, indent=1) + "\n")
    if options.into:
        write_into(options.into, table(rows, options.threads), options.threads, "")
        if options.busy:
            write_into(options.into, busy_table(rows, options.threads), options.threads, ", busy")


if __name__ == "__main__":
    main()
