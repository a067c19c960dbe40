"""Saving and loading: PyTorch's .pt archives, written and read without running anybody's code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from .._caller import warn
from . import archive as _archive
from . import legacy as _legacy
from . import machine as _machine
from . import (  # they tell the pickler of their classes
    numpy_encoder,
    python_encoder,
    tensor_encoder,
)
from . import option as _option
from . import replacement as _replacement
from .error import SerializationError
from .option import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
)
from .pickler import Pickler
from .registry import default_restore_location, location_tag, register_package
from .safe_globals import (
    Allowed,
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from .tensor_decoder import Storages
from .unpickler import Allowance, Unpickler
from .unpickler import unsafe as _unsafe

FileLike = str | os.PathLike[str] | IO[bytes]
"""What files are given by."""
MAP_LOCATION = Callable[[Any, str], Any] | Any | str | dict[str, str] | None
"""What `load` takes as map_location: a function, a device, its name, a dict of them, or nothing."""

MAX_STREAM = 2 << 30
"""Bytes of the object without its tensors."""
_ENCODINGS = ("utf-8", "ascii", "latin1", "bytes")


def _records(obj: Any) -> list[tuple[str, Any]]:
    pickler = Pickler()
    data = pickler.dump(obj)
    records: list[tuple[str, Any]] = [("data.pkl", data), ("byteorder", b"little")]
    records += [(f"data/{i}", memoryview(held)) for i, held in enumerate(pickler.storages)]
    too_many = pickler.mentioned > _machine.MAX_OBJECTS // 8 and (
        _machine.objects_in(data) > _machine.MAX_OBJECTS
    )
    if len(data) > MAX_STREAM or len(records) >= _archive.MAX_ENTRIES or too_many:
        raise ValueError(
            f"{len(data):,} bytes besides the tensors, {len(records):,} records or {pickler.mentioned:,} "
            f"objects are more than load() reads ({MAX_STREAM:,}, {_archive.MAX_ENTRIES:,}, "
            f"{_machine.MAX_OBJECTS:,}): save several files, and arrays as tensors"
        )
    return [*records, ("version", b"3\n")]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, numbers, strings and containers of them to a .pt file, which PyTorch reads too.

    Kept as they are: lists, tuples, dicts (also OrderedDict, Counter, defaultdict), sets, frozensets,
    deques; None, bool, int, float, complex, str, bytes, bytearray, range, slice; NumPy's arrays,
    scalars and dtypes, but no objects; pathlib's paths, Namespaces; tensors, Parameters and their
    attributes, storages, Size, dtypes, devices, layouts, memory formats. Of modules, optimizers and
    objects of other classes the file holds the class's name and what pickle takes of them: `load` says
    which it makes again.

    Args:
        obj: For example ``model.state_dict()``.
        f: A path, or a file object open for writing bytes. A path is written beside and then renamed, so
            that a save that fails leaves the old file. What a killed save has left there is removed.
        pickle_module: Only None: no module is asked to pickle.
        pickle_protocol: Only 2, which is what readers of .pt files accept.

    Raises:
        TypeError: The object holds what has no name or no form in files; nothing is written.
        RuntimeError: Two tensors look at the same memory as different dtypes.
        ValueError: An option has another value; or the object contains itself, is nested more than
            1,000 levels deep, or is larger than `load` would read.

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
    _replacement.replace(path, lambda file: _archive.write(file, top, records))


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read a file that `save` or PyTorch wrote, also before 1.6. No code of the file's is ever run.

    There is one reader. It makes what `save` lists, from tables of constructors of its own.

    Args:
        f: A path, or a file object open for reading bytes.
        map_location: Where the tensors go: a device, a dict of devices by the file's names, or a function
            of a storage and the file's name. By default where they were.
        pickle_module: Only None: no module is asked to unpickle.
        weights_only: False also makes layers, optimizers, and objects of your own modules and classes, as
            far as that runs none of their code: they get their saved attributes, and no method is called.
            Other classes are made, by either value, if `add_safe_globals` names them; the error says
            which are missing.
        mmap: Leave the tensors' bytes in the file until they are looked at; what is written to them
            stays in memory (unless `set_default_mmap_options` says otherwise). Their checksums are not
            looked at then.
        pickle_load_args: Only encoding, of what Python 2 wrote: "utf-8", "ascii", "latin1" or "bytes".

    Raises:
        SerializationError: The file is damaged, or holds what is not safe to make, or a device that the
            file names is not there.
        ValueError: mmap=True and `f` is no path.
        RuntimeError: mmap=True and the file was written before PyTorch 1.6.

    Source: torch.load
    """
    if pickle_module is not None:
        raise SerializationError(
            "Can not safely load weights when explicit pickle_module is specified: leave it out"
        )
    encoding = _encoding(pickle_load_args)
    if mmap is None:
        mmap = _option.load.mmap and isinstance(f, (str, os.PathLike))
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    made = read(f, map_location, weights_only is False, bool(mmap), encoding)
    return _scripted(f, map_location, weights_only) if is_scripted(made) else made


def read(
    f: Any, map_location: Any, layers: bool = False, mmap: bool = False, encoding: str = "utf-8"
) -> Any:
    """What a file holds, of whichever library: see `load`; with `layers`, what weights_only=False makes."""
    shared = mmap and _option.load.mmap_flags == _option.MAP_SHARED
    with _opened(f, "r+b" if shared else "rb") as file:
        records, data, at = _source(file, mmap, encoding)
        records.is_shared = shared
        storages = Storages(records, map_location, mmap, Allowance(records.total()).spend)
        return Unpickler(data, at, storages, Allowed(layers), encoding).load()


JIT_FORMAT = "flambeau.jit.1"
"""What the files of `torch.jit.save` say that they are."""


def is_scripted(made: Any) -> bool:
    """Is it what a file of `torch.jit.save` holds?"""
    return type(made) is dict and made.get("format") == JIT_FORMAT


def _scripted(f: Any, map_location: Any, weights_only: bool | None) -> Any:
    """What `torch.jit.load` makes of a file, which is a library above this one."""
    if weights_only is not False:
        raise RuntimeError(
            "Cannot use weights_only=True with files of torch.jit.save: load it with torch.jit.load, or with "
            "weights_only=False"
        )
    warn("the file is one of torch.jit.save, so torch.load gives it to torch.jit.load")
    if not isinstance(f, (str, os.PathLike)):
        f.seek(0)
    return import_module(f"{__package__.partition('.')[0]}.jit").load(f, map_location)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The classes and functions that a file names and `load` would refuse; nothing of it is run.

    Args:
        f: As `load`.

    Raises:
        SerializationError: It is no such file.

    Source: torch.serialization.get_unsafe_globals_in_checkpoint

    Example:
        >>> import io, flambeau as torch
        >>> buffer = io.BytesIO()
        >>> torch.save(torch.nn.Linear(1, 1), buffer)
        >>> torch.serialization.get_unsafe_globals_in_checkpoint(buffer)
        ['torch.nn.modules.linear.Linear']
    """
    with _opened(f) as file:
        _, data, at = _source(file, False, "utf-8")
        return _unsafe(_machine.names_in(data, at), Allowed())


def _encoding(given: dict[str, Any]) -> str:
    encoding = given.get("encoding", "utf-8")
    if given.keys() - {"encoding"} or encoding not in _ENCODINGS:
        raise TypeError(
            f"load() got {', '.join(f'{name}={value!r}' for name, value in given.items())}: only "
            f"encoding can be set, to one of {', '.join(map(repr, _ENCODINGS))}"
        )
    return encoding


@contextlib.contextmanager
def _opened(f: Any, mode: str = "rb") -> Iterator[Any]:
    if isinstance(f, (str, os.PathLike)):
        with open(f, mode) as file:
            yield file
    else:
        yield f


def _source(file: Any, mmap: bool, encoding: str) -> tuple[Any, Any, int]:
    """A file's records, and where its stream is."""
    file.seek(0)
    start = file.read(512)
    if start.startswith(_legacy.START):
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved by torch.save() since PyTorch 1.6, not with "
                "_use_new_zipfile_serialization=False: leave out mmap"
            )
        old = _legacy.LegacyFile(file, encoding)
        return old, old.data, old.at
    if not start.startswith(b"PK"):
        raise SerializationError(_not_an_archive(start))
    records = _archive.Archive(file)
    data = records.read("data.pkl", MAX_STREAM)
    order = records.read("byteorder", 64) if "byteorder" in records.entries else _assumed_order()
    if order != b"little":
        raise SerializationError(
            f"the file's byte order is {order!r}; only little-endian files are read"
        )
    return records, data, 0


def _assumed_order() -> bytes:
    """The byte order of a file that does not say its own."""
    if _option.load.endianness is LoadEndianness.BIG:
        return b"big"
    return sys.byteorder.encode() if _option.load.endianness is LoadEndianness.NATIVE else b"little"


def _not_an_archive(start: bytes) -> str:
    if start[257:262] == b"ustar":
        return (
            "this is a tar file, the first format that PyTorch wrote: load it with PyTorch and save it"
            " again"
        )
    if start[8:9] == b"{" and len(start) > 9:
        return "this looks like a .safetensors file: read it with safetensors.torch.load_file"
    return "this is no .pt archive, or a damaged one: it does not start as one"


__all__ = [
    "MAP_LOCATION",
    "FileLike",
    "LoadEndianness",
    "SerializationError",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
]
