#!/usr/bin/env python3
"""flambeau on a GPU: is it right, and how fast is it beside PyTorch? One command, under eight minutes.

    python benchmarks/gpu.py [--into FOLDER] [--minutes N] [--only REGEX]
    python benchmarks/gpu.py --tiny          in the simulator or on a GPU, with small arrays: does it run at all?

It needs what flambeau needs, CuPy and, for the figures beside it, PyTorch. Workloads are timed, those first that others are
held against; then random calls of every public function are compared with the CPU's (benchmarks/fuzz). Each library has
processes of its own; one that fails or hangs is replaced, and its row says so. Whatever was found so far is in
FOLDER/gpu.json, and in FOLDER/gpu.md as a table: times, their ratio (below 1 flambeau is faster) and what it should be at
most, and the share that flambeau reaches of the bandwidth of PyTorch's copy, or of the peak of its products.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from gpu_workload import FULL, POINTWISE, ROWS, TINY, WORKLOADS, Workload
from tqdm import tqdm

HERE = Path(__file__).parent
BANDWIDTH = 0.85
"""The share of a copy's bandwidth that pointwise and row workloads should reach."""
PEAKS = {
    "float32": "products: square, float32",
    "tf32": "products: square, tf32",
    "float16": "products: square, float16",
    "bfloat16": "products: square, bfloat16",
}
COPY = "pointwise: copy"
SECONDS = 0.15
"""How long a workload is repeated in one round."""


# ------------------------------------------------------------------------- the process that computes


def serve(library: str, tiny: bool) -> None:
    """In a worker: time the workload named on each line of standard input, and answer in JSON."""
    import importlib

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes elsewhere
    sys.path.append(str(HERE.parent))  # of a checkout that is not installed
    T = importlib.import_module(library)
    steps: dict[str, tuple] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            found = facts(T) if name == "facts" else timed(T, name, steps, tiny)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:500], "lost": is_lost(T)}
            steps.clear()
        print(json.dumps(found), file=answers, flush=True)


def is_lost(T: Any) -> bool:
    """Does the GPU do nothing more for this process? So it is after an access to memory that is not there."""
    try:
        T.cuda.synchronize()
        return float(T.ones(2, device="cuda").sum()) != 2.0
    except Exception:
        return True


def facts(T: Any) -> dict[str, Any]:
    """What computes here."""
    import numpy

    found: dict[str, Any] = {"version": T.__version__, "device": T.cuda.get_device_name(0)}
    found["python"], found["numpy"] = platform.python_version(), numpy.__version__
    if T.__name__ == "flambeau":
        import llvmlite.binding as llvm

        from flambeau.kernels.cuda import driver

        found["llvm"] = ".".join(map(str, llvm.llvm_version_info))
        found["cupy"], found["simulated"] = driver.cupy().__version__, driver.is_simulated()
        found["architecture"] = driver.architecture(0)
    return found


def timed(T: Any, name: str, steps: dict[str, tuple], tiny: bool) -> dict[str, Any]:
    """Seconds a call, with the work of the GPU; and, where the result is a number or numbers, their mean size."""
    T.backends.cuda.matmul.allow_tf32 = T.backends.cudnn.allow_tf32 = False
    if name not in steps:
        steps.clear()  # the arrays of the last workload
        step = WORKLOADS[name].make(T, TINY if tiny else FULL)
        value = size_of(T, step())
        count = 1
        if not tiny:
            for _ in range(3):
                step()
            count = max(1, min(20_000, int(SECONDS / once(T, step, 3))))
        steps[name] = step, count, value
    step, count, value = steps[name]
    return {"seconds": once(T, step, count), "count": count, "value": value}


def once(T: Any, step: Any, count: int) -> float:
    T.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        step()
    T.cuda.synchronize()
    return (time.perf_counter() - start) / count


def size_of(T: Any, result: Any) -> float | None:
    if not isinstance(result, T.Tensor):
        return None
    return float(result.detach().float().abs().mean())


class Worker:
    """A process of one library; a new one takes the place of one that failed, as its GPU's state may be lost."""

    def __init__(self, library: str, tiny: bool):
        self.command = [sys.executable, __file__, "--serve", library, *(["--tiny"] if tiny else [])]
        self.process: Any = None

    def ask(self, name: str, timeout: float) -> dict[str, Any]:
        """What it answers: seconds, or an error."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        try:
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
            ready = select.select([self.process.stdout], [], [], timeout)[0]
            line = self.process.stdout.readline() if ready else ""
        except OSError:
            line, ready = "", [True]
        why = "the process ended" if ready else f"no answer in {timeout:.0f} s"
        found: dict[str, Any] = json.loads(line) if line else {"error": why, "lost": True}
        if found.pop("lost", False):
            self.stop()
        return found

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


# ------------------------------------------------------------------------------------- the report


class Row(NamedTuple):
    """A workload's figures.

    Attributes:
        ours, theirs: Seconds a call, or why there are none.
        ratio: Of the two.
        share: Of the copy's bandwidth, or of the peak of PyTorch's products, that flambeau reaches.
        remark: What is wrong, if something is.
    """

    name: str
    ours: float | str
    theirs: float | str
    ratio: float | None
    target: float
    share: float | None
    remark: str

    def __str__(self) -> str:
        cells = [self.name, *(shown(x) for x in (self.ours, self.theirs))]
        cells += ["" if self.ratio is None else f"{self.ratio:.2f}", f"{self.target:.2f}"]
        cells += ["" if self.share is None else f"{self.share:.0%}", self.remark]
        return f"| {' | '.join(cells)} |"


def shown(seconds: float | str) -> str:
    return "-" if isinstance(seconds, str) else f"{1e6 * seconds:,.1f}"


class Report:
    """What was found, written to the folder after each step."""

    def __init__(self, folder: Path, tiny: bool):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.sizes = folder, TINY if tiny else FULL
        self.facts: dict[str, Any] = {}
        self.correctness: dict[str, Any] = {}
        self.raw: dict[str, dict[str, Any]] = {}

    def rows(self) -> list[Row]:
        return [self.row(name, answers) for name, answers in self.raw.items()]

    def row(self, name: str, answers: dict[str, Any]) -> Row:
        ours, theirs = answers["flambeau"], answers["torch"]
        a, b = (x.get("seconds", x.get("error", "")) for x in (ours, theirs))
        ratio = None if isinstance(a, str) or isinstance(b, str) else a / b
        share = None if isinstance(a, str) else self.share(WORKLOADS[name], a)
        return Row(name, a, b, ratio, WORKLOADS[name].target, share, remark(ours, theirs))

    def share(self, workload: Workload, seconds: float) -> float | None:
        """Of what PyTorch reached in a copy, or in a large product of this type, in this run."""
        amount, reference = workload.moved, COPY
        if workload.operations(self.sizes):
            amount, reference = workload.operations, PEAKS[workload.unit]
        best = self.raw.get(reference, {}).get("torch", {}).get("seconds")
        if not best or not amount(self.sizes):
            return None
        whole = WORKLOADS[reference]
        peak = (whole.operations if workload.operations(self.sizes) else whole.moved)(
            self.sizes
        ) / best
        return float(amount(self.sizes) / seconds / peak)

    def write(self) -> None:
        rows = self.rows()
        content = {
            "facts": self.facts,
            "correctness": self.correctness,
            "sizes": self.sizes,
            "rows": [row._asdict() for row in rows],
            "raw": self.raw,
        }
        (self.folder / "gpu.json").write_text(json.dumps(content, indent=1))
        (self.folder / "gpu.md").write_text(self.table(rows))

    def table(self, rows: list[Row]) -> str:
        lines = [f"{key}: {value}" for key, value in self.facts.items()]
        lines += ["", *(f"{key}: {value}" for key, value in self.correctness.items()), ""]
        lines += ["| | flambeau, us | PyTorch, us | ratio | target | share | |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: | --- |", *map(str, rows), ""]
        return "\n".join([*lines, self.summary(rows), ""])

    def summary(self, rows: list[Row]) -> str:
        compared = [row for row in rows if row.ratio is not None]
        met = sum(row.ratio <= row.target for row in compared)  # type: ignore[operator]
        memory = [r for r in rows if r.share is not None and r.name.startswith((POINTWISE, ROWS))]
        fast = sum(r.share >= BANDWIDTH for r in memory)  # type: ignore[operator]
        failed = sum(isinstance(row.ours, str) for row in rows)
        return (
            f"{met} of {len(compared)} ratios within their targets; {fast} of {len(memory)} memory-bound rows at "
            f"{BANDWIDTH:.0%} of a copy or more; {failed} of {len(rows)} rows failed"
        )


def remark(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    if "error" in ours:
        return ours["error"].replace("\n", " ")[:100]
    a, b = ours.get("value"), theirs.get("value")
    if a is not None and b is not None and not abs(a - b) <= 0.02 * max(abs(a), abs(b)) + 1e-6:
        return f"a mean of {a:.6g}, not {b:.6g}"
    return ""


# ------------------------------------------------------------------------------------ the sections


def compare_with_cpu(report: Report, seconds: float, tiny: bool) -> None:
    """Random calls of every public function, on the GPU and on the CPU."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--beside", "cuda", "--timeout", "20"]
    command += ["--seconds", f"{seconds:.0f}", "--cases", "20" if tiny else "1000000"]
    command += ["--only", "add", "sin", "softmax", "sort"] if tiny else []
    place = report.folder / "fuzz.txt"
    with place.open("w") as file:
        try:
            run = subprocess.run(command, cwd=HERE.parent, stdout=file, timeout=seconds + 60)
            report.correctness["fuzz"] = f"exit status {run.returncode}"
        except subprocess.TimeoutExpired:
            report.correctness["fuzz"] = "stopped: it ran over its time"
    lines = place.read_text().splitlines()
    for head, name in (("family", "columns"), ("all", "cases")):
        found = [line.split()[1:] for line in lines if line.partition(" ")[0] == head]
        report.correctness[name] = " ".join(found[-1]) if found else "none"
    wrong = [line for line in lines if line.startswith(("mismatched", "crashed"))]
    report.correctness["findings"] = f"{len(wrong)}, in {place.name}"


def measure(report: Report, names: list[str], end: float, tiny: bool) -> None:
    """Time workloads in turns, as long as there is time; a workload of another library that is missing stays empty."""
    workers = {library: Worker(library, tiny) for library in ("flambeau", "torch")}
    for library, worker in list(workers.items()):
        found = worker.ask("facts", 120)
        report.facts |= {f"{library} {key}": value for key, value in found.items()}
        if library == "torch" and "error" in found:
            del workers[library]
    for name in tqdm(names, desc="timing", disable=None):
        answers: dict[str, Any] = {"flambeau": {}, "torch": {}}
        report.raw[name] = answers
        for _ in range(1 if tiny else 3):
            for library, worker in workers.items():
                answers[library] = better(answers[library], ask(worker, name, end))
        report.write()
    for worker in workers.values():
        worker.stop()


def ask(worker: Worker, name: str, end: float) -> dict[str, Any]:
    left = end - time.monotonic()
    return worker.ask(name, min(30, left)) if left > 1 else {"error": "no time was left"}


def better(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The faster round; an error only if no round went well."""
    if "seconds" not in new:
        return old or new
    return min(old, new, key=lambda x: x.get("seconds", float("inf")))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, default=Path("gpu"), help="folder of the results")
    parser.add_argument("--minutes", type=float, default=7.5, help="for everything")
    parser.add_argument("--only", default="", help="a regular expression over the workloads")
    parser.add_argument("--tiny", action="store_true", help="small arrays, each workload once")
    parser.add_argument("--without-fuzz", action="store_true", help="no comparison with the CPU")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.tiny)
        return
    end = time.monotonic() + 60 * given.minutes
    report = Report(given.into, given.tiny)
    # What others are held against comes first.
    names = [COPY, *PEAKS.values(), *(n for n in WORKLOADS if n not in (COPY, *PEAKS.values()))]
    names = [name for name in names if re.search(given.only, name)]
    fuzz = 0 if given.without_fuzz else 60 * given.minutes / 4
    measure(report, names, end - fuzz - 10, given.tiny)
    if fuzz:
        compare_with_cpu(report, min(fuzz, end - time.monotonic() - 10), given.tiny)
    report.write()
    print(report.table(report.rows()))


if __name__ == "__main__":
    main()
