#!/usr/bin/env python3
"""What this machine can do at most, and which part of it flambeau's operations reach.

    python benchmarks/limits.py [--threads N] [--only REGEX]

The limits are measured in the same process by a plain copy and by fused multiply-adds in registers. The
bytes of a workload are those of its operands and results, each once; its operations are counted as
`flambeau.kernels.explain` counts them, or, for matrix products and convolutions, are the
multiplications and additions of the definition (Winograd's convolution needs fewer, and so exceeds the peak).
A copy of about as many bytes is what the bandwidth is held against; it writes half of what it moves, so
reductions, which only read, may exceed it.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.inspect import roofline
from flambeau.kernels.runtime.process import machine

F = torch.nn.functional
Work = tuple[Callable[[], Any], int, int]


def tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))


def formula(fn: Callable[..., Any], *inputs: Any) -> Work:
    """A workload of generated kernels: their bytes and operations as `explain` counts them."""
    found = kernels.explain(fn, *inputs, timing=False).kernels
    moved, operations = sum(x.bytes for x in found), sum(x.operations for x in found)
    return lambda: fn(*inputs), moved, operations


def product(m: int, k: int, n: int, batch: int = 1) -> Work:
    x, y = tensor(batch, m, k), tensor(batch, k, n, seed=1)
    return lambda: x @ y, 4 * batch * (m * k + k * n + m * n), 2 * batch * m * k * n


def convolution(batch: int, channels: int, filters: int, size: int, window: int) -> Work:
    x, w = tensor(batch, channels, size, size), tensor(filters, channels, window, window, seed=1)
    out = batch * filters * size * size
    moved = 4 * (x.numel() + w.numel() + out)
    return (
        lambda: F.conv2d(x, w, padding=window // 2),
        moved,
        2 * out * channels * window * window,
    )


def training_convolution(batch: int, channels: int, size: int, window: int) -> Work:
    """Forward and both gradients: three times the work of the definition."""
    x, w = (
        tensor(batch, channels, size, size).requires_grad_(),
        tensor(channels, channels, window, window, seed=1).requires_grad_(),
    )
    out = batch * channels * size * size

    def step() -> None:
        x.grad = w.grad = None
        F.conv2d(x, w, padding=window // 2).sum().backward()

    return step, 12 * (x.numel() + w.numel() + out), 6 * out * channels * window * window


def square(seed: int = 0, side: int = 1024) -> torch.Tensor:
    return tensor(side, side, seed=seed)


WORKLOADS: dict[str, Callable[[], Work]] = {
    "pointwise: add": lambda: formula(torch.add, square(), square(1)),
    "pointwise: add, 16M": lambda: formula(torch.add, square(0, 4096), square(1, 4096)),
    "pointwise: relu": lambda: formula(F.relu, square()),
    "pointwise: clamp": lambda: formula(lambda x: x.clamp(-0.5, 0.5), square()),
    "pointwise: add a row": lambda: formula(torch.add, square(), tensor(1024)),
    "pointwise: x ** 3": lambda: formula(lambda x: x**3, square()),
    "pointwise: exp": lambda: formula(torch.exp, square()),
    "pointwise: gelu": lambda: formula(F.gelu, square()),
    "pointwise: sigmoid": lambda: formula(torch.sigmoid, square()),
    "strided: x.T + y": lambda: formula(lambda x, y: x.t() + y, square(0, 1000), square(1, 1000)),
    "strided: x.T + y.T": lambda: formula(torch.add, square().t(), square(1).t()),
    "strided: inner columns": lambda: formula(torch.abs, tensor(1024, 1026)[:, 1:-1]),
    "strided: every second row": lambda: formula(torch.abs, tensor(2048, 1024)[::2]),
    "strided: every second column": lambda: formula(torch.abs, tensor(1024, 2048)[:, ::2]),
    "strided: x[:, None] - y[None]": lambda: formula(
        lambda x, y: x[:, None] - y[None], tensor(200, 64), tensor(100, 64)
    ),
    "strided: a value a channel": lambda: formula(
        torch.mul, tensor(16, 64, 32, 32), tensor(64, 1, 1)
    ),
    "strided: in place into x.T": lambda: formula(lambda x, y: x.t().mul_(y), square(), square(1)),
    "strided: copy of x.T": lambda: formula(lambda x: x.t().contiguous(), square(0, 1000)),
    "convert: to bfloat16": lambda: formula(lambda x: x.bfloat16(), square()),
    "convert: to int64": lambda: formula(lambda x: x.long(), square()),
    "convert: x.T to float64": lambda: formula(lambda x: x.t().double(), square(0, 1000)),
    "reduce: sum": lambda: formula(torch.sum, square()),
    "reduce: sum, 16M": lambda: formula(torch.sum, square(0, 4096)),
    "reduce: mean of rows": lambda: formula(lambda x: x.mean(1), square()),
    "reduce: sum of columns": lambda: formula(lambda x: x.sum(0), square()),
    "reduce: sum of x.T's rows": lambda: formula(lambda x: x.t().sum(1), square()),
    "reduce: first and last of three": lambda: formula(
        lambda x: x.sum((0, 2)), tensor(64, 128, 128)
    ),
    "reduce: all of inner columns": lambda: formula(torch.sum, tensor(1024, 1026)[:, 1:-1]),
    "reduce: maxima of rows": lambda: formula(lambda x: x.amax(1), square()),
    "reduce: var": lambda: formula(lambda x: x.var(1), square()),
    "reduce: norm": lambda: formula(torch.norm, square()),
    "reduce: softmax": lambda: formula(lambda x: F.softmax(x, -1), square()),
    "reduce: layer_norm": lambda: formula(lambda x: F.layer_norm(x, (1024,)), square()),
    "matmul: 1024": lambda: product(1024, 1024, 1024),
    "matmul: 256": lambda: product(256, 256, 256),
    "matmul: 64 of 128": lambda: product(128, 128, 128, 64),
    "conv: 64 to 64, 3 x 3": lambda: convolution(8, 64, 64, 28, 3),
    "conv: the same with gradients": lambda: training_convolution(8, 64, 28, 3),
    "conv: 256 to 64, 1 x 1": lambda: convolution(8, 256, 64, 14, 1),
    "conv: 3 to 32, 5 x 5": lambda: convolution(4, 3, 32, 128, 5),
}


def print_limits() -> None:
    """The machine's limits on one thread and on all."""
    for title, shared in (("one thread", False), ("all threads", True)):
        rates = [roofline.arithmetic_rate(element, shared) / 1e9 for element in ("float", "double")]
        print(
            f"{title:12s} copy {roofline.copy_rate(shared=shared) / 1e9:7.1f} GB/s   "
            f"multiply-adds {rates[0]:7.1f} GFLOP/s float32, {rates[1]:7.1f} float64"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="a regular expression over the names")
    options = parser.parse_args()
    if not kernels.enabled():
        raise SystemExit("kernels are off: unset FLAMBEAU_KERNELS, or install llvmlite")
    torch.set_num_threads(options.threads)
    print(f"{options.threads} threads, vectors of {machine().bits} bits")
    print_limits()
    print(f"\n{'':30s}{'time':>12s}{'GB/s':>9s}{'of copy':>9s}{'GFLOP/s':>10s}{'of peak':>9s}")
    peaks = []
    for name, make in WORKLOADS.items():
        if re.search(options.only, name):
            peaks.append(print_row(name, *make()))
    mean = math.exp(sum(map(math.log, peaks)) / len(peaks)) if peaks else 0
    print(f"\ngeometric mean of the larger share of each: {mean:.0%}")


def print_row(name: str, step: Callable[[], Any], moved: int, operations: int) -> float:
    """Measure a workload; give the larger of its shares."""
    step()
    seconds = roofline.fastest(step, seconds=0.3)
    bandwidth, rate = moved / seconds, operations / seconds
    near = 1 << moved.bit_length() - 1  # small copies stay in caches, and so do small workloads
    copied, done = (
        bandwidth / roofline.copy_rate(near),
        rate / roofline.arithmetic_rate("float", True),
    )
    print(
        f"{name:30s}{1e6 * seconds:9.0f} us{bandwidth / 1e9:9.1f}{copied:9.0%}"
        f"{rate / 1e9:10.1f}{done:9.0%}",
        flush=True,
    )
    return max(copied, done)


if __name__ == "__main__":
    main()
