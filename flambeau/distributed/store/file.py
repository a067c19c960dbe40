"""A store in a file that processes share."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from .base import DEFAULT, Store
from .entries import Entries
from .wire import MOST


class FileStore(Store):
    """A store in a file of a disk that all processes reach. What is done is appended to the file, under a lock.

    Args:
        file_name: The file; it is made if it is not there.
        world_size: How many processes use it; the last to go removes the file. With -1 it stays.
        timeout: How long to wait for values.

    Source: torch.distributed.FileStore
    """

    def __init__(self, file_name: str, world_size: int = -1, timeout: timedelta = DEFAULT) -> None:
        super().__init__(timeout)
        self._path, self._count = os.fspath(file_name), world_size
        self._entries, self._read = Entries(), 0

    def __del__(self) -> None:
        if self._count > 0:
            with contextlib.suppress(Exception):  # at the end of the process, the file may be gone
                if self.add("flambeau/gone", 1) == self._count:
                    os.unlink(self._path)

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        import fcntl  # of POSIX systems

        while True:
            number = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(number, fcntl.LOCK_EX)
                same = os.path.exists(self._path) and os.path.samestat(
                    os.fstat(number), os.stat(self._path)
                )
                if same:
                    yield number
                    return
            finally:
                os.close(number)
            time.sleep(1e-3)  # it was removed between opening and locking

    def _ask(self, what: str, key: str, *given: Any) -> Any:
        with self._locked() as number:
            self._catch_up(number)
            if what in ("get", "keys", "length"):
                return self._entries.do(what, key, *given)
            end = os.lseek(number, 0, os.SEEK_END)
            line = _line(what, key, given)
            os.write(number, line)
            self._read = end + len(line)
            return self._entries.do(what, key, *given)

    def _catch_up(self, number: int) -> None:
        """Do what others have done since."""
        size = os.fstat(number).st_size
        if size - self._read > MOST:
            raise ValueError(f"{self._path} is too large for a store's file: {size:,} bytes")
        data = os.pread(number, size - self._read, self._read)
        for what, key, given in _lines(data):
            self._entries.do(what, key, *given)
        self._read = size


def _line(what: str, key: str, given: tuple[Any, ...]) -> bytes:
    words = [what.encode(), key.encode()]
    words += [b"b" + x if isinstance(x, bytes) else b"i%d" % x for x in given]
    return b" ".join(word.hex().encode() or b"-" for word in words) + b"\n"


def _lines(data: bytes) -> Iterator[tuple[str, str, list[Any]]]:
    for line in data.splitlines():
        words = [b"" if word == b"-" else bytes.fromhex(word.decode()) for word in line.split(b" ")]
        given = [word[1:] if word[:1] == b"b" else int(word[1:]) for word in words[2:]]
        yield words[0].decode(), words[1].decode(), given
