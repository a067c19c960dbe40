"""What save() and load() do unless they are told otherwise, and places that packages register."""

from __future__ import annotations

import io
import mmap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import serialization
from flambeau.serialization import SerializationError, registry
from flambeau.utils.serialization import config


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    kept = dict(vars(config.load)), dict(vars(config.save))
    packages = list(registry._package_registry)
    yield
    for options, values in zip((config.load, config.save), kept):
        for name, value in values.items():
            if not name.startswith("__"):
                setattr(options, name, value)
    registry._package_registry[:] = packages


def test_files_are_mapped_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(torch.zeros(16), path)
    config.load.mmap = True
    x = torch.load(path)
    x[0] = 5
    assert torch.load(path)[0] == 0
    assert torch.load(io.BytesIO(path.read_bytes())).shape == (16,)


def test_what_is_written_may_go_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(torch.zeros(16), path)
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
        x = torch.load(path, mmap=True)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    x[0] = 5
    assert torch.load(path, mmap=True)[0] == 5
    with pytest.raises(ValueError, match=r"mmap\.MAP_SHARED, but got 7"):
        serialization.set_default_mmap_options(7)


def test_storages_begin_where_that_is_said() -> None:
    config.save.storage_alignment = 4096
    buffer = io.BytesIO()
    torch.save(torch.ones(3), buffer)
    with zipfile.ZipFile(buffer) as archive:
        info = archive.getinfo("archive/data/0")
    raw = buffer.getvalue()
    names, extras = (int.from_bytes(raw[info.header_offset + i :][:2], "little") for i in (26, 28))
    assert (info.header_offset + 30 + names + extras) % 4096 == 0
    buffer.seek(0)
    assert torch.load(buffer).tolist() == [1.0, 1.0, 1.0]


def without_order() -> io.BytesIO:
    buffer, other = io.BytesIO(), io.BytesIO()
    torch.save(3, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            if not name.endswith("byteorder"):
                new.writestr(name, old.read(name))
    return other


def test_the_order_of_files_that_do_not_say_theirs() -> None:
    assert torch.load(without_order()) == 3
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    with pytest.raises(SerializationError, match="byte order is b'big'"):
        torch.load(without_order())
    serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="Invalid argument type"):
        serialization.set_default_load_endianness("little")
    serialization.set_crc32_options(False)
    assert not serialization.get_crc32_options()


def test_places_that_packages_know() -> None:
    buffer = io.BytesIO()
    torch.save(torch.ones(2), buffer)
    moved = buffer.getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00hpu")
    moved_file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as old,
        zipfile.ZipFile(moved_file, "w") as new,
    ):
        for name in old.namelist():
            data = old.read(name).replace(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00hpu")
            new.writestr(name, data)
    assert moved != buffer.getvalue()
    with pytest.raises(SerializationError, match="hpu"):
        torch.load(moved_file)
    serialization.register_package(
        20, lambda storage: None, lambda storage, place: storage if place == "hpu" else None
    )
    assert torch.load(moved_file).tolist() == [1.0, 1.0]
    storage = torch.ones(1).untyped_storage()
    assert serialization.location_tag(storage) == "cpu"
    assert serialization.default_restore_location(storage, "cpu") is storage


def test_records_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(2), "b": torch.arange(3)}, path)
    reader = torch.PyTorchFileReader(path)
    assert reader.get_all_records() == ["data.pkl", "byteorder", "data/0", "data/1", "version"]
    assert reader.get_record("version") == b"3\n"
    assert reader.get_record_size("data/1") == 24
    start = reader.get_record_offset("data/0")
    assert path.read_bytes()[start : start + 8] == b"\0\0\x80?" * 2
    assert reader.get_storage_from_record("data/1", 3, torch.int64).tolist() == [0, 1, 2]
    assert reader.get_storage_from_record("data/0", 8, torch.UntypedStorage).shape == (8,)
    with pytest.raises(RuntimeError, match="record size"):
        reader.get_storage_from_record("data/1", 4, torch.int64)
    with pytest.raises(SerializationError, match="no record 'gone'"):
        reader.get_record("gone")
    assert torch.ByteStorage._from_buffer(bytearray(b"ab")).tolist() == [97, 98]
