"""Saving and loading: PyTorch's .pt archives, written and read without running anybody's code."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from . import archive as _archive
from .error import SerializationError
from .pickler import Pickler
from .unpickler import Unpickler


def _records(obj: Any) -> list[tuple[str, Any]]:
    pickler = Pickler()
    data = pickler.dump(obj)
    records: list[tuple[str, Any]] = [("data.pkl", data), ("byteorder", b"little")]
    records += [(f"data/{i}", array.tobytes()) for i, array in enumerate(pickler.storages)]
    return [*records, ("version", b"3\n")]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, numbers, strings and containers of them to a .pt file, which PyTorch reads too.

    Args:
        obj: For example ``model.state_dict()``.
        f: A path, or a file object open for writing bytes. A path is written beside and then renamed, so
            that a save that fails leaves the old file.

    Raises:
        TypeError: The object holds something else; nothing is written.

    Source: torch.save

    Example:
        >>> import io, flambeau as torch
        >>> buffer = io.BytesIO()
        >>> torch.save({"x": torch.ones(2)}, buffer)
        >>> _ = buffer.seek(0)
        >>> torch.load(buffer)
        {'x': tensor([1., 1.])}
    """
    records = _records(obj)
    if hasattr(f, "write"):
        _archive.write(f, "archive", records)
        return
    path = Path(f)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _archive.write(file, path.stem or "archive", records)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read a .pt file that `save` or PyTorch wrote. No code of the file's is ever run.

    Args:
        f: A path, or a file object open for reading bytes.
        map_location: Where the tensors go: only the CPU, so far.
        weights_only: False is refused: there is no unsafe way to load.

    Raises:
        SerializationError: The file is damaged, or holds what is not safe to make.

    Source: torch.load
    """
    if weights_only is False:
        raise SerializationError(
            "weights_only=False would run code from the file, which is never done here. Load the "
            "file where it was made, save its state_dict(), and load that."
        )
    if mmap:
        raise SerializationError("mmap=True is not supported: load without it")
    if (
        map_location is not None
        and str(map_location) != "cpu"
        and not callable(map_location)
        and (not isinstance(map_location, dict))
    ):
        from ..core.device import resolve

        resolve(map_location)
    return Unpickler(_archive.Archive(f), map_location).load()


__all__ = ["SerializationError", "load", "save"]
