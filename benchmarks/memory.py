#!/usr/bin/env python3
"""Peak resident memory of training steps in flambeau and in PyTorch, each in a fresh process.

    python benchmarks/memory.py [--only REGEX] [--threads N] [--steps N] [--rounds N] [--workloads FILE]

A workload is a function of the library that returns a step; FILE has a dict WORKLOADS of them. The peak is
the process's ru_maxrss; the growth is how far it lies above the peak right after the import, so that it
holds what the model, the optimiser, the steps and code that loads late take. Of several rounds the smallest counts.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

DEFAULT = Path(__file__).resolve().parent / "workload.py"
LIBRARIES = "flambeau", "torch"


def workloads(path: str) -> dict:
    """The workloads of a file."""
    spec = importlib.util.spec_from_file_location("workloads", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WORKLOADS


def peak() -> float:
    """The most memory that this process had, in MiB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def weigh(library: str, name: str, path: str, threads: int, steps: int) -> None:
    """In a process of its own: print the peak, and its growth since the import."""
    T = importlib.import_module(library)
    T.set_num_threads(threads)
    known = workloads(path)
    before = peak()
    step = known[name](T)
    for _ in range(steps):
        step()
    print(json.dumps((peak(), peak() - before)))


def measured(library: str, name: str, options: argparse.Namespace) -> tuple[float, float]:
    """(peak, growth) in MiB, each the smallest of the rounds."""
    command = [sys.executable, __file__, "--weigh", library, "--only", name]
    for option in ("workloads", "threads", "steps"):
        command += [f"--{option}", str(getattr(options, option))]
    threads = str(options.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    found = [
        json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        for _ in range(options.rounds)
    ]
    return min(x for x, _ in found), min(x for _, x in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="^train/(lenet|transformer)$", help="which workloads")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workloads", default=str(DEFAULT))
    parser.add_argument("--weigh", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.weigh:
        weigh(options.weigh, options.only, options.workloads, options.threads, options.steps)
        return
    print(f"{options.threads} threads, {options.steps} steps; MiB at the peak (and beyond import)")
    print(f"{'':24s}{'flambeau':>18s}{'PyTorch':>18s}   ratio")
    for name in workloads(options.workloads):
        if not re.search(options.only, name):
            continue
        (ours, more), (theirs, theirs_more) = (measured(x, name, options) for x in LIBRARIES)
        print(
            f"{name:24s}{ours:9.1f} ({more:6.1f}){theirs:9.1f} ({theirs_more:6.1f})   "
            f"{ours / theirs:.2f} ({more / theirs_more:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
