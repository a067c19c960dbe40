#!/usr/bin/env python3
"""Dynamically quantised linear layers beside those of float32, on one thread.

    python benchmarks/int8.py            flambeau
    python benchmarks/int8.py torch      PyTorch, which must be installed

The best of 40 calls, in microseconds.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def best(function: Callable[[Any], Any], x: Any) -> float:
    function(x)
    times = []
    for _ in range(40):
        start = time.perf_counter()
        function(x)
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def main() -> None:
    torch = import_module("torch" if "torch" in sys.argv[1:] else "flambeau")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("out x in     batch     int8  float32")
    for n, k in ((1024, 1024), (4096, 1024)):
        layer = torch.nn.Sequential(torch.nn.Linear(k, n))
        quantized = torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear})
        for batch in (1, 8, 64):
            x = torch.randn(batch, k)
            with torch.no_grad():
                print(f"{n} x {k} {batch:7} {best(quantized, x):8.0f} {best(layer, x):8.0f}")


if __name__ == "__main__":
    main()
