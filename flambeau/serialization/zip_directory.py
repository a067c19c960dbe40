"""The directory of a ZIP file, read and written: no more of the format than .pt files need.

Source: PKWARE's APPNOTE.TXT, 4.3 to 4.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .error import SerializationError

STORED, DEFLATED = 0, 8
_MOST = 0xFFFFFFFF
_DATE = 33  # 1 January 1980
_UTF8 = 0x800
_ENCRYPTED = 0x2041

LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ZIP_64 = 1  # the kind of extra field that holds sizes of 64 bits


@dataclass(slots=True)
class Entry:
    """What the directory says of a record."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int
    offset: int


# ---------------------------------------------------------------------------------------- reading


def read_directory(file: Any) -> tuple[list[Entry], int]:
    """The entries in the directory's order, and where it starts.

    Raises:
        SerializationError: The file does not end with a directory, or it says impossible things.
    """
    start, size, count = _find(file)
    file.seek(start)
    data = file.read(size)
    if len(data) != size:
        raise SerializationError("the archive's directory is cut short")
    entries = list(_entries(data))
    if len(entries) != count:
        raise SerializationError(
            f"the archive's end speaks of {count} entries, but its directory has {len(entries)}"
        )
    return entries, start


def _find(file: Any) -> tuple[int, int, int]:
    """Where the directory is: the file's last bytes say so, and nothing comes after it."""
    file.seek(0, 2)
    whole = file.tell()
    tail = _read(file, max(0, whole - _END.size - _LOCATOR.size), _END.size + _LOCATOR.size)
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\5\6":
        raise SerializationError("the file does not end as an archive does")
    _, disk, first, here, count, size, start, comment = _END.unpack(tail[-_END.size :])
    end = whole - _END.size
    if tail[: _LOCATOR.size][:4] == b"PK\6\7" and len(tail) == _END.size + _LOCATOR.size:
        narrow = count, size, start
        count, size, start, end = _find_64(file, tail, end - _LOCATOR.size)
        wide = count, size, start
        if any(a != b and a not in (0xFFFF, _MOST) for a, b in zip(narrow, wide)):
            raise SerializationError("the archive has two ends, which disagree")
        here = count
    if disk or first or here != count or comment or start + size != end:
        raise SerializationError("the archive's end does not fit the file: two files in one?")
    return start, size, count


def _find_64(file: Any, tail: bytes, locator: int) -> tuple[int, int, int, int]:
    _, disk, at, disks = _LOCATOR.unpack(tail[: _LOCATOR.size])
    is_here = not disk and disks <= 1 and at + _END_64.size == locator
    fields = _read(file, at, _END_64.size) if is_here else b""
    if fields[:4] != b"PK\6\6":
        raise SerializationError("the archive's end of 64 bits is not where it should be")
    _, length, _, _, disk, first, here, count, size, start = _END_64.unpack(fields)
    if disk or first or here != count or length != _END_64.size - 12:
        raise SerializationError("the archive's end of 64 bits is damaged")
    return count, size, start, at


def _read(file: Any, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _entries(data: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        if len(data) - at < _CENTRAL.size:
            raise SerializationError("the archive's directory is cut short")
        fields = _CENTRAL.unpack_from(data, at)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        names, extras, comments, offset = *fields[10:13], fields[16]
        at += _CENTRAL.size
        name, extra = data[at : at + names], data[at + names : at + names + extras]
        at += names + extras + comments
        if fields[0] != b"PK\1\2" or at > len(data) or fields[13]:
            raise SerializationError("the archive's directory is damaged")
        if flags & _ENCRYPTED:
            raise SerializationError("the archive is encrypted")
        if _MOST in (packed, size, offset):
            size, packed, offset = _wide(extra, size, packed, offset)
        yield Entry(name, method, crc, packed, size, offset)


def _wide(extra: bytes, *narrow: int) -> tuple[int, ...]:
    """Sizes and offset, each of 64 bits if its field of 32 is full."""
    wanted = [i for i, value in enumerate(narrow) if value == _MOST]
    found = list(narrow)
    for kind, content in _fields(extra):
        if kind == _ZIP_64 and len(content) >= 8 * len(wanted):
            for i, value in zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", content)):
                found[i] = value
            return tuple(found)
    raise SerializationError("the archive's directory lacks a size of 64 bits")


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


# ---------------------------------------------------------------------------------------- writing


def local_header(entry: Entry, alignment: int) -> bytes:
    """What precedes a record, filled up so that its bytes start at a multiple of `alignment`."""
    is_wide = entry.size >= _MOST
    extra = struct.pack("<2H2Q", _ZIP_64, 16, entry.size, entry.size) if is_wide else b""
    ends = entry.offset + LOCAL.size + len(entry.name) + len(extra) + 4
    pad = -ends % alignment
    extra += b"FB" + pad.to_bytes(2, "little") + b"Z" * pad
    size = _MOST if is_wide else entry.size
    header = (b"PK\3\4", 45 if is_wide else 20, _UTF8, STORED, 0, _DATE, entry.crc, size, size)
    return LOCAL.pack(*header, len(entry.name), len(extra)) + entry.name + extra


def directory(entries: list[Entry], start: int) -> bytes:
    """The directory that starts at `start`, and the archive's end."""
    parts = [_central_header(entry) for entry in entries]
    size = sum(map(len, parts))
    count = len(entries)
    if count >= 0xFFFF or start + size >= _MOST:
        wide = (b"PK\6\6", _END_64.size - 12, 45, 45, 0, 0, count, count, size, start)
        parts.append(_END_64.pack(*wide))
        parts.append(_LOCATOR.pack(b"PK\6\7", 0, start + size, 1))
    few = min(count, 0xFFFF)
    end = (b"PK\5\6", 0, 0, few, few, min(size, _MOST), min(start, _MOST), 0)
    return b"".join((*parts, _END.pack(*end)))


def _central_header(entry: Entry) -> bytes:
    size, offset = min(entry.size, _MOST), min(entry.offset, _MOST)
    wide = [entry.size, entry.size] if size == _MOST else []
    wide += [entry.offset] if offset == _MOST else []
    extra = struct.pack(f"<2H{len(wide)}Q", _ZIP_64, 8 * len(wide), *wide) if wide else b""
    version = 45 if wide else 20
    header = (b"PK\1\2", version, version, _UTF8, STORED, 0, _DATE, entry.crc, size, size)
    sizes = len(entry.name), len(extra), 0, 0, 0, 0
    return _CENTRAL.pack(*header, *sizes, offset) + entry.name + extra
