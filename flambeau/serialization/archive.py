"""The .pt archive: a ZIP of records in one folder, read with strict limits."""

from __future__ import annotations

import mmap
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..kernels.array import crc32, zeros
from . import option
from .error import SerializationError
from .message import shown
from .zip_directory import DEFLATED, LOCAL, STORED, Entry, directory, local_header, read_directory

MAX_ENTRIES = 1 << 21
FREE_INFLATED, MAX_RATIO = 16 << 20, 100
"""Bytes that compressed records may stand for: so many, and so many more for each of theirs. Deflate
can make 1,032 of one."""
MAX_INFLATED = 4 << 30
"""Bytes of all compressed records together."""
_ALIGNED = 16  # what code for arrays may rely on
_LONGEST_DESCRIPTOR = 24
_PART = 1 << 20


def write(file: Any, top: str, records: Iterable[tuple[str, bytes | memoryview]]) -> None:
    """Write records, each payload at a multiple of 64 bytes."""
    entries: list[Entry] = []
    held: list[Any] = []
    at = waiting = 0
    for name, payload in records:
        size = len(payload)
        entry = Entry(f"{top}/{name}".encode(), STORED, crc32.crc32(payload), size, size, at)
        entries.append(entry)
        header = local_header(entry, option.save.storage_alignment)
        held += (header, payload)
        at += len(header) + size
        waiting += len(header) + size
        if waiting >= _PART:  # small records are written together
            _flush(file, held)
            held, waiting = [], 0
    _flush(file, [*held, directory(entries, at)])


def _flush(file: Any, parts: list[Any]) -> None:
    if len(parts[-1]) >= _PART:
        file.write(b"".join(parts[:-1]))
        file.write(parts[-1])
    else:
        file.write(b"".join(parts))


class Archive:
    """Records of a .pt file by name.

    Raises:
        SerializationError: It is no such file, or breaks a rule: overlapping or encrypted entries,
            names outside the one folder, duplicates, too many, bytes that belong to no entry,
            records that are compressed by more than they can be.
    """

    is_shared = False
    """Does what is written to mapped records go to the file?"""

    def __init__(self, file: Any):
        self.file = file
        entries, start = read_directory(file)
        if not 0 < len(entries) <= MAX_ENTRIES:
            raise SerializationError(
                f"the archive has {len(entries)} entries; between 1 and {MAX_ENTRIES:,} are read"
            )
        self.entries = _by_name(entries)
        self.bounds = sorted({entry.offset for entry in entries} | {start})
        if self.bounds[0] != 0 or len(self.bounds) != len(entries) + 1 or self.bounds[-1] != start:
            raise SerializationError(
                "entries of the archive overlap, or hidden bytes come before them"
            )
        self._check_sizes()
        self._mapping: mmap.mmap | None = None

    def _check_sizes(self) -> None:
        for name, entry in self.entries.items():
            if entry.method not in (STORED, DEFLATED):
                raise SerializationError(
                    f"the archive's entry {shown(name)} is compressed by an unknown method"
                )
            if entry.method == STORED and entry.packed != entry.size:
                raise SerializationError(
                    f"the archive's entry {shown(name)} says two things about its size"
                )
        packed = [entry for entry in self.entries.values() if entry.method == DEFLATED]
        small, large = sum(entry.packed for entry in packed), sum(entry.size for entry in packed)
        if large > min(MAX_INFLATED, FREE_INFLATED + MAX_RATIO * small):
            raise SerializationError(
                f"the archive's compressed records would become too large: {large:,} bytes of "
                f"{small:,}; store them as they are"
            )

    def _start(self, name: str) -> int:
        """Where a record's bytes start, after checking that they lie between its header and the next."""
        entry = self.entries[name]
        self.file.seek(entry.offset)
        header = self.file.read(LOCAL.size)
        if len(header) < LOCAL.size or header[:4] != b"PK\3\4":
            raise SerializationError(f"the record {shown(name)} is damaged: it has no header")
        _, _, flags, method, _, _, _, packed, size, names, extras = LOCAL.unpack(header)
        own = self.file.read(names + extras)[:names]
        sizes_agree = flags & 8 or (
            packed in (entry.packed, 0xFFFFFFFF) and size in (entry.size, 0xFFFFFFFF)
        )
        if own != entry.name or method != entry.method or flags & 0x2041 or not sizes_agree:
            raise SerializationError(f"the record {shown(name)} says two things about itself")
        start = entry.offset + LOCAL.size + names + extras
        slack = _LONGEST_DESCRIPTOR if flags & 8 else 0
        following = self.bounds[bisect_right(self.bounds, entry.offset)]
        if not start + entry.packed <= following <= start + entry.packed + slack:
            raise SerializationError(
                f"the archive's entry {shown(name)} overlaps another, or hidden bytes follow it"
            )
        return start

    def size(self, name: str) -> int:
        """Bytes of a record."""
        if name not in self.entries:
            raise SerializationError(f"the archive has no record {shown(name)}")
        return self.entries[name].size

    def total(self) -> int:
        """Bytes of all records."""
        return sum(entry.size for entry in self.entries.values())

    def read(self, name: str, limit: int) -> bytes:
        """A record's bytes, checked against its CRC."""
        size = self.size(name)
        if size > limit:
            raise SerializationError(
                f"the record {shown(name)} has {size} bytes; at most {limit} are read"
            )
        return self.array(name).tobytes()

    def array(self, name: str) -> np.ndarray:
        """A record's bytes as an array of its own, checked against its CRC."""
        payload = zeros.fresh((self.size(name),), np.dtype(np.uint8))
        entry = self.entries[name]
        self.file.seek(self._start(name))
        view = memoryview(payload)
        if entry.method == STORED:
            read_into(self.file, view, name)
        else:
            _inflate(self.file, entry, view, name)
        if crc32.crc32(view) != entry.crc:
            raise SerializationError(f"the record {shown(name)} is damaged: its checksum is wrong")
        return payload

    def mapped(self, name: str) -> np.ndarray:
        """A record's bytes in the file itself; what is written there stays in memory. Its CRC is not
        looked at, since that would read the file."""
        size = self.size(name)
        if self.entries[name].method != STORED:
            raise SerializationError(
                f"the record {shown(name)} is compressed, so it cannot be mapped: leave out mmap"
            )
        start = self._start(name)
        if not size or start % _ALIGNED:
            return self.array(name)
        if self._mapping is None:
            access = mmap.ACCESS_WRITE if self.is_shared else mmap.ACCESS_COPY
            self._mapping = mmap.mmap(self.file.fileno(), 0, access=access)
        if start + size > len(self._mapping):
            raise SerializationError(f"the record {shown(name)} is cut short")
        return np.frombuffer(self._mapping, np.uint8, size, start)


def _by_name(entries: list[Entry]) -> dict[str, Entry]:
    """The records by their names in the one folder."""
    top = entries[0].name.partition(b"/")[0]
    found: dict[str, Entry] = {}
    for entry in entries:
        folder, slash, rest = entry.name.partition(b"/")
        parts = rest.split(b"/")
        if folder != top or not slash or b"" in parts or b".." in parts or b"\\" in entry.name:
            raise SerializationError(
                f"the archive's entry {shown(entry.name)} is not in its one folder {shown(top)}"
            )
        name = rest.decode("utf-8", "surrogateescape")
        if name in found:
            raise SerializationError(f"the archive has two entries {shown(name)}")
        found[name] = entry
    if "constants.pkl" in found:
        raise SerializationError(
            "this is a TorchScript program, not a checkpoint: save its state_dict() instead"
        )
    if "data.pkl" not in found:
        raise SerializationError("the archive has no data.pkl, so it is no checkpoint")
    return found


def read_into(file: Any, view: memoryview, name: str) -> None:
    """Fill memory from a file, which may give less than it is asked for."""
    into = getattr(file, "readinto", None)
    at, size = 0, len(view)
    while at < size:
        part = view[at : at + (1 << 24)]
        if into is None:
            found = file.read(len(part))
            count = len(found)
            part[:count] = found
        else:
            count = into(part) or 0
        if not count:
            raise SerializationError(f"the record {shown(name)} is cut short")
        at += count


def _inflate(file: Any, entry: Entry, view: memoryview, name: str) -> None:
    """Fill memory with what a compressed record stands for, which must be just as much."""
    stream = zlib.decompressobj(-15)
    left, at = entry.packed, 0
    pending = b""
    try:
        while not stream.eof:
            if not pending:
                pending = file.read(min(left, _PART))
                left -= len(pending)
            part = stream.decompress(pending, min(len(view) - at + 1, _PART))
            if not part and not pending:
                break
            pending = stream.unconsumed_tail
            if at + len(part) > len(view):
                break
            view[at : at + len(part)] = part
            at += len(part)
    except zlib.error as error:
        raise SerializationError(f"the record {shown(name)} is damaged: {error}") from None
    if at != len(view) or not stream.eof or left or stream.unused_data:
        raise SerializationError(
            f"the record {shown(name)} is not of the size that the archive says"
        )
