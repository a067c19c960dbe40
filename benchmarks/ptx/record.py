"""The texts of CUDA kernels, written into a folder as they are launched. As a plugin of pytest it does so for a whole run:

KERNELS_INTO=folder python -m pytest -p benchmarks.ptx.record tests/kernels/cuda
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from flambeau.kernels.cuda import driver

VARIABLE = "KERNELS_INTO"


@contextmanager
def recording(folder: Path) -> Iterator[None]:
    """While this lasts, the text of every kernel that is launched is written to `folder`, under its digest, and beside it
    how many threads its largest block had. Processes that launch the same kernel write the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    launch, largest = driver.Kernel.__call__, dict[str, int]()

    def recorded(
        self: driver.Kernel, grid: Any, block: int, *arguments: Any, shared: int = 0
    ) -> None:
        if largest.get(self.text, 0) < block:
            largest[self.text] = block
            write(folder, self.text, block)
        launch(self, grid, block, *arguments, shared=shared)

    with mock.patch.object(driver.Kernel, "__call__", recorded):
        yield


def write(folder: Path, text: str, threads: int) -> None:
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.ll"
    if not file.exists():
        file.write_text(text)
    if threads > threads_of(file):
        file.with_suffix(".threads").write_text(str(threads))


def threads_of(file: Path) -> int:
    """Of the largest block that a kernel was launched with, as far as it is known."""
    told = file.with_suffix(".threads")
    return int(told.read_text() or 0) if told.exists() else 0


def pytest_configure(config) -> None:
    if folder := os.environ.get(VARIABLE):
        recorder = recording(Path(folder))
        recorder.__enter__()
        config.add_cleanup(lambda: recorder.__exit__(None, None, None))
