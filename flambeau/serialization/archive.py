"""The .pt archive: a ZIP of stored records in one folder, read with strict limits."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import Any

from .error import SerializationError

MAX_ENTRIES = 100_000
ALIGNMENT = 64


def write(file: Any, top: str, records: Iterable[tuple[str, bytes | memoryview]]) -> None:
    """Write records, each payload at a multiple of 64 bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, payload in records:
            info = zipfile.ZipInfo(f"{top}/{name}", (1980, 1, 1, 0, 0, 0))
            start = archive.fp.tell() + 30 + len(info.filename.encode()) + 4  # type: ignore[union-attr]
            pad = -start % ALIGNMENT
            info.extra = b"FB" + pad.to_bytes(2, "little") + b"Z" * pad
            archive.writestr(info, payload)


class Archive:
    """Records of a .pt file by name.

    Raises:
        SerializationError: It is no such file, or breaks a rule: compressed or overlapping entries,
            names outside the one folder, duplicates, too many.
    """

    def __init__(self, file: Any):
        try:
            self.zip = zipfile.ZipFile(file)
            self.entries = self._checked(self.zip.infolist())
        except (
            zipfile.BadZipFile,
            ValueError,
            NotImplementedError,
            UnicodeDecodeError,
            EOFError,
        ) as error:
            raise SerializationError(f"this is no .pt archive, or a damaged one: {error}") from None

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if not infos or len(infos) > MAX_ENTRIES:
            raise SerializationError(
                f"the archive has {len(infos)} entries; between 1 and {MAX_ENTRIES} are read"
            )
        top = infos[0].filename.partition("/")[0]
        entries: dict[str, zipfile.ZipInfo] = {}
        end = 0
        for info in sorted(infos, key=lambda i: i.header_offset):
            folder, slash, name = info.filename.partition("/")
            if folder != top or not slash or not name or ".." in name.split("/") or "\\" in name:
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
            if info.compress_size != info.file_size or info.header_offset < end:
                raise SerializationError(
                    f"the archive's entry {name!r} overlaps another or lies about its size"
                )
            end = info.header_offset + 30 + info.file_size
            entries[name] = info
        if "constants.pkl" in entries:
            raise SerializationError(
                "this is a TorchScript program, not a checkpoint: save its state_dict() instead"
            )
        if "data.pkl" not in entries:
            raise SerializationError("the archive has no data.pkl, so it is no checkpoint")
        return entries

    def size(self, name: str) -> int:
        """Bytes of a record."""
        if name not in self.entries:
            raise SerializationError(f"the archive has no record {name!r}")
        return self.entries[name].file_size

    def read(self, name: str, limit: int | None = None) -> bytes:
        """A record's bytes, checked against its CRC."""
        size = self.size(name)
        if limit is not None and size > limit:
            raise SerializationError(
                f"the record {name!r} has {size} bytes; at most {limit} are read"
            )
        try:
            payload = self.zip.read(self.entries[name])
        except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
            raise SerializationError(f"the record {name!r} is damaged: {error}") from None
        if len(payload) != size:
            raise SerializationError(f"the record {name!r} is cut short")
        return payload
