#!/usr/bin/env python3
"""How long a step takes, and how much memory a process needs, on 8 to 4,096 processes: a simulation.

    python benchmarks/scaling.py [--parameters N] [--compute SECONDS] [--latency SECONDS] [--bandwidth BYTES]
                                 [--buckets N] [--layers N] [--measure] [--json FILE]

A message of n bytes takes a + n / b seconds: a is the latency, b the bandwidth of a process' link, and both are inputs.
On top stand the costs of collectives on p processes (Thakur, Rabenseifner, Gropp, Optimization of Collective Communication
Operations in MPICH, 2005), of each the cheaper way:

    all_reduce      by doubling    log2(p) (a + n / b)
                    by halves      2 log2(p) a + 2 (p - 1) / p n / b
    reduce_scatter, all_gather     log2(p) a + (p - 1) / p n / b

A step computes for --compute seconds, a third forward and two thirds back, whatever p is: the batch of a process stays.
What is sent while backward runs is hidden as far as it lasts. With W bytes of parameters, as many of gradients, and twice
as many of an optimiser like Adam:

                  sends in a step                                        memory of a process
    DDP           all_reduce of gradients, by buckets                    4 W
    ZeRO-1        the same, then all_gather of parameters                2 W + 2 W / p
    fully_shard   all_gather twice and reduce_scatter, by layers         4 W / p + 2 W / layers

With --measure, what the model says of 2 and 4 processes on this machine is printed beside what is measured. Its inputs are
measured too (`distributed.py`): sums of 2 processes of each size, which are what a message costs here, where large ones do
not fit into a cache; and how long a step computes while p processes do, each for itself. Processes beyond the cores wait
for each other: what they send takes p / cores times as long.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

PROCESSES = [1 << n for n in range(3, 13)]
GIB = 1 << 30


@dataclass(frozen=True)
class Link:
    """What a message costs: seconds, and bytes a second."""

    latency: float
    bandwidth: float

    def gather(self, size: float, p: int) -> float:
        """Seconds of an all_gather to `size` bytes, or of a reduce_scatter from them."""
        return math.log2(p) * self.latency + (p - 1) / p * size / self.bandwidth if p > 1 else 0.0

    def reduce(self, size: float, p: int) -> float:
        """Seconds of an all_reduce."""
        if p == 1:
            return 0.0
        doubling = math.log2(p) * (self.latency + size / self.bandwidth)
        return min(doubling, 2 * self.gather(size, p))


@dataclass(frozen=True)
class Job:
    """A model: bytes of its parameters, seconds that a step computes, and how gradients are cut."""

    size: float
    compute: float
    buckets: int
    layers: int

    def ddp(self, link: Link, p: int) -> tuple[float, float]:
        """Seconds of a step, bytes of a process."""
        return self.compute + self._late(link, p), 4 * self.size

    def _late(self, link: Link, p: int) -> float:
        """Seconds that sums of buckets take beyond backward: each begins when its gradients are there."""
        back, each = self.compute * 2 / 3, link.reduce(self.size / self.buckets, p)
        free = 0.0
        for i in range(self.buckets):
            ready = back * (i + 1) / self.buckets
            free = max(free, ready) + each
        return max(0.0, free - back)

    def zero(self, link: Link, p: int) -> tuple[float, float]:
        """Seconds of a step, bytes of a process."""
        seconds = self.compute + self._late(link, p) + link.gather(self.size, p)
        return seconds, 2 * self.size + 2 * self.size / p

    def sharded(self, link: Link, p: int) -> tuple[float, float]:
        """Seconds of a step, bytes of a process. Nothing is gathered ahead, so nothing is hidden."""
        layer = self.size / self.layers
        seconds = self.compute + 3 * self.layers * link.gather(layer, p)
        return seconds, 4 * self.size / p + 2 * layer


def table(job: Job, link: Link) -> str:
    """Step times and memory as Markdown."""
    lines = [
        "| processes | DDP | efficiency | memory | ZeRO-1 | efficiency | memory | fully_shard | efficiency | memory |",
        "| ---: |" + " ---: |" * 9,
    ]
    for p in PROCESSES:
        parts = []
        for seconds, size in (job.ddp(link, p), job.zero(link, p), job.sharded(link, p)):
            parts.append(
                f"{seconds * 1e3:,.0f} ms | {job.compute / seconds:.0%} | {size / GIB:,.2f} GiB"
            )
        lines.append(f"| {p:,} | " + " | ".join(parts) + " |")
    return "\n".join(lines)


class Table(Link):
    """What messages of each size cost on this machine, from sums of two processes; between sizes, in proportion."""

    def __init__(self, times: dict[int, float], cores: int) -> None:
        super().__init__(min(times.values()), 0.0)
        object.__setattr__(self, "times", sorted(times.items()))
        object.__setattr__(self, "cores", cores)

    def gather(self, size: float, p: int) -> float:
        if p == 1:
            return 0.0
        times: list[tuple[int, float]] = self.times  # type: ignore[attr-defined]
        low = max((t for t in times if t[0] <= size), default=times[0])
        high = min((t for t in times if t[0] >= size), default=times[-1])
        share = 0.0 if low == high else math.log(size / low[0]) / math.log(high[0] / low[0])
        whole = math.exp((1 - share) * math.log(low[1]) + share * math.log(high[1]))
        part = self.latency * (math.log2(p) - 1) + whole * 2 * (p - 1) / p
        return part / 2 * max(1.0, p / self.cores)  # type: ignore[attr-defined]

    def reduce(self, size: float, p: int) -> float:
        return 2 * self.gather(size, p)


def measured() -> str:
    """What the model says of this machine, beside what is measured."""
    import os

    import distributed

    cores = os.cpu_count() or 1
    found = {p: distributed.run("flambeau", p, "") for p in (2, 4)}
    sums = {p: {int(k): v for k, v in of.items() if k.isdigit()} for p, of in found.items()}
    link = Table(sums[2], cores)
    lines = ["| | measured | model | model / measured |", "| --- | ---: | ---: | ---: |"]

    def row(title: str, seconds: float, told: float) -> None:
        lines.append(
            f"| {title} | {seconds * 1e3:,.2f} ms | {told * 1e3:,.2f} ms | {told / seconds:.2f} |"
        )

    for size in (1 << 14, 1 << 18, 1 << 22, 1 << 26):
        title = f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} KB"
        row(f"sum of {title}, 4 processes", sums[4][size], link.reduce(size, 4))
    size = 4 * distributed.LAYERS * (distributed.WIDTH**2 + distributed.WIDTH)
    for p in (2, 4):
        compute = max(of["step"] for of in distributed.apart(p))
        job = Job(size, compute, max(1, round(size / (25 << 20))), distributed.LAYERS)
        row(f"DDP step, {p} processes", found[p]["step"], job.ddp(link, p)[0])
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parameters", type=float, default=1e9, help="parameters of the model, of 4 bytes (1e9)"
    )
    parser.add_argument(
        "--compute", type=float, default=1.0, help="seconds that a step computes (1)"
    )
    parser.add_argument(
        "--latency", type=float, default=5e-6, help="seconds of a small message (5e-6)"
    )
    parser.add_argument(
        "--bandwidth", type=float, default=12.5e9, help="bytes a second of a process' link (12.5e9)"
    )
    parser.add_argument("--buckets", type=int, default=40, help="buckets of gradients (40)")
    parser.add_argument(
        "--layers", type=int, default=48, help="layers that are gathered one by one (48)"
    )
    parser.add_argument(
        "--measure", action="store_true", help="compare the model with this machine"
    )
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    if options.measure:
        print(measured())
        return
    job = Job(4 * options.parameters, options.compute, options.buckets, options.layers)
    link = Link(options.latency, options.bandwidth)
    print(table(job, link))
    if options.json:
        rows = {
            p: {"ddp": job.ddp(link, p), "zero": job.zero(link, p), "sharded": job.sharded(link, p)}
            for p in PROCESSES
        }
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
