"""The cache of compiled kernels on disk.

It holds object files in a folder that only their user can write, each with its digest, so that a truncated or
foreign file is compiled again and not loaded. Several processes use it at once, of several versions and, in a home that
machines share, on several processors: whatever is there may be gone the next moment.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LIMIT = 256 << 20
"""Bytes of one group of kernels (see `Machine.group`); of what exceeds it, those used longest ago go first."""
GROUPS = 4
"""All groups together may have so many times the limit."""
UNFINISHED = ".part"
"""How the name of a file ends that is being written."""
HOUR, DAY = 3600, 86400


class File(NamedTuple):
    """A file of the cache: when it was used last, as far as is known, its size, and where it is."""

    used: float
    size: int
    path: str

    @property
    def group(self) -> str:
        """The first part of its name; older versions had none."""
        return os.path.basename(self.path).rpartition("-")[0]


class Disk:
    """The cache folder: FLAMBEAU_CACHE_DIR, or flambeau in the user's cache folder."""

    def __init__(self) -> None:
        self.checked: dict[Path, bool] = {}
        self.named: dict[str, Path] = {}

    @property
    def folder(self) -> Path | None:
        """None where there is none: a user without a home has no cache."""
        given = os.environ.get("FLAMBEAU_CACHE_DIR")
        if given:
            return self._named(given)
        if os.name == "nt":
            local = os.environ.get("LOCALAPPDATA")
            return Path(local) / "flambeau" / "cache" if local else None
        base = os.environ.get("XDG_CACHE_HOME", "")
        if os.path.isabs(base):  # others are to be ignored, says the specification
            return Path(base) / "flambeau"
        home = _home()
        return home / ".cache" / "flambeau" if home else None

    def _named(self, given: str) -> Path | None:
        """A folder that the user named; it stays where it is when the program changes its own folder."""
        if given not in self.named:
            try:
                self.named[given] = Path(given).expanduser().absolute()
            except (OSError, RuntimeError):  # the present folder is gone; ~ is nobody's
                return None
        return self.named[given]

    def _private(self) -> Path | None:
        """The folder, if it may be used."""
        folder = self.folder
        return folder if folder is not None and self.usable(folder) else None

    def usable(self, folder: Path) -> bool:
        """Is it a folder that only its user can write? Anybody else could plant code in it."""
        found = self.checked.get(folder)
        if found is None:
            found = self.checked[folder] = _inspect(folder)
        return found

    def read(self, key: str) -> bytes | None:
        """What was written under a key, if it is there and whole."""
        folder = self._private()
        if folder is None:
            return None
        try:
            with open(folder / f"{key}.o", "rb") as file:
                content = file.read()
                _mark_used(file.name, os.fstat(file.fileno()))
        except OSError:
            return None
        digest, image = content[:32], content[32:]
        return image if hashlib.sha256(key.encode() + image).digest() == digest else None

    def write(self, key: str, image: bytes) -> None:
        """Written aside and moved into place, so that another process sees all of it or nothing.

        On a full or read-only disk nothing is written: the kernel works all the same.
        """
        folder = self._private()
        if folder is None:
            return
        content = hashlib.sha256(key.encode() + image).digest() + image
        with suppress(OSError):
            handle, name = tempfile.mkstemp(dir=folder, suffix=UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(name, folder / f"{key}.o")
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise

    def files(self) -> list[File]:
        """All that it holds."""
        folder = self._private()
        return [] if folder is None else _files(folder)


def _home() -> Path | None:
    """The user's, if there is one: a container's user may be known to nobody."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() else None


def _mark_used(path: str, facts: os.stat_result) -> None:
    """Many systems do not note when a file is read; once a day is often enough to know which are."""
    if time.time() - facts.st_mtime > DAY:
        with suppress(OSError):
            os.utime(path)


# -------------------------------------------------------------------------------- what is trusted


def _inspect(folder: Path) -> bool:
    """Make the folder, look at whose it is, and make room in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = os.lstat(folder)
    except OSError:
        return False
    why = mistrust(folder, facts)
    if not why:
        _clean(folder)
        return True
    import warnings

    warnings.warn(
        f"compiled kernels are not cached in {folder}: {why}; or set FLAMBEAU_CACHE_DIR to a folder of "
        "your own",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def mistrust(folder: Path, facts: os.stat_result) -> str:
    """Why others than the user could write to it, and what to do; empty where nobody can."""
    if os.name == "nt":
        return "" if is_within_profile(folder) else f"it is not within {_home()}"
    if not stat.S_ISDIR(facts.st_mode):
        return "it is a symbolic link; name the folder itself"
    if facts.st_uid != os.getuid():
        return f"it belongs to another user (number {facts.st_uid}); 'chown' it"
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"it can be written by others than its user; 'chmod go-w {folder}'"
    return ""


def is_within_profile(folder: Path) -> bool:
    """Is it within the user's own folder? Windows lets no other user write there, unless that user allows it; and
    keeps its rights where Python does not see them.
    """
    home = _home()
    return home is not None and folder.resolve().is_relative_to(home.resolve())


# -------------------------------------------------------------------------------------- its bounds


def _clean(folder: Path) -> None:
    """Remove what killed processes left unfinished, and what was not used for longest where there is too much."""
    groups: dict[str, list[File]] = {}
    for file in _files(folder):
        if not file.path.endswith(UNFINISHED):
            groups.setdefault(file.group, []).append(file)
        elif time.time() - file.used > HOUR:
            _remove(file)
    left = [file for files in groups.values() for file in _bounded(files, LIMIT)]
    _bounded(left, GROUPS * LIMIT)


def _bounded(files: list[File], limit: int) -> list[File]:
    """Of files that exceed the limit, those that are left when the oldest are gone, down to half of it."""
    total = sum(file.size for file in files)
    if total <= limit:
        return files
    newest_last = sorted(files)
    gone = 0
    while total > limit // 2:
        total -= newest_last[gone].size
        _remove(newest_last[gone])
        gone += 1
    return newest_last[gone:]


def _remove(file: File) -> None:
    with suppress(OSError):  # another process was faster, or the folder is read-only
        os.unlink(file.path)


def _files(folder: Path) -> list[File]:
    """Other processes remove files meanwhile, and move new ones into their place."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode):
                        used = max(facts.st_atime, facts.st_mtime)
                        found.append(File(used, facts.st_size, entry.path))
    except OSError:
        return []  # a folder that cannot be listed is not made smaller
    return found


disk = Disk()
