"""What NVIDIA's assembler says of PTX: registers, spills, memory. Programs run without it, since the driver has its own.

It belongs to the CUDA toolkit, and comes alone as the package nvidia-cuda-nvcc.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

MISSING = "ptxas is not installed: pip install nvidia-cuda-nvcc"
_ENTRY = re.compile(r"Compiling entry function '(\w+)' for '\w+'")
_FACTS = {
    "registers": re.compile(r"Used (\d+) registers"),
    "spilled": re.compile(r"(\d+) bytes spill stores"),
    "stack": re.compile(r"(\d+) bytes stack frame"),
    "shared": re.compile(r"(\d+) bytes smem"),
    "barriers": re.compile(r"used (\d+) barriers"),
}


class Refused(RuntimeError):
    """The assembler does not take a text: what it says of it."""


class Usage(NamedTuple):
    """What a kernel takes of a GPU.

    Attributes:
        registers: Of each thread, at most 255; a multiprocessor has 65,536.
        spilled: Bytes of a thread's registers that had to be written to memory.
        stack: Bytes of a thread's own memory, spilled ones and others.
        shared: Bytes of a block's memory that the kernel declares.
        barriers: How many are used, of 16.
    """

    name: str
    registers: int
    spilled: int
    stack: int
    shared: int
    barriers: int


@cache
def found() -> str | None:
    """Where the assembler is: of the package, on the path, or in the toolkit's folder; None where there is none."""
    package = find_spec("nvidia")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in sorted(Path(folder).glob("cu*/bin/ptxas*"), reverse=True):
            return str(path)
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
    return shutil.which("ptxas") or shutil.which("ptxas", path=str(Path(home) / "bin"))


def assembled(text: str, architecture: str = "sm_80") -> list[Usage]:
    """What each kernel of a PTX module takes on a GPU of this architecture.

    Raises:
        FileNotFoundError: There is no assembler here.
        Refused: The text is wrong, or too new for this assembler.
    """
    program = found()
    if program is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(text)
        command = [program, "--verbose", f"--gpu-name={architecture}", str(source)]
        run = subprocess.run(
            [*command, "--output-file", str(source.with_suffix(".cubin"))],
            capture_output=True,
            text=True,
        )
    said = run.stdout + run.stderr
    if run.returncode:
        raise Refused(f"ptxas does not take this text for {architecture}:\n{said.strip()}")
    return _read(said)


def _read(said: str) -> list[Usage]:
    """The assembler's words about each kernel. What it does not mention, there is none of."""
    _, *parts = _ENTRY.split(said)
    found = []
    for name, words in zip(parts[::2], parts[1::2]):
        facts = {key: fact.search(words) for key, fact in _FACTS.items()}
        found.append(Usage(name, **{key: int(m[1]) if m else 0 for key, m in facts.items()}))
    return found


__all__ = ["MISSING", "Refused", "Usage", "assembled", "found"]
