"""The texts of CUDA kernels, written into a folder as they are made. As a plugin of pytest it does so for a whole run:

KERNELS_INTO=folder python -m pytest -p benchmarks.ptx.record tests/kernels/cuda
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from flambeau.kernels.cuda import ptx

VARIABLE = "KERNELS_INTO"


@contextmanager
def recording(folder: Path) -> Iterator[None]:
    """While this lasts, the text of every kernel that is loaded is written to `folder`, under its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    assembly = ptx.assembly

    def recorded(text: str, architecture: str = "sm_80") -> str:
        write(folder, text)
        return assembly(text, architecture)

    with mock.patch.object(ptx, "assembly", recorded):
        yield


def write(folder: Path, text: str) -> None:
    """Under its digest, so that processes that make the same kernel write the same file."""
    (folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.ll").write_text(text)


def pytest_configure(config) -> None:
    if folder := os.environ.get(VARIABLE):
        recorder = recording(Path(folder))
        recorder.__enter__()
        config.add_cleanup(lambda: recorder.__exit__(None, None, None))
