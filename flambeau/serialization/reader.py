"""A .pt file's records one by one, for programs that read them by themselves.

Source: torch._C.PyTorchFileReader
"""

from __future__ import annotations

import os
from typing import Any

from ..core.dtype import dtype as DType
from ..core.tensor import Tensor
from .archive import Archive
from .error import SerializationError


class PyTorchFileReader:
    """Reads records of a .pt archive by name.

    Args:
        name_or_buffer: A path, or a file object open for reading bytes.

    Raises:
        SerializationError: It is no such archive.

    Source: torch.PyTorchFileReader

    Example:
        >>> import io, flambeau as torch
        >>> buffer = io.BytesIO()
        >>> torch.save(torch.ones(2), buffer)
        >>> reader = torch.PyTorchFileReader(buffer)
        >>> reader.get_all_records()
        ['data.pkl', 'byteorder', 'data/0', 'version']
        >>> reader.get_storage_from_record("data/0", 2, torch.float32)
        tensor([1., 1.])
    """

    def __init__(self, name_or_buffer: Any) -> None:
        is_path = isinstance(name_or_buffer, (str, os.PathLike))
        self._file = open(name_or_buffer, "rb") if is_path else name_or_buffer  # noqa: SIM115
        self._is_mine = is_path
        self._archive = Archive(self._file)

    def __del__(self) -> None:
        if getattr(self, "_is_mine", False):
            self._file.close()

    def get_all_records(self) -> list[str]:
        """The names of the records."""
        return list(self._archive.entries)

    def has_record(self, name: str) -> bool:
        """Is there a record of this name?"""
        return name in self._archive.entries

    def get_record(self, name: str) -> bytes:
        """A record's bytes.

        Raises:
            SerializationError: There is none, or it is damaged.
        """
        self._require(name)
        return self._archive.array(name).tobytes()

    def get_record_size(self, name: str) -> int:
        """How many bytes a record has."""
        self._require(name)
        return self._archive.size(name)

    def get_record_offset(self, name: str) -> int:
        """Where a record's bytes begin in the file."""
        self._require(name)
        return self._archive._start(name)

    def get_storage_from_record(self, name: str, numel: int, dtype: Any) -> Tensor:
        """A record as a tensor of one dimension.

        Args:
            numel: How many elements it has.
            dtype: Of which type; a class of storages without a type means bytes.

        Raises:
            RuntimeError: The record has another size.
        """
        from .. import frombuffer, uint8  # type: ignore[attr-defined]

        kind = dtype if isinstance(dtype, DType) else getattr(dtype, "dtype", uint8)
        kind = kind if isinstance(kind, DType) else uint8
        held = self._archive.array(name) if self.has_record(name) else self._require(name)
        if held.nbytes != numel * kind.itemsize:
            raise RuntimeError(
                f"record size ({held.nbytes} bytes) does not match expected size ({numel * kind.itemsize} bytes = {numel} "
                f"elements * {kind.itemsize} bytes/element) for dtype {kind}"
            )
        return frombuffer(held, dtype=kind)

    def _require(self, name: str) -> Any:
        if not self.has_record(name):
            raise SerializationError(f"the archive has no record {name!r}")
