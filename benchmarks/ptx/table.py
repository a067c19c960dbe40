"""Kernels' texts through LLVM and NVIDIA's assembler, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from flambeau.kernels.cuda import ptx, ptxas

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
HEADER = f"{'kernel':42s} {'chip':7s} registers spilled stack shared barriers  text"


class Row(NamedTuple):
    """A kernel on a chip: what it takes, or why the assembler refused it; and the file of its text."""

    file: str
    architecture: str
    usage: ptxas.Usage | None
    refused: str = ""

    @property
    def is_defect(self) -> bool:
        return self.usage is None or self.usage.spilled > 0

    def __str__(self) -> str:
        if self.usage is None:
            return f"{self.file} {self.architecture}: {self.refused}"
        name, registers, spilled, stack, shared, barriers = self.usage
        return (
            f"{name[:42]:42s} {self.architecture:7s} {registers:9d} {spilled:7d} {stack:5d} {shared:6d} "
            f"{barriers:8d}  {self.file}"
        )


def rows(file: str, text: str, architecture: str) -> list[Row]:
    """A row for each kernel of a module in LLVM's language."""
    try:
        used = ptxas.assembled(ptx.assembly(text, architecture), architecture)
    except (ptxas.Refused, RuntimeError) as error:
        return [Row(file, architecture, None, str(error))]
    return [Row(file, architecture, usage) for usage in used]


def assembled(folder: Path, architectures: Iterable[str], jobs: int) -> Iterator[list[Row]]:
    """The rows of each text of a folder on each chip, `jobs` at a time."""
    files = sorted(folder.glob("*.ll"))
    with ThreadPoolExecutor(jobs) as pool:
        asked = [
            pool.submit(rows, file.name, file.read_text(), architecture)
            for file in files
            for architecture in architectures
        ]
        for each in asked:
            yield each.result()
