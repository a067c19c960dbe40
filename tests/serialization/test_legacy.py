"""Files of PyTorch before 1.6: read by the same machine, with the same bounds."""

from __future__ import annotations

import io
import pickle
import struct

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError
from tests.serialization.recorded import file


def test_a_recorded_file(tmp_path) -> None:
    whole = file("legacy")
    path = tmp_path / "x.pt"
    path.write_bytes(whole)
    for source in (io.BytesIO(whole), path):
        found = torch.load(source)
        assert found["x"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        assert found["half"].dtype is torch.bfloat16
        assert found["words"] == ["a", 1]
        found["x"][2] = 9.0
        assert found["part"].tolist() == [9.0, 3.0]
    with pytest.raises(RuntimeError, match=r"1\.6"):
        torch.load(path, mmap=True)


def test_every_cut_and_addition_is_found() -> None:
    whole = file("legacy")
    for end in range(0, len(whole), 7):
        with pytest.raises(SerializationError):
            torch.load(io.BytesIO(whole[:end]))
    with pytest.raises(SerializationError, match="goes on"):
        torch.load(io.BytesIO(whole + b"\0"))


def written(stream: bytes, keys: object = (), payload: bytes = b"", **system: object) -> io.BytesIO:
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, **system})
    parts = [pickle.dumps(item, 2) for item in head]
    return io.BytesIO(b"".join(parts) + stream + pickle.dumps(list(keys), 2) + payload)


STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00aX\x03\x00\x00\x00cpuK\x02NtQ"
)
TENSOR = (
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
    + STORAGE
    + b"K\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR."
)


def test_the_parts_have_to_fit() -> None:
    values = struct.pack("<q2f", 2, 1.0, 2.0)
    assert torch.load(written(TENSOR, "a", values)).tolist() == [1.0, 2.0]
    for bad in (
        written(TENSOR, "b", values),
        written(TENSOR, "", b""),
        written(TENSOR, "aa", values * 2),
        written(TENSOR, "a", struct.pack("<q2f", 3, 1.0, 2.0)),
        written(TENSOR, "a", values[:-1]),
        written(TENSOR, [1], values),
        written(TENSOR, "a", values, little_endian=False),
        written(TENSOR.replace(b"K\x02NtQ", b"J\xff\xff\xff\xffNtQ"), "a", values),
        written(TENSOR.replace(b"K\x02NtQ", b"K\x02)tQ"), "a", values),
        written(TENSOR.replace(b"Float", b"Strange"), "a", values),
        written(TENSOR.replace(b"K\x02\x85", b"K\x03\x85"), "a", values),
        written(b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R."),
        written(b"\x80\x02" + b"]" * 1010 + b"a" * 1009 + b"."),
    ):
        with pytest.raises(SerializationError):
            torch.load(bad)


def test_strings_of_python_2() -> None:
    assert torch.load(written(b"\x80\x02U\x02\xc3\xa9.")) == "é"
    assert torch.load(written(b"\x80\x02U\x02\xc3\xa9."), encoding="bytes") == b"\xc3\xa9"
    assert torch.load(written(b"\x80\x02T\x01\x00\x00\x00\xe9."), encoding="latin1") == "é"
    with pytest.raises(SerializationError):
        torch.load(written(b"\x80\x02U\x01\xe9."), encoding="ascii")
    with pytest.raises(TypeError, match="encoding"):
        torch.load(written(b"\x80\x02N."), encoding="rot13")
