"""What `save` and `load` do unless they are told otherwise; `torch.utils.serialization.config` is of these.

Source: torch.serialization, torch.utils.serialization.config
"""

from __future__ import annotations

import mmap
from enum import Enum

MAP_PRIVATE = getattr(mmap, "MAP_PRIVATE", 2)
MAP_SHARED = getattr(mmap, "MAP_SHARED", 1)


class LoadEndianness(Enum):
    """The byte order of files that do not say theirs.

    Source: torch.serialization.LoadEndianness
    """

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class load:
    """Of `load`.

    Attributes:
        mmap: Leave tensors' bytes in files where `load` is not given `mmap`.
        endianness: The byte order of files that do not say theirs; None is little.
        mmap_flags: MAP_PRIVATE keeps in memory what is written to mapped tensors; MAP_SHARED writes it to the file.
    """

    mmap: bool = False
    endianness: LoadEndianness | None = None
    mmap_flags: int = MAP_PRIVATE


class save:
    """Of `save`.

    Attributes:
        compute_crc32: May readers rely on checksums? They are written in any case.
        storage_alignment: Storages begin at multiples of so many bytes.
    """

    compute_crc32: bool = True
    storage_alignment: int = 64


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that do not say theirs; None is little.

    Source: torch.serialization.get_default_load_endianness
    """
    return load.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set it. Files of the order BIG are refused.

    Raises:
        TypeError: It is no `LoadEndianness`.

    Source: torch.serialization.set_default_load_endianness
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    load.endianness = endianness


def get_crc32_options() -> bool:
    """Are checksums asked for?

    Source: torch.serialization.get_crc32_options
    """
    return save.compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Ask for checksums, or not; they are written in any case.

    Source: torch.serialization.set_crc32_options
    """
    save.compute_crc32 = compute_crc32


def get_default_mmap_options() -> int:
    """How files are mapped: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`.

    Source: torch.serialization.get_default_mmap_options
    """
    return load.mmap_flags


class set_default_mmap_options:
    """Map files in another way from now on, or within a `with` block.

    Args:
        flags: `mmap.MAP_PRIVATE`, or `mmap.MAP_SHARED`, by which what is written to tensors goes to the file.

    Raises:
        ValueError: It is neither.

    Source: torch.serialization.set_default_mmap_options
    """

    def __init__(self, flags: int) -> None:
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self.before, load.mmap_flags = load.mmap_flags, flags

    def __enter__(self) -> None:
        """The flags are set already."""

    def __exit__(self, *exception: object) -> None:
        load.mmap_flags = self.before
