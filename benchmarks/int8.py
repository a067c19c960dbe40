#!/usr/bin/env python3
"""Products of bytes on one thread: dynamically quantised linear layers beside those of float32, floats with weights of eight
and four bits, and sums of products of two matrices of bytes.

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
    print("\nout x in     batch    8 bits   4 bits, bfloat16 on the left")
    for n, k in ((1024, 1024), (4096, 1024)):
        weight, scales = torch.ones(n, k, dtype=torch.int8), torch.rand(n).bfloat16()
        numbers = torch.ones(n, k, dtype=torch.int32)
        packed = torch._convert_weight_to_int4pack_for_cpu(numbers, 1)
        groups = torch.rand(k // 64, n, 2).bfloat16()
        for batch in (1, 4, 64):
            x = torch.randn(batch, k).bfloat16()
            eight = best(lambda x: torch._weight_int8pack_mm(x, weight, scales), x)  # noqa: B023
            four = best(lambda x: torch._weight_int4pack_mm_for_cpu(x, packed, 64, groups), x)  # noqa: B023
            print(f"{n} x {k} {batch:7} {eight:9.0f} {four:8.0f}")
    print("\nsquares of bytes")
    for size in (64, 256, 1024):
        x = torch.ones(size, size, dtype=torch.int8)
        print(f"{size:5} {best(lambda x: torch._int_mm(x, x), x):8.0f}")


if __name__ == "__main__":
    main()
