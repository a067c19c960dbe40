"""Checkpoints: what goes in comes out, and hostile files are refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError


def round_trip(obj: object) -> object:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return torch.load(buffer)


def crafted(stream: bytes, **records: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", stream)
        for name, payload in records.items():
            archive.writestr(f"a/data/{name}", payload)
        archive.writestr("a/version", b"3\n")
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    "name",
    ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "uint16", "bool", "complex64"],
)
def test_every_dtype_survives(name: str) -> None:
    x = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(torch, name))
    y = round_trip(x)
    assert y.dtype is x.dtype
    assert y.tolist() == x.tolist()


def test_views_keep_sharing() -> None:
    x = torch.arange(6.0)
    out = round_trip({"whole": x, "part": x[2:4], "table": x.view(2, 3).t()})
    out["whole"][2] = 50
    assert out["part"].tolist() == [50.0, 3.0]
    assert out["table"].tolist() == [[0.0, 3.0], [1.0, 4.0], [50.0, 5.0]]


def test_state_dict_and_containers() -> None:
    state = torch.nn.Linear(2, 1).state_dict()
    out = round_trip(
        OrderedDict(
            model=state, step=2**40, rate=0.5, name="x", flags=(True, None), sizes=torch.Size([2])
        )
    )
    assert list(out["model"]) == ["weight", "bias"]
    assert out["model"]["weight"].tolist() == state["weight"].tolist()
    assert out["model"]._metadata[""] == {"version": 1}
    assert (out["step"], out["rate"], out["name"], out["flags"]) == (2**40, 0.5, "x", (True, None))


def test_parameter_comes_back_as_one() -> None:
    out = round_trip(torch.nn.Parameter(torch.ones(2)))
    assert isinstance(out, torch.nn.Parameter)
    assert out.requires_grad


def test_a_failed_save_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"x": torch.ones(1)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="state_dict"):
        torch.save({"x": object()}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


class Attack:
    def __reduce__(self) -> tuple:
        return print, ("run!",)


def test_code_is_never_run(capsys) -> None:
    with pytest.raises(SerializationError, match="print"):
        torch.load(crafted(pickle.dumps(Attack(), 2)))
    assert capsys.readouterr().out == ""


def test_unsafe_loading_is_refused() -> None:
    with pytest.raises(SerializationError, match="weights_only"):
        torch.load(io.BytesIO(), weights_only=False)


STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK%ctQ"
)


def tensor_stream(count: int, offset: int, size: int, stride: int) -> bytes:
    storage = STORAGE.replace(b"K%c", b"K" + bytes((count,)))
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K"
        + bytes((offset,))
        + b"K"
        + bytes((size,))
        + b"\x85K"
        + bytes((stride,))
        + b"\x85\x89)ccollections\nOrderedDict\n)RtR."
    ).replace(b"\x89)c", b"\x89c")


def test_the_crafted_stream_is_right_where_it_should_be() -> None:
    assert torch.load(
        crafted(tensor_stream(2, 0, 2, 1), **{"0": b"\0\0\x80?\0\0\0@"})
    ).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("count", "offset", "size", "stride"), [(2, 1, 2, 1), (2, 0, 3, 1), (2, 0, 2, 2), (3, 0, 2, 1)]
)
def test_nothing_is_read_outside_a_record(count: int, offset: int, size: int, stride: int) -> None:
    with pytest.raises(SerializationError):
        torch.load(crafted(tensor_stream(count, offset, size, stride), **{"0": b"\0" * 8}))


def test_damaged_files_are_refused() -> None:
    buffer = io.BytesIO()
    torch.save(torch.ones(100), buffer)
    whole = buffer.getvalue()
    for end in (0, 10, len(whole) // 2, len(whole) - 5):
        with pytest.raises(SerializationError):
            torch.load(io.BytesIO(whole[:end]))


def test_compressed_entries_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02N.")
    buffer.seek(0)
    with pytest.raises(SerializationError, match="compressed"):
        torch.load(buffer)
