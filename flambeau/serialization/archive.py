"""The .pt archive: a ZIP of stored records in one folder, read with strict limits."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..kernels import checksum, zeros
from .error import SerializationError

MAX_ENTRIES = 100_000
ALIGNMENT = 64
_ALIGNED = 16  # what code for arrays may rely on
_HEADER = struct.Struct("<4s5H3I2H")
_LONGEST_DESCRIPTOR = 24
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def write(file: Any, top: str, records: Iterable[tuple[str, bytes | memoryview]]) -> None:
    """Write records, each payload at a multiple of 64 bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, payload in records:
            info = zipfile.ZipInfo(f"{top}/{name}", (1980, 1, 1, 0, 0, 0))
            start = archive.fp.tell() + 30 + len(info.filename.encode()) + 4  # type: ignore[union-attr]
            pad = -start % ALIGNMENT
            info.extra = b"FB" + pad.to_bytes(2, "little") + b"Z" * pad
            archive.writestr(info, payload)  # type: ignore[arg-type]


class Archive:
    """Records of a .pt file by name.

    Raises:
        SerializationError: It is no such file, or breaks a rule: compressed or overlapping entries,
            names outside the one folder, duplicates, too many, bytes that belong to no entry.
    """

    def __init__(self, file: Any):
        try:
            self.zip = zipfile.ZipFile(file)
        except (
            zipfile.BadZipFile,
            ValueError,
            NotImplementedError,
            UnicodeDecodeError,
            EOFError,
        ) as error:
            raise SerializationError(_not_an_archive(file, error)) from None
        self.file: Any = self.zip.fp
        self.path = self.zip.filename
        self.entries = self._checked(self.zip.infolist())
        self.starts = self._located()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self.zip.close()

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if not infos or len(infos) > MAX_ENTRIES:
            raise SerializationError(
                f"the archive has {len(infos)} entries; between 1 and {MAX_ENTRIES} are read"
            )
        self._check_end()
        top = infos[0].filename.partition("/")[0]
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            folder, slash, name = info.filename.partition("/")
            parts = name.split("/")
            if folder != top or not slash or "" in parts or ".." in parts or "\\" in info.filename:
                raise SerializationError(
                    f"the archive's entry {info.filename!r} is not in its one folder {top!r}"
                )
            if name in entries:
                raise SerializationError(f"the archive has two entries {name!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise SerializationError(
                    f"the archive's entry {name!r} is compressed or encrypted; .pt files store "
                    "their records as they are"
                )
            if info.compress_size != info.file_size:
                raise SerializationError(f"the archive's entry {name!r} lies about its size")
            entries[name] = info
        if "constants.pkl" in entries:
            raise SerializationError(
                "this is a TorchScript program, not a checkpoint: save its state_dict() instead"
            )
        if "data.pkl" not in entries:
            raise SerializationError("the archive has no data.pkl, so it is no checkpoint")
        return entries

    def _check_end(self) -> None:
        """Python's reader looks for the archive's end anywhere; here it is the file's end."""
        self.file.seek(-22, 2)
        if self.file.read(4) != b"PK\x05\x06" or self.zip.comment:
            raise SerializationError("the file goes on after the archive: two files in one")

    def _located(self) -> dict[str, int]:
        """Where each payload starts, after checking that the entries fill the file without overlap."""
        starts: dict[str, int] = {}
        end, slack = 0, 0
        order = sorted(self.entries.items(), key=lambda item: item[1].header_offset)
        for name, info in order:
            if not end <= info.header_offset <= end + slack:
                raise SerializationError(
                    f"the archive's entry {name!r} overlaps another, or hidden bytes come before it"
                )
            starts[name] = self._payload_start(name, info)
            end, slack = starts[name] + info.file_size, _LONGEST_DESCRIPTOR
        if not end <= self.zip.start_dir <= end + slack:
            raise SerializationError("the archive's last entry reaches beyond the archive")
        return starts

    def _payload_start(self, name: str, info: zipfile.ZipInfo) -> int:
        self.file.seek(info.header_offset)
        header = self.file.read(_HEADER.size)
        if len(header) < _HEADER.size or header[:4] != b"PK\x03\x04":
            raise SerializationError(f"the record {name!r} is damaged: it has no header")
        fields = _HEADER.unpack(header)
        flags, method, packed, size, name_size, extra_size = (
            fields[2],
            fields[3],
            *fields[7:11],
        )
        own = self.file.read(name_size)
        has_descriptor = flags & 8
        sizes_agree = has_descriptor or {packed, size} <= {info.file_size, 0xFFFFFFFF}
        if own != info.orig_filename.encode() or method != 0 or flags & 1 or not sizes_agree:
            raise SerializationError(f"the record {name!r} says two things about itself")
        return info.header_offset + _HEADER.size + name_size + extra_size

    def size(self, name: str) -> int:
        """Bytes of a record."""
        if name not in self.entries:
            raise SerializationError(f"the archive has no record {name!r}")
        return self.entries[name].file_size

    def read(self, name: str, limit: int | None = None) -> bytearray:
        """A record's bytes, checked against its CRC."""
        size = self.size(name)
        if limit is not None and size > limit:
            raise SerializationError(
                f"the record {name!r} has {size} bytes; at most {limit} are read"
            )
        payload = bytearray(size)
        self._fill(name, memoryview(payload))
        return payload

    def array(self, name: str) -> np.ndarray:
        """A record's bytes as an array of its own."""
        payload = zeros.fresh((self.size(name),), np.dtype(np.uint8))
        self._fill(name, memoryview(payload))
        return payload

    def _fill(self, name: str, view: memoryview) -> None:
        """Read a record into memory of its size, and check it against its CRC."""
        self.file.seek(self.starts[name])
        into = getattr(self.file, "readinto", None)
        at, size = 0, len(view)
        while at < size:
            part = view[at : at + (1 << 24)]
            if into is None:
                found = self.file.read(len(part))
                count = len(found)
                part[:count] = found
            else:
                count = into(part) or 0
            if not count:
                raise SerializationError(f"the record {name!r} is cut short")
            at += count
        if checksum.crc32(view) != self.entries[name].CRC:
            raise SerializationError(f"the record {name!r} is damaged: its checksum is wrong")

    def mapped(self, name: str) -> np.ndarray:
        """A record's bytes in the file itself; what is written there stays in memory."""
        size = self.size(name)
        if size == 0 or self.path is None or self.starts[name] % _ALIGNED:
            return self.array(name)
        mapping = np.memmap(self.path, np.uint8, "c", self.starts[name], (size,))
        return mapping.view(np.ndarray)


def _not_an_archive(file: Any, error: Exception) -> str:
    start = b""
    try:
        if hasattr(file, "seek"):
            file.seek(0)
            start = file.read(512)
        else:
            with open(file, "rb") as opened:
                start = opened.read(512)
    except OSError:
        pass
    if start.startswith(_LEGACY):
        return (
            "this file was written by PyTorch before 1.6, or with "
            "_use_new_zipfile_serialization=False: load it with PyTorch and save it again"
        )
    if start[257:262] == b"ustar":
        return (
            "this is a tar file, the first format that PyTorch wrote: load it with PyTorch and save it"
            " again"
        )
    return f"this is no .pt archive, or a damaged one: {error}"
