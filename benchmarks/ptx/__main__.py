"""Assemble every CUDA kernel that the tests make, for GPUs that need not be here, and list what each takes.

    python -m benchmarks.ptx                        of all tests of CUDA
    python -m benchmarks.ptx tests/kernels/cuda     of these tests
    python -m benchmarks.ptx --device cuda tests/ops    of tests written for the CPU, and so of every operation's gradient
    python -m benchmarks.ptx --folder kernels       of texts that were recorded before (benchmarks/ptx/record.py)

The tests run in the simulator, so no GPU is needed; ptxas is (pip install nvidia-cuda-nvcc). Registers are a thread's,
of 255. Defects are texts that are refused, kernels that spill registers to memory, and blocks for which a multiprocessor has
too few of them; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from flambeau.kernels.cuda import ptxas

from .record import VARIABLE
from .table import ARCHITECTURES, HEADER, Row, assembled, texts

TESTS = ("tests/kernels/cuda", "tests/simulator", "tests/on_cuda")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="of recorded texts, instead of running tests")
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    parser.add_argument("--most", type=int, help="a sample of so many kernels")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--into", type=Path, help="a file for the table")
    given, given.tests = parser.parse_known_args()
    return given


def run_tests(tests: Sequence[str], folder: Path) -> None:
    """Record what they make; `tests` are arguments of pytest. Tests that fail are no business of this program's, but kernels
    that they do not come to would be missing.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.ptx.record", *tests]
    environment = {**os.environ, VARIABLE: str(folder), "FLAMBEAU_CUDA_SIMULATOR": "1"}
    if subprocess.run(command, env=environment).returncode:
        print("some tests failed: kernels that they would have made are missing from the table")


def summary(found: list[Row], seconds: float) -> str:
    kernels = len({row.file for row in found})
    taken = [row.usage for row in found if row.usage is not None]
    refused = len(found) - len(taken)
    defects = Counter(row.defect for row in found if row.usage is not None and row.defect)
    most = max((usage.registers for usage in taken), default=0)
    return (
        f"{kernels} kernels, {len(found)} assembled in {seconds:.0f} s: {refused} refused, "
        f"{defects['spills']} spill, {defects['too large a block']} in blocks too large for their registers, "
        f"{sum(usage.stack > 0 for usage in taken)} with a stack, at most {most} registers"
    )


def main() -> int:
    given = options()
    if ptxas.found() is None:
        raise SystemExit(ptxas.MISSING)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        if given.folder is None:
            run_tests(given.tests or TESTS, folder)
        start = time.perf_counter()
        files, found = texts(folder, given.most), list[Row]()
        all_rows = assembled(files, given.architectures, given.jobs)
        for some in tqdm(all_rows, total=len(files) * len(given.architectures), disable=None):
            found += some
    found.sort(key=lambda row: (row.usage is not None, row.usage or row.file, row.architecture))
    last = summary(found, time.perf_counter() - start)
    lines = "\n".join([HEADER, *map(str, found), last])
    if given.into:
        given.into.write_text(lines + "\n")
    print("\n".join([*(str(row) for row in found if row.defect), last]) if given.into else lines)
    return int(not found or any(row.defect for row in found))


if __name__ == "__main__":
    sys.exit(main())
