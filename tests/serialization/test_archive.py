"""The ZIP of records: what is written is what others read, and compressed records have bounds."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError, archive, zip_directory
from flambeau.serialization.zip_directory import STORED, Entry, directory, read_directory


def compressed(method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    source, made = io.BytesIO(), io.BytesIO()
    torch.save({"x": torch.arange(1000) // 10, "words": ["a"] * 100}, source)
    with zipfile.ZipFile(made, "w", method) as new, zipfile.ZipFile(source) as old:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    made.seek(0)
    return made


def test_compressed_records_are_read(tmp_path) -> None:
    found = torch.load(compressed())
    assert torch.equal(found["x"], torch.arange(1000) // 10)
    assert found["words"] == ["a"] * 100
    with pytest.raises(SerializationError, match="unknown method"):
        torch.load(compressed(zipfile.ZIP_BZIP2))
    path = tmp_path / "x.pt"
    path.write_bytes(compressed().getvalue())
    with pytest.raises(SerializationError, match="mapped"):
        torch.load(path, mmap=True)


def test_compressed_records_have_bounds(monkeypatch) -> None:
    monkeypatch.setattr(archive, "MAX_INFLATED", 8000)
    with pytest.raises(SerializationError, match="too large"):
        torch.load(compressed())
    monkeypatch.undo()
    monkeypatch.setattr(archive, "FREE_INFLATED", 100)
    monkeypatch.setattr(archive, "MAX_RATIO", 5)
    with pytest.raises(SerializationError, match="too large"):
        torch.load(compressed())


@pytest.mark.parametrize("change", [-1, 1, 100])
def test_a_compressed_record_is_of_the_size_that_is_said(change: int) -> None:
    whole = bytearray(compressed().getvalue())
    with zipfile.ZipFile(io.BytesIO(whole)) as old:
        info = next(item for item in old.infolist() if item.filename.endswith("data/0"))
    size = struct.pack("<2I", info.compress_size, info.file_size)
    wrong = struct.pack("<2I", info.compress_size, info.file_size + change)
    assert whole.count(size) == 2
    changed = archive.Archive(io.BytesIO(whole.replace(size, wrong)))
    with pytest.raises(SerializationError, match="not of the size"):
        changed.array("data/0")


@pytest.mark.parametrize("at", [0, 5, 30])
def test_damage_in_a_compressed_record_is_found(at: int) -> None:
    whole = bytearray(compressed().getvalue())
    start = whole.index(b"data/0") + len("data/0")
    whole[start + at] ^= 0x55
    with pytest.raises(SerializationError):
        torch.load(io.BytesIO(whole))


class Far(io.BytesIO):
    """A file of which only what lies beyond `start` is there."""

    start = 0

    def seek(self, at: int, whence: int = 0) -> int:
        return super().seek(at - self.start if whence == 0 else at, whence) + self.start

    def tell(self) -> int:
        return super().tell() + self.start


@pytest.mark.parametrize("start", [1 << 20, 5 << 30])
def test_large_archives_have_directories_of_64_bits(start: int) -> None:
    entries = [
        Entry(b"a/data.pkl", STORED, 7, 100, 100, 0),
        Entry(b"a/data/0", STORED, 8, start - 200, start - 200, 150),
        Entry("a/data/é".encode(), STORED, 9, 0, 0, start - 50),
    ]
    file = Far(directory(entries, start))
    file.start = start
    assert read_directory(file) == (entries, start)
    for place in range(2):
        cut = Far(directory(entries, start)[: -1 - place])
        cut.start = start
        with pytest.raises(SerializationError):
            read_directory(cut)


def test_more_entries_than_fit_16_bits() -> None:
    entries = [Entry(b"a/%d" % i, STORED, i, 0, 0, 40 * i) for i in range(70_000)]
    start = 40 * len(entries)
    data = directory(entries, start)
    file = Far(data)
    file.start = start
    assert read_directory(file) == (entries, start)
    with zipfile.ZipFile(io.BytesIO(bytes(start) + data)) as other:
        infos = other.infolist()
    assert [(x.orig_filename, x.CRC, x.header_offset) for x in infos] == [
        (x.name.decode(), x.crc, x.offset) for x in entries
    ]


def test_wide_sizes_in_headers() -> None:
    entry = Entry(b"a/x", STORED, 1, 5 << 30, 5 << 30, 0)
    header = zip_directory.local_header(entry, 64)
    assert len(header) % 64 == 0
    assert struct.pack("<2Q", entry.size, entry.size) in header


def test_two_ends_must_agree() -> None:
    entries = [Entry(b"a/%d" % i, STORED, i, 0, 0, 40 * i) for i in range(70_000)]
    data = bytearray(directory(entries, 2_800_000))
    data[-22 + 8 : -22 + 12] = struct.pack("<2H", 5, 5)
    file = Far(data)
    file.start = 2_800_000
    with pytest.raises(SerializationError, match="disagree"):
        read_directory(file)


def test_what_is_written_is_a_zip_for_everybody(tmp_path) -> None:
    path = tmp_path / "model.v1.pt"
    x = torch.arange(500_000)
    torch.save({"x": x, "y": x[:1], "z": torch.empty(0)}, path)
    with zipfile.ZipFile(path) as other:
        assert other.testzip() is None
        assert [info.filename for info in other.infolist()] == [
            f"model.v1/{name}" for name in ("data.pkl", "byteorder", "data/0", "data/1", "version")
        ]
        assert other.read("model.v1/data/0") == x.numpy().tobytes()
    with open(path, "rb") as file:
        entries, _ = read_directory(file)
        for entry in entries:
            header = path.read_bytes()[entry.offset :]
            names, extras = struct.unpack("<2H", header[26:30])
            assert (entry.offset + 30 + names + extras) % 64 == 0


def test_mapped_records_share_one_mapping(tmp_path) -> None:
    path = tmp_path / "x.pt"
    torch.save([torch.full((3,), float(i)) for i in range(50)], path)
    found = torch.load(path, mmap=True)
    found[1][0] = 7.0
    assert [x.tolist() for x in found[:3]] == [[0.0] * 3, [7.0, 1.0, 1.0], [2.0] * 3]
    assert found[0].untyped_storage().nbytes() == 12
    assert found[0].untyped_storage() is not found[1].untyped_storage()
