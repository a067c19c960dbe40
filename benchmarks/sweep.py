#!/usr/bin/env python3
"""flambeau beside PyTorch, over the whole registry: every public function and method at three sizes.

    python -m pip install torch tqdm        # beside flambeau; PyTorch is needed by this and few other scripts
    python benchmarks/sweep.py [--only REGEX] [--sizes ...] [--dtypes ...] [--layouts ...] [--threads ...]
                               [--budget SECONDS] [--base CHECKOUT] [--json FILE] [--into FILE]

Every function is called at 3 x 5, 60 x 170 and 900 x 1100 elements (images, sequences and matrices of about as many), of
float32, in order, with 1 and with 2 threads; and along each dimension, with a number and in place where it has such forms.
Backward, the other dtypes (float64, bfloat16, int64, bool), and transposed, strided and broadcast operands are measured at
one size for each function, which changes from function to function: not the full product, which would take hours.

A full sweep takes about a quarter of an hour where the kernels are compiled already; the first takes as long again.

Each library has processes of its own; they take turns, and the fastest of many short stretches counts. Their results are
compared, and rows that differ or that flambeau alone refuses are listed. New functions are in it by being in the
registry. What a function is called with comes from `benchmarks/rows/recipe.py` and the fuzzer's recipes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.compile_time import first_run
from benchmarks.fuzz.child import Gone
from benchmarks.fuzz.operand import Operand
from benchmarks.fuzz.registry import Entry, entries
from benchmarks.rows import report
from benchmarks.rows.check import unlike
from benchmarks.rows.report import Measured
from benchmarks.rows.row import DTYPE_NAMES, LAYOUTS, Row, call, plan
from benchmarks.rows.size import SIZES, NoMeaningError
from benchmarks.rows.worker import Worker

ROUNDS = 3
MARK = "<!-- sweep: {} -->"


class Sweep:
    """The processes that take turns, for one number of threads."""

    def __init__(self, known: dict[str, Entry], budget: float, base: Path | None):
        self.known, self.budget, self.base = known, budget, base
        self.workers: list[Worker] = []
        self.threads = 0

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()

    def _ready(self, threads: int) -> list[Worker]:
        if threads != self.threads:
            self.stop()
            self.threads = threads
            self.workers = [Worker("flambeau", threads), Worker("torch", threads)]
            if self.base is not None:
                self.workers.append(Worker("flambeau", threads, self.base))
        return self.workers

    def measure(self, row: Row) -> Measured | None:
        """The row's figures; None if it has no meaning, or PyTorch has not got it."""
        entry = self.known[row.path]
        try:
            made = call(entry, row, strict=row.dtype != "float32")
        except NoMeaningError:
            return None
        form = "inplace" if row.variant == "inplace" else "function"
        workers = self._ready(row.threads)
        results = [w.open(row.path, form, made, row.backward) for w in workers]
        ours, theirs = results[:2]
        if isinstance(theirs, Gone) or not self._of_size(row, made, theirs):
            return None
        if isinstance(ours, Gone):
            return Measured(row, entry.family, None, None, None, f"refused: {ours.how}")
        complaint = unlike(entry, ours, theirs, row.backward) or ""
        seconds = self._timed([w for w, r in zip(workers, results) if not isinstance(r, Gone)])
        return Measured(row, entry.family, *[*seconds, None][:3], complaint)

    def _of_size(self, row: Row, made: Any, results: list[Any]) -> bool:
        """Are the operands or the results of about the row's size, and not of one of their own?"""
        counts = [_count(made.args), _count(list(made.kwargs.values()))]
        counts += [getattr(value, "size", 1) for value in results]
        size = SIZES[row.size]
        return row.size == "tiny" or max(counts) >= min(size.count / 16, size.order**2 / 2)

    def _timed(self, workers: list[Worker]) -> list[float | None]:
        if not self.budget:
            return [None] * len(workers)
        share = self.budget / len(workers) / ROUNDS
        best = [float("inf")] * len(workers)
        for _ in range(ROUNDS):
            for i, worker in enumerate(workers):
                taken = worker.time(share)
                best[i] = min(best[i], float("inf") if isinstance(taken, Gone) else taken)
        return [b if b < float("inf") else None for b in best]


def _count(item: Any) -> int:
    if isinstance(item, Operand):
        return int(item.array.size)
    return max((_count(part) for part in item), default=0) if isinstance(item, (tuple, list)) else 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="a regular expression over paths and families")
    parser.add_argument("--rows", default="", help="a regular expression over names of rows")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPE_NAMES, default=list(DTYPE_NAMES))
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--kinds", nargs="+", choices=report.KINDS, default=list(report.KINDS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument(
        "--budget",
        type=float,
        default=0.1,
        help="seconds for a row's timing; 0 compares results alone",
    )
    parser.add_argument("--base", type=Path, help="a checkout of another flambeau, as third side")
    parser.add_argument(
        "--json", type=Path, help="a file for all figures; rows that it has are kept"
    )
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="for all rows of this run"
    )
    parser.add_argument("--into", type=Path, help="a Markdown file with marks for the summary")
    return parser.parse_args()


def chosen(given: argparse.Namespace, known: dict[str, Entry]) -> list[Row]:
    found = {
        path: e
        for path, e in known.items()
        if re.search(given.only, path) or re.search(given.only, e.family)
    }
    rows = plan(found, given.sizes, given.dtypes, given.layouts, given.threads)
    return [
        r for r in dict.fromkeys(rows) if r.kind in given.kinds and re.search(given.rows, str(r))
    ]


def compiling(base: Path | None) -> str:
    """What a training step compiles on a machine that has compiled nothing."""
    step = Path(__file__).resolve().with_name("cold_step.py")
    words = (
        "A first training step of a small network compiles {} kernels in {:.2f} s of the processor"
    )
    line = words.format(*first_run(step))
    if base is not None:
        try:
            line += ", the other flambeau {} in {:.2f} s".format(*first_run(step, base.resolve()))
        except SystemExit:
            line += "; the other flambeau's rooms have other names, so it is not watched"
    return line + "."


def write(file: Path, text: str) -> None:
    """Put the summary between the marks of a Markdown file."""
    begin, end = MARK.format("begin"), MARK.format("end")
    head, found, rest = file.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{file} has no line {begin}")
    file.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    given = options()
    known = entries()
    found: dict[Row, Measured | None] = {}
    if given.json and given.json.exists():
        kept = json.loads(given.json.read_text())
        found = {Row(**r): None for r in kept["without"]}
        found |= {m.row: m for m in map(Measured.of_json, kept["rows"])}
    rows = [row for row in chosen(given, known) if row not in found]
    sweep, end = Sweep(known, given.budget, given.base), time.monotonic() + given.seconds
    try:
        for row in tqdm(rows, unit="row", mininterval=1, disable=None):
            if time.monotonic() > end:
                break
            found[row] = sweep.measure(row)
    finally:
        sweep.stop()
        if given.json:
            measured = [m.as_json() for m in found.values() if m]
            without = [r._asdict() for r, m in found.items() if m is None]
            given.json.write_text(json.dumps({"rows": measured, "without": without}))
    figures = [m for m in found.values() if m]
    print(report.report(figures))
    compiled = compiling(given.base)
    print(f"\n{compiled}")
    if given.into:
        write(given.into, f"{report.summary(figures)}\n\n{report.families(figures)}\n\n{compiled}")


if __name__ == "__main__":
    main()
