"""The records of a .pt file one by one, for programs that read their tensors when they need them."""

from __future__ import annotations

import os
import weakref
from typing import IO, Any

from ..core.dtype import dtype
from ..core.tensor import Tensor
from ..ops.create.buffer import frombuffer
from .archive import Archive


class PyTorchFileReader:
    """Reads an archive that `save` wrote.

    Args:
        name_or_buffer: A path, or a file that is open for reading bytes.

    Raises:
        SerializationError: It is no such archive, or it has no record of the name that is asked for.

    Source: torch._C.PyTorchFileReader

    Example:
        >>> import io, flambeau as torch
        >>> buffer = io.BytesIO()
        >>> torch.save(torch.tensor([1.0, 2.0]), buffer)
        >>> reader = torch.PyTorchFileReader(buffer)
        >>> reader.has_record("data.pkl")
        True
        >>> reader.get_storage_from_record("data/0", 2, torch.float32)
        tensor([1., 2.])
    """

    def __init__(self, name_or_buffer: str | os.PathLike[str] | IO[bytes]) -> None:
        file: Any = name_or_buffer
        if isinstance(file, str | os.PathLike):
            file = open(file, "rb")  # noqa: SIM115 (open as long as there is a reader)
            weakref.finalize(self, file.close)
        self._archive = Archive(file)

    def get_all_records(self) -> list[str]:
        """The names of all records."""
        return list(self._archive.entries)

    def has_record(self, name: str) -> bool:
        """Is there a record of this name?"""
        return name in self._archive.entries

    def get_record_size(self, name: str) -> int:
        """Bytes of a record."""
        return self._archive.size(name)

    def get_record(self, name: str) -> bytes:
        """A record's bytes."""
        return self._archive.read(name, self._archive.size(name))

    def get_storage_from_record(self, name: str, numel: int, dtype: dtype) -> Tensor:
        """A record as a tensor of one dimension.

        Raises:
            RuntimeError: It is of another size.
        """
        size = self._archive.size(name)
        if size != numel * dtype.itemsize:
            raise RuntimeError(
                f"record size ({size} bytes) does not match expected size ({numel * dtype.itemsize} bytes = "
                f"{numel} elements * {dtype.itemsize} bytes/element) for dtype {dtype}"
            )
        return frombuffer(self._archive.array(name), dtype=dtype)
