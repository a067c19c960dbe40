#!/usr/bin/env python3
"""Processes together, beside PyTorch's gloo: sums of 1 KB to 64 MB, and a step of a network of ten million parameters.

    python -m pip install torch mpi4py mpich        # beside flambeau; only this script needs torch
    python benchmarks/distributed.py [--ranks N ...] [--rounds N] [--into FILE] [--trace FILE]

Each library runs in processes of its own, in turns, round by round; the fastest of a round counts, and the slowest
process of a run. A ratio below 1 means that flambeau is faster. --trace writes a Chrome trace of one step, in which sums
run while backward still does, and says for how long.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = [1 << n for n in (10, 12, 14, 16, 18, 20, 22, 24, 26)]
LIBRARIES = "flambeau", "torch"
MARK = "<!-- distributed: {} -->"
WIDTH, LAYERS = 1280, 6


# ------------------------------------------------------------------------ in a process


def measure(torch: Any) -> dict[str, float]:
    """Seconds of each sum, and of a step, of the slowest process."""
    dist, nn = torch.distributed, torch.nn
    found: dict[str, float] = {}

    def best(call: Any, times: int) -> float:
        least = math.inf
        for _ in range(times):
            dist.barrier()
            begin = time.perf_counter()
            call()
            least = min(least, time.perf_counter() - begin)
        slowest = torch.tensor([least], dtype=torch.float64)
        dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
        return float(slowest)

    for size in SIZES:
        x = torch.zeros(size // 4)
        found[str(size)] = best(lambda x=x: dist.all_reduce(x), 30 if size < 1 << 22 else 8)
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    model = nn.parallel.DistributedDataParallel(nn.Sequential(*layers))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.randn(64, WIDTH)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    step()
    found["step"] = best(step, 8)
    trace = os.environ.get("TRACE")
    if trace and dist.get_rank() == 0:
        found |= overlap(torch, step, trace)
    elif trace:
        step()
    return found


def overlap(torch: Any, step: Any, file: str) -> dict[str, float]:
    """Seconds that sums took in a step, and how many of them while backward ran."""
    with torch.profiler.profile() as profiler:
        step()
    profiler.export_chrome_trace(file)
    events = profiler.events()
    sums = [e.time_range for e in events if e.name == "distributed::gradients"]
    nodes = [e.time_range for e in events if e.name.startswith("autograd::engine")]
    both = sum(max(0.0, min(s.end, n.end) - max(s.start, n.start)) for s in sums for n in nodes)
    return {"sums": sum(s.end - s.start for s in sums) / 1e6, "hidden": both / 1e6}


def work(library: str) -> None:
    """What each process does."""
    if library == "flambeau":
        import flambeau as torch
    else:
        import torch
        import torch.distributed
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    found = measure(torch)
    if torch.distributed.get_rank() == 0:
        print(json.dumps(found))
    torch.distributed.destroy_process_group()


# ------------------------------------------------------------------------ the run


def run(library: str, ranks: int, trace: str) -> dict[str, float]:
    """One round of one library."""
    port = _free()
    return _ended([_started(library, rank, ranks, port, trace) for rank in range(ranks)])[0]


def apart(count: int) -> list[dict[str, float]]:
    """So many processes at once that know nothing of each other."""
    return _ended([_started("flambeau", 0, 1, _free(), "") for _ in range(count)])


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _started(library: str, rank: int, ranks: int, port: int, trace: str) -> subprocess.Popen:
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        ),
        "TRACE": trace if library == "flambeau" else "",
    }
    command = [sys.executable, __file__, "--worker", library]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _ended(processes: list[subprocess.Popen]) -> list[dict[str, float]]:
    """What the processes have printed that print."""
    printed = [p.communicate(timeout=300)[0] for p in processes]
    if any(p.returncode for p in processes):
        sys.exit("a process has failed")
    return [json.loads(text.splitlines()[-1]) for text in printed if text.strip()]


def rows(ranks: int, rounds: int, trace: str) -> dict[str, tuple[float, float]]:
    """The least of each figure, of flambeau and of PyTorch."""
    least: list[dict[str, float]] = [{}, {}]
    for _ in range(rounds):
        for found, library in zip(least, LIBRARIES):
            for name, seconds in run(library, ranks, trace).items():
                found[name] = min(found.get(name, math.inf), seconds)
    return {name: (least[0][name], least[1].get(name, math.nan)) for name in least[0]}


def table(found: dict[int, dict[str, tuple[float, float]]]) -> str:
    """The figures as Markdown."""
    lines = ["| | " + " | ".join(f"{n} processes: flambeau | gloo | ratio" for n in found) + " |"]
    lines.append("| --- |" + " ---: | ---: | ---: |" * len(found))
    for name in [*map(str, SIZES), "step"]:
        title = "DDP step" if name == "step" else f"all_reduce {_bytes(int(name))}"
        parts = []
        for ours, theirs in (rows[name] for rows in found.values()):
            parts.append(f"{ours * 1e6:,.0f} us | {theirs * 1e6:,.0f} us | {ours / theirs:.2f}")
        lines.append(f"| {title} | " + " | ".join(parts) + " |")
    means = []
    for n, rows_ in found.items():
        logs = [math.log(a / b) for name, (a, b) in rows_.items() if name.isdigit()]
        means.append(f"{n} processes {math.exp(sum(logs) / len(logs)):.2f}")
    lines.append("\nGeometric mean of the sums: " + ", ".join(means) + ".")
    for n, rows_ in found.items():
        if "sums" in rows_:
            sums, hidden = rows_["sums"][0], rows_["hidden"][0]
            lines.append(
                f"In a step of {n} processes sums take {sums * 1e3:.1f} ms, {hidden * 1e3:.1f} of them while backward runs."
            )
    return "\n".join(lines)


def _bytes(size: int) -> str:
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} KB"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4], help="processes (2 4)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each library (3)")
    parser.add_argument("--into", type=Path, help="a Markdown file with marks for the table")
    parser.add_argument("--trace", default="", help="where to write a Chrome trace of a step")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    with tempfile.TemporaryDirectory() as folder:
        trace = options.trace or str(Path(folder) / "trace.json")
        text = table({n: rows(n, options.rounds, trace) for n in options.ranks})
    print(text)
    if options.into:
        page = options.into.read_text(encoding="utf-8")
        begin, end = MARK.format("begin"), MARK.format("end")
        before, rest = page.split(begin)
        options.into.write_text(
            f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
