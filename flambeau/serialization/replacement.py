"""Writing a file so that another one of its name is replaced at once and only by a whole one.

What is being written lies beside it, under a name that says whose it is, and is locked as long as
its process lives. A process that is killed leaves it; the next save removes what nobody has locked.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

fcntl: Any = None
with contextlib.suppress(ImportError):  # Windows has none
    import fcntl

_SUFFIX = ".flambeau-save"
_LONGEST = (
    60  # characters of the file's name in the temporary one, which may not be too long itself
)


def replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Have a file written beside `path`, and rename it when all is on the disk."""
    remove_abandoned(path)
    file, temporary = _create(path)
    try:
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else _mode())
            if fcntl is not None:  # while it is locked
                os.replace(temporary, path)
        if fcntl is None:
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_abandoned(path: Path) -> None:
    """Remove what killed saves of this file have left: files of our names that nobody has locked."""
    if fcntl is None:  # no lock would say that nobody writes
        return
    start = _prefix(path)
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(path.parent) if name.startswith(start)]
        for name in names:
            if name.endswith(_SUFFIX):
                _remove_unlocked(path.parent / name)


def _remove_unlocked(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                path.unlink()
        finally:
            os.close(handle)


def _create(path: Path) -> tuple[IO[bytes], Path]:
    """A new file beside `path`, locked."""
    while True:
        temporary = path.parent / f"{_prefix(path)}{secrets.token_hex(6)}{_SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(temporary, flags, 0o600)
        except FileExistsError:
            continue
        file = os.fdopen(handle, "wb")
        if fcntl is None:
            return file, temporary
        with contextlib.suppress(OSError):  # a file system without locks: nobody will remove it
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_at(handle, temporary):
            return file, temporary
        file.close()  # another process took it for abandoned before it was locked


def _is_at(handle: int, path: Path) -> bool:
    """Is this open file what lies at the path, and a plain file?"""
    try:
        here, there = os.fstat(handle), os.lstat(path)
    except OSError:
        return False
    same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    return same and stat.S_ISREG(there.st_mode)


def _prefix(path: Path) -> str:
    return f".{path.name[:_LONGEST]}."


def _mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
