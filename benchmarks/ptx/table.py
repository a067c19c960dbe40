"""Kernels' texts through LLVM and NVIDIA's assembler, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from flambeau.kernels.cuda import ptx, ptxas

from .record import threads_of

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
HEADER = f"{'kernel':42s} {'chip':7s} registers spilled stack shared barriers threads  text"
REGISTERS = 65_536
"""Of a multiprocessor, which a block has to find there: for each warp, multiples of 256."""


class Row(NamedTuple):
    """A kernel on a chip: what it takes, or why it was refused; the file of its text, and the threads of a block."""

    file: str
    architecture: str
    usage: ptxas.Usage | None
    threads: int = 0
    refused: str = ""

    @property
    def defect(self) -> str:
        """What is wrong with it, if something is."""
        if self.usage is None:
            return self.refused
        warps, each = -(-self.threads // 32), -(-self.usage.registers // 8) * 256
        too_many = warps * each > REGISTERS
        return "spills" if self.usage.spilled else "too large a block" if too_many else ""

    def __str__(self) -> str:
        if self.usage is None:
            return f"{self.file} {self.architecture}: {self.defect}"
        name, registers, spilled, stack, shared, barriers = self.usage
        return (
            f"{name[:42]:42s} {self.architecture:7s} {registers:9d} {spilled:7d} {stack:5d} {shared:6d} "
            f"{barriers:8d} {self.threads:7d}  {self.file} {self.defect}"
        )


def rows(file: str, text: str, architecture: str, threads: int = 0) -> list[Row]:
    """A row for each kernel of a module in LLVM's language, which is launched in blocks of up to so many threads."""
    try:
        used = ptxas.assembled(ptx.assembly(text, architecture), architecture)
    except (ptxas.Refused, RuntimeError) as error:
        return [Row(file, architecture, None, threads, str(error))]
    return [Row(file, architecture, usage, threads) for usage in used]


def texts(folder: Path, most: int | None = None) -> list[Path]:
    """The texts of a folder; of more than `most` those whose digests come first, which is a sample."""
    return sorted(folder.glob("*.ll"))[:most]


def assembled(
    files: Iterable[Path], architectures: Iterable[str], jobs: int
) -> Iterator[list[Row]]:
    """The rows of each text on each chip, `jobs` at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        asked = [
            pool.submit(rows, file.name, file.read_text(), architecture, threads_of(file))
            for file in files
            for architecture in architectures
        ]
        for each in asked:
            yield each.result()
