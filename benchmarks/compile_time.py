#!/usr/bin/env python3
"""What a program spends on its native kernels, in its first run on a machine and in its second.

    python benchmarks/compile_time.py [--dearest N] [SCRIPT [ARGUMENT ...]]
    python benchmarks/compile_time.py benchmarks/cold_step.py      one training step of a small network

Each run is a fresh process; the first begins with an empty folder for compiled kernels, which the second finds
filled. Without a script it is the digits example: at most 3 s are wanted in the first run and 0.3 s in the
second. Counted are seconds of the processor, which other processes do not lengthen: writing a formula's
loops as LLVM's language; compiling, which is verifying, optimising and emitting; loading, which is reading the folder,
linking, and writing to it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIMITS = (3.0, 0.3)
ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "digits.py"

WATCHED = r"""
import json, runpy, sys, time
from flambeau.kernels.loops import dispatch
from flambeau.kernels.runtime import jit as machine
from flambeau.kernels.runtime import process

seconds = {"written": 0.0, "compiled": 0.0, "loaded": 0.0}
kernels = []


def timed(owner, name, part):
    function = getattr(owner, name)

    def call(*given):
        start, before = time.thread_time(), seconds["compiled"]
        try:
            return function(*given)
        finally:
            spent = time.thread_time() - start
            within = seconds["compiled"] - before if part == "loaded" else 0.0
            seconds[part] += spent - within
            if part == "compiled":
                kernels.append((spent, kernel_name(sys._getframe(1)), len(given[-1])))

    setattr(owner, name, call)


def kernel_name(frame):
    while frame is not None:
        found = frame.f_locals.get("name")
        if isinstance(found, str) and "machine.py" not in frame.f_code.co_filename:
            return found
        frame = frame.f_back
    return "the pool or an entry point"


timed(dispatch, "module_text", "written")
timed(machine.Machine, "compile", "compiled")
timed(machine.Machine, "_address", "loaded")
report, *sys.argv = sys.argv[1:]
start = time.perf_counter()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    spent = time.perf_counter() - start
    made = process.machine()
    counts = made.compiled, made.loaded
    with open(report, "w") as file:
        json.dump([spent, seconds, counts, sorted(kernels, reverse=True)], file)
"""


def run(command: list[str], cache: str, report: str, checkout: Path = ROOT) -> list:
    paths = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(paths)}
    watched = [sys.executable, "-P", "-c", WATCHED, report, *command]
    done = subprocess.run(watched, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(Path(report).read_text())


def first_run(script: Path, checkout: Path = ROOT) -> tuple[int, float]:
    """The kernels that a script compiles in its first run, and the seconds of the processor for all about them."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        cache.mkdir(mode=0o700)
        _, seconds, counts, _ = run(
            [str(script)], str(cache), str(Path(folder, "report.json")), checkout
        )
    return counts[0], sum(seconds.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dearest", type=int, default=5, help="list the N kernels that took longest"
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="another script, and its arguments"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        example = [str(EXAMPLE), "--epochs", "2", "--out", str(Path(folder, "results"))]
        command, cache = options.command or example, Path(folder, "cache")
        cache.mkdir(mode=0o700)
        report = str(Path(folder, "report.json"))
        runs = [run(command, str(cache), report) for _ in range(2)]
        size = sum(file.stat().st_size for file in cache.iterdir())
    print("run     compiled  loaded   writing  compiling  loading    all of it   the program")
    for label, limit, (spent, seconds, counts, _) in zip(("first", "second"), LIMITS, runs):
        total = sum(seconds.values())
        verdict = "" if options.command else "within" if total <= limit else "OVER"
        parts = " ".join(f"{value:8.3f} s" for value in seconds.values())
        print(f"{label:7} {counts[0]:8} {counts[1]:7} {parts}  {total:8.3f} s  {spent:10.3f} s  "
              f"{verdict}{f' the limit of {limit} s' if verdict else ''}")  # fmt: skip
    print(f"the folder holds {size / 1e6:.1f} MB")
    for spent, name, length in runs[0][3][: options.dearest]:
        print(f"  {1e3 * spent:7.1f} ms  {length:7,} characters  {name}")


if __name__ == "__main__":
    main()
