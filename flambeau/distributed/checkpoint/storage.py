"""Where checkpoints lie: a directory, with a file for each process and a manifest that is written last.

The manifest, `.metadata`, is JSON; the files are as `save` writes them. A reader trusts neither: it runs no code, reads
no file outside the directory, and checks shapes before it allocates. A directory without a manifest is no checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...serialization import load, save
from .plan import Part

MANIFEST = ".metadata"
VERSION = 1
_MOST = 256 << 20
"""Bytes of a manifest at most."""


class FileSystemWriter:
    """Writes checkpoints into a directory.

    Source: torch.distributed.checkpoint.FileSystemWriter
    """

    def __init__(self, path: str | os.PathLike, **options: Any) -> None:
        self.path = Path(path)


class FileSystemReader:
    """Reads checkpoints of a directory.

    Source: torch.distributed.checkpoint.FileSystemReader
    """

    def __init__(self, path: str | os.PathLike, **options: Any) -> None:
        self.path = Path(path)

    def read_metadata(self) -> dict[str, Any]:
        """The manifest."""
        return read_manifest(self.path)


def file_name(rank: int, token: str) -> str:
    """The name of the file of a process, new for each checkpoint."""
    return f"__{rank}_{token}.distcp"


def write_values(folder: Path, rank: int, token: str, values: dict[str, Any]) -> None:
    """Write what one process has, and let it reach the disk."""
    path = folder / file_name(rank, token)
    save(values, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_manifest(folder: Path, token: str, entries: dict[str, Any]) -> None:
    """Make the checkpoint whole; files of one that was there before are removed."""
    temporary = folder / f"{MANIFEST}.{token}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"version": VERSION, "token": token, "entries": entries}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / MANIFEST)
    for old in folder.glob("__*_*.distcp"):
        if not old.name.endswith(f"_{token}.distcp"):
            old.unlink(missing_ok=True)


def remove_values(folder: Path, rank: int, token: str) -> None:
    """Leave nothing behind of a checkpoint that did not come about."""
    with contextlib.suppress(OSError):
        (folder / file_name(rank, token)).unlink(missing_ok=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The entries of a checkpoint by name.

    Raises:
        FileNotFoundError: There is no whole checkpoint.
        ValueError: The manifest is none.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} has no {MANIFEST}: it is no checkpoint, or one that was not written to its end"
        )
    if path.stat().st_size > _MOST:
        raise ValueError(f"{path} is too large for a manifest")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        entries = data["entries"]
        known = data["version"] == VERSION and isinstance(entries, dict)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f"{path} is no manifest of a checkpoint that flambeau has written")
    return entries


class Files:
    """The files of a checkpoint, each opened when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: dict[str, Any] = {}

    def value(self, name: str, key: str) -> Any:
        """One of the values of a file.

        Raises:
            ValueError: The manifest names a file outside of the directory, or a value that is not there.
        """
        if Path(name).name != name or not name.startswith("__"):
            raise ValueError(f"the manifest names {name!r}, which is no file of the checkpoint")
        if name not in self.opened:
            self.opened[name] = load(self.folder / name, weights_only=True, mmap=True)
        values = self.opened[name]
        if not isinstance(values, dict) or key not in values:
            raise ValueError(f"{name} has no {key!r}")
        return values[key]


def boxes(entry: dict[str, Any]) -> Sequence[tuple[Part, str, str]]:
    """The parts of a tensor that a manifest lists: box, file, key."""
    return [
        (
            Part(tuple(map(int, p["offset"])), tuple(map(int, p["size"]))),
            str(p["file"]),
            str(p["key"]),
        )
        for p in entry["parts"]
    ]
