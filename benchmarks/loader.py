#!/usr/bin/env python3
"""Batches from worker processes: microseconds a batch, by its size, in flambeau and in PyTorch.

    python benchmarks/loader.py [--modules flambeau torch] [--workers N] [--rounds N]

The dataset makes a tensor by one addition, so what is measured is the way from the workers to the main
process. Each figure is the least of several rounds, which the libraries take in turns, each in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from typing import Any

SIZES = (100, 10_000, 30_000, 100_000, 1_000_000, 16_000_000)
"""Bytes of a batch."""


class Same:
    """A dataset of one tensor."""

    def __init__(self, tensor: Any, length: int) -> None:
        self.tensor, self.length = tensor, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.tensor + 1


def microseconds(torch: Any, size: int, workers: int) -> float:
    """Of one batch, without the workers' start."""
    count = max(30, min(1000, 200_000_000 // size))
    data = Same(torch.zeros(size, dtype=torch.uint8), count + 20)
    batches = iter(torch.utils.data.DataLoader(data, batch_size=None, num_workers=workers))
    for _ in range(20):
        next(batches)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return (time.perf_counter() - start) / count * 1e6


def measure(module: str, size: int, workers: int) -> float:
    """In a process of its own."""
    command = [sys.executable, __file__, "--one", module, str(size), "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", nargs="+", default=["flambeau", "torch"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        module, size = options.one
        print(microseconds(importlib.import_module(module), int(size), options.workers))
        return
    print(f"{'bytes':>12}" + "".join(f"{module + ' us':>16}" for module in options.modules))
    for size in SIZES:
        rounds = [
            [measure(module, size, options.workers) for module in options.modules]
            for _ in range(options.rounds)
        ]
        print(f"{size:12,}" + "".join(f"{min(times):16,.1f}" for times in zip(*rounds)))


if __name__ == "__main__":
    main()
