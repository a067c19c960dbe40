#!/usr/bin/env python3
"""Ctrl-C in the midst of long operations: how long it takes until it is answered.

    python benchmarks/interrupt.py [--module flambeau] [--threads N] [--only WORD]

Each operation runs once to the end and once with a SIGINT after a third of that time, from another process. The
latency is the time from the signal to the exception; it should be at most 0.3 s where flambeau's own
code runs. What says "library" runs in NumPy's, which cannot be stopped within one call.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any


def operations(torch: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names, and what takes about a second or more."""
    wide = torch.rand(60_000_000)
    square = torch.rand(5000, 5000)
    double = torch.rand(3000, 3000, dtype=torch.float64)
    images = torch.rand(64, 64, 112, 112)
    weight = torch.rand(128, 64, 3, 3)
    rows = torch.rand(60_000, 1000)
    small = torch.rand(20_000, 24, 24)
    f = torch.nn.functional
    yield "lgamma", lambda: torch.lgamma(wide)
    yield "softmax", lambda: torch.softmax(rows, 1)
    yield "sum of 30 times", lambda: [wide.sum() for _ in range(30)]
    yield "sort of one row", lambda: torch.sort(wide)
    yield "sort of rows", lambda: torch.sort(rows, 1)
    yield "topk", lambda: torch.topk(rows, 40, 1)
    yield "cumsum of one row", lambda: torch.cumsum(wide, 0)
    yield "cumsum of columns", lambda: torch.cumsum(rows, 0)
    yield "unique", lambda: torch.unique((wide[:20_000_000] * 1e6).long())
    yield "median", lambda: torch.median(wide)
    yield "rand", lambda: torch.rand(200_000_000)
    yield "randn", lambda: torch.randn(200_000_000)
    yield "randperm", lambda: torch.randperm(20_000_000)
    yield "multinomial", lambda: torch.multinomial(rows, 20)
    yield "matmul float32", lambda: square @ square
    yield "matmul float64", lambda: double @ double
    yield (
        "matmul int64 (library)",
        lambda: (square[:900, :900] * 9).long() @ square.long()[:900, :900],
    )
    yield "matmul complex64 (library)", lambda: torch.complex(square, square) @ square.cfloat()
    yield "conv2d", lambda: [f.conv2d(images, weight, padding=1) for _ in range(3)]
    yield "conv2d strided", lambda: [f.conv2d(images, weight, stride=2) for _ in range(9)]
    yield "max_pool2d", lambda: [f.max_pool2d(images, 3, 1) for _ in range(9)]
    yield "attention", lambda: f.scaled_dot_product_attention(*[images[:8, :, :, :64]] * 3)
    yield "gather", lambda: wide[torch.randint(wide.numel(), (60_000_000,))]
    yield (
        "index_add",
        lambda: torch.zeros(1000, 1000).index_add(0, torch.randint(1000, (60_000,)), rows),
    )
    yield "fft", lambda: torch.fft.fft(rows)
    yield "svd of many", lambda: torch.linalg.svd(small)
    yield "svd of one (library)", lambda: torch.linalg.svd(square[:1200, :1200])
    yield "eigh of many", lambda: torch.linalg.eigh(small)
    yield "inverse of many", lambda: [torch.linalg.inv(small) for _ in range(9)]
    yield "interpolate", lambda: f.interpolate(images, scale_factor=4, mode="bilinear")
    yield "cdist", lambda: torch.cdist(rows[:9000, :100], rows[:9000, :100], p=1.0)
    yield "in place (to the end)", lambda: wide.lgamma_()


def interrupted(work: Callable[[], Any], after: float) -> float | None:
    """How long after a signal the exception came; None if the work was done before."""
    reader, writer = os.pipe()
    main = os.getpid()
    child = os.fork()
    if child == 0:
        time.sleep(after)
        sent = time.monotonic()
        os.kill(main, signal.SIGINT)
        os.write(writer, struct.pack("d", sent))
        os._exit(0)
    answered = None
    try:
        work()
        os.waitpid(child, 0)
        time.sleep(0.1)
    except KeyboardInterrupt:
        answered = time.monotonic()
    (sent,) = struct.unpack("d", os.read(reader, 8))
    os.close(reader)
    os.close(writer)
    return None if answered is None else answered - sent


def seconds(work: Callable[[], Any]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", default="flambeau")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch = importlib.import_module(options.module)
    torch.set_num_threads(options.threads)
    print(f"{options.module}, {options.threads} threads\n{'':28}{'seconds':>10}{'latency':>10}")
    for name, work in operations(torch):
        if options.only not in name:
            continue
        took = seconds(work)
        latency = interrupted(work, took / 3)
        answer = "   (was done)" if latency is None else f"{latency:10.3f}"
        print(f"{name:28}{took:10.2f}{answer}", flush=True)


if __name__ == "__main__":
    main()
