"""Programs in several processes, as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]
LIMIT = 120

has_mpi = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="MPI's wheels are installed on Linux alone"
)


def started(
    program: str | Path, ranks: int, *arguments: str, flags: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of the folder, or another file, in so many processes."""
    path = PROGRAMS / program if isinstance(program, str) else program
    launcher = [sys.executable, "-m", "flambeau.distributed.run", f"--nproc-per-node={ranks}"]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    return subprocess.run(
        [*launcher, *flags, str(path), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def passes(program: str, ranks: int, *arguments: str, **variables: str) -> None:
    """Every process comes to the program's last line, which prints "done"."""
    result = started(program, ranks, *arguments, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("done") == ranks, result.stdout + result.stderr
