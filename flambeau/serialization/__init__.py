"""Saving and loading: PyTorch's .pt archives, written and read without running anybody's code."""

from __future__ import annotations

import os
import stat
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
    records += [(f"data/{i}", memoryview(held)) for i, held in enumerate(pickler.storages)]
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
        pickle_module: Only None: no module is asked to pickle.
        pickle_protocol: Only 2, which is what readers of .pt files accept.

    Raises:
        TypeError: The object holds something else; nothing is written.
        RuntimeError: Two tensors look at the same memory as different dtypes.
        ValueError: An option has another value.

    Source: torch.save

    Example:
        >>> import io, flambeau as torch
        >>> buffer = io.BytesIO()
        >>> torch.save({"x": torch.ones(2)}, buffer)
        >>> _ = buffer.seek(0)
        >>> torch.load(buffer)
        {'x': tensor([1., 1.])}
    """
    if pickle_module is not None or pickle_protocol != 2 or not _use_new_zipfile_serialization:
        raise ValueError(
            "save() writes one format, the archive with a pickle of protocol 2, by code of its own: leave "
            "out pickle_module, pickle_protocol and _use_new_zipfile_serialization"
        )
    records = _records(obj)
    if hasattr(f, "write"):
        _archive.write(f, "archive", records)
        return
    path = Path(os.path.realpath(f))
    top = Path(f).stem or "archive"
    if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
        with open(path, "wb") as file:
            _archive.write(file, top, records)
        return
    _replace(path, top, records)


def _replace(path: Path, top: str, records: list[tuple[str, Any]]) -> None:
    """Write a file beside `path`, and rename it when all is on the disk."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _archive.write(file, top, records)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else _new_mode())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _new_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


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
        map_location: Where the tensors go: a device, a dict of devices by the file's names, or a function
            of a storage and the file's name. By default where they were.
        pickle_module: Only None: no module is asked to unpickle.
        weights_only: False is refused: there is no unsafe way to load.
        mmap: Leave the tensors' bytes in the file until they are looked at; what is written to them
            stays in memory.
        pickle_load_args: Only encoding="utf-8", which changes nothing.

    Raises:
        SerializationError: The file is damaged, or holds what is not safe to make, or a device that the
            file names is not there.
        ValueError: mmap=True and `f` is no path.

    Source: torch.load
    """
    if weights_only is False:
        raise SerializationError(
            "weights_only=False would run code from the file, which is never done here. Load the "
            "file where it was made, save its state_dict(), and load that."
        )
    if pickle_module is not None:
        raise SerializationError(
            "Can not safely load weights when explicit pickle_module is specified: leave it out"
        )
    if pickle_load_args and pickle_load_args != {"encoding": "utf-8"}:
        raise TypeError(
            f"load() got {', '.join(pickle_load_args)}: strings are always read as UTF-8, and nothing "
            "else can be set; leave it out"
        )
    is_path = isinstance(f, (str, os.PathLike))
    if mmap and not is_path:
        raise ValueError("f must be a file path in order to use the mmap argument")
    archive = _archive.Archive(f)
    try:
        return Unpickler(archive, map_location, bool(mmap)).load()
    finally:
        if is_path:
            archive.close()


__all__ = ["SerializationError", "load", "save"]
