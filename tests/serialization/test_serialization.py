"""Checkpoints: what goes in comes out, and hostile files are refused."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


class Plain:
    """A file that can only read, seek and tell, and reads little at once."""

    def __init__(self, inner: io.BytesIO):
        self.inner, self.seek, self.tell = inner, inner.seek, inner.tell

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(size if size < 2000 else size // 2)


@pytest.mark.parametrize("wrap", [Plain, lambda file: file])
def test_large_records_by_either_way_of_reading(wrap: type) -> None:
    """Read into place or copied; a changed byte is found."""
    buffer = io.BytesIO()
    x = torch.arange(30_001, dtype=torch.int64)
    torch.save(x, buffer)
    whole = buffer.getvalue()
    assert torch.equal(torch.load(wrap(io.BytesIO(whole))), x)
    at = whole.index(x[15_000:15_004].numpy().tobytes())
    for place in (at, at + 9):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        with pytest.raises(SerializationError, match="checksum"):
            torch.load(wrap(io.BytesIO(damaged)))


def test_a_file_that_ends_while_it_is_read() -> None:
    class Ending(io.BytesIO):
        def readinto(self, into: memoryview) -> int:  # type: ignore[override]
            return 0 if len(into) > 100_000 else super().readinto(into)

    buffer = Ending()
    torch.save(torch.arange(30_001), buffer)
    with pytest.raises(SerializationError, match="cut short"):
        torch.load(buffer)


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
        torch.save({"x": lambda: 1}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


class Attack:
    def __reduce__(self) -> tuple:
        return print, ("run!",)


def test_code_is_never_run(capsys) -> None:
    with pytest.raises(SerializationError, match="print"):
        torch.load(crafted(pickle.dumps(Attack(), 2)))
    assert capsys.readouterr().out == ""


def test_weights_only_false_reads_with_the_same_reader_and_says_what_it_lacks(capsys) -> None:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 1).state_dict(), buffer)
    buffer.seek(0)
    assert list(torch.load(buffer, weights_only=False)) == ["weight", "bias"]
    with pytest.raises(SerializationError, match=r"builtins\.print|__builtin__\.print"):
        torch.load(crafted(pickle.dumps(Attack(), 2)), weights_only=False)
    assert capsys.readouterr().out == ""


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


# ---- what save and load are told -----------------------------------------------------------------


def test_options_that_cannot_be_honoured_are_refused(tmp_path) -> None:
    path = tmp_path / "x.pt"
    for options in ({"pickle_module": pickle}, {"pickle_protocol": 4}):
        with pytest.raises(ValueError, match="one format"):
            torch.save(1, path, **options)
    with pytest.raises(ValueError, match="one format"):
        torch.save(1, path, _use_new_zipfile_serialization=False)
    assert not path.exists()
    torch.save(1, path)
    with pytest.raises(SerializationError, match="pickle_module"):
        torch.load(path, pickle_module=pickle)
    with pytest.raises(TypeError, match="fix_imports"):
        torch.load(path, fix_imports=False)
    with pytest.raises(ValueError, match="file path"):
        torch.load(io.BytesIO(path.read_bytes()), mmap=True)
    assert torch.load(path, encoding="utf-8") == 1


def test_a_mapped_file_is_not_written_to(tmp_path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"x": torch.arange(4.0), "none": torch.empty(0)}, path)
    before = path.read_bytes()
    loaded = torch.load(path, mmap=True)
    loaded["x"][0] = 9
    assert loaded["x"].tolist() == [9.0, 1.0, 2.0, 3.0]
    assert loaded["none"].shape == (0,)
    assert path.read_bytes() == before


def saved_on(location: str) -> io.BytesIO:
    stream = tensor_stream(2, 0, 2, 1).replace(
        b"X\x03\x00\x00\x00cpu", b"X" + len(location).to_bytes(4, "little") + location.encode()
    )
    return crafted(stream, **{"0": b"\0\0\x80?\0\0\0@"})


def test_map_location_says_where_tensors_go() -> None:
    with pytest.raises(SerializationError, match=r"map_location=torch.device\('cpu'\)"):
        torch.load(saved_on("cuda:0"))
    asked = []
    answers = [
        "cpu",
        torch.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: asked.append((len(storage), location)) or storage,
        lambda storage, location: "cpu",
    ]
    for answer in answers:
        assert torch.load(saved_on("cuda:0"), map_location=answer).tolist() == [1.0, 2.0]
    assert asked == [(8, "cuda:0")]
    assert torch.load(saved_on("cpu"), map_location=lambda storage, location: None).tolist() == [
        1,
        2,
    ]
    with pytest.raises(SerializationError, match="CUDA device but"):
        torch.load(saved_on("cuda:0"), map_location=lambda storage, location: None)
    with pytest.raises(TypeError, match="map_location"):
        torch.load(saved_on("cpu"), map_location=3)


def test_a_link_is_followed_and_the_mode_kept(tmp_path) -> None:
    target, link = tmp_path / "real.pt", tmp_path / "link.pt"
    torch.save(1, target)
    target.chmod(0o640)
    link.symlink_to(target)
    torch.save(2, link)
    assert link.is_symlink()
    assert torch.load(target) == 2
    assert target.stat().st_mode & 0o777 == 0o640


def test_one_memory_cannot_be_saved_as_two_dtypes() -> None:
    x = torch.zeros(4)
    with pytest.raises(RuntimeError, match="different types"):
        torch.save([x, x.view(torch.int32)], io.BytesIO())


def test_bytes_survive() -> None:
    plain, array = round_trip([b"\x00\xff", bytearray(b"ab")])
    assert (plain, type(plain), array, type(array)) == (b"\x00\xff", bytes, b"ab", bytearray)


# ---- hostile archives --------------------------------------------------------------------------


def entries(*names: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"\x80\x02N.")
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    "names",
    [
        ("a/data.pkl", "b/data/0"),
        ("a/data.pkl", "a/../../x"),
        ("a/data.pkl", "/etc/x"),
        ("a/data.pkl", "a/b\\..\\x"),
        ("a/data.pkl", "a//x"),
        ("data.pkl",),
        ("a/data.pkl", "a/constants.pkl"),
        ("a/other",),
    ],
)
def test_names_outside_the_one_folder_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(SerializationError):
        torch.load(entries(*names))
    assert torch.load(entries("a/data.pkl", "a/data/0")) is None


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(SerializationError, match="two entries"):
        torch.load(entries("a/data.pkl", "a/data.pkl"))


def test_bytes_around_the_archive_are_refused() -> None:
    whole = entries("a/data.pkl").getvalue()
    for bad in (b"#!/bin/sh\n" + whole, whole + b"GIF89a", whole + whole):
        with pytest.raises(SerializationError):
            torch.load(io.BytesIO(bad))


def test_headers_that_disagree_with_the_directory_are_refused() -> None:
    whole = bytearray(entries("a/data.pkl").getvalue())
    at = whole.index(b"a/data.pkl")
    for place, value in ((at, ord("b")), (18, 1), (8, 8)):  # the name, the size, the method
        changed = bytearray(whole)
        changed[place] = value
        with pytest.raises(SerializationError, match="two things"):
            torch.load(io.BytesIO(bytes(changed)))
    whole[at + len(b"a/data.pkl")] ^= 1
    with pytest.raises(SerializationError, match="checksum"):
        torch.load(io.BytesIO(bytes(whole)))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "no end"),
        (b"\x18\0\0\0\0\0\0\0{" + b" " * 30, "safetensors"),
        (b"x" * 257 + b"ustar" + b"0" * 300, "tar file"),
    ],
)
def test_older_formats_are_named(start: bytes, message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        torch.load(io.BytesIO(start))


# ---- hostile streams ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.",
        b"\x80\x02(X\x02\x00\x00\x00lsios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02c__builtin__\neval\n.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\n.",
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x08\x00\x00\x00__dict__}sb.",
        b"\x80\x02]}X\x01\x00\x00\x00aK\x01sb.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02K\x01K\x01K\x02s.",
        b"\x80\x02N)R.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02h\x05.",
        b"\x80\x02NQ.",
        b"\x80\x02\x85.",
        b"\x80\x02X\xff\xff\xff\x7fab.",
        b"\x80\x02N",
        b"",
    ],
)
def test_streams_that_do_more_than_checkpoints_are_refused(stream: bytes) -> None:
    with pytest.raises(SerializationError):
        torch.load(crafted(stream))


def test_all_unknown_names_are_listed_before_anything_is_made() -> None:
    with pytest.raises(SerializationError, match=r"foo\.Bar, os\.system"):
        torch.load(crafted(b"\x80\x02cos\nsystem\ncfoo\nBar\n."))


def test_objects_that_kill_their_reader_are_refused() -> None:
    with pytest.raises(SerializationError, match="contains itself"):
        torch.load(crafted(b"\x80\x02]q\x00h\x00a."))
    doubling = b"\x80\x02)" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(40)) + b"."
    with pytest.raises(SerializationError, match="parts"):
        torch.load(crafted(doubling))
    with pytest.raises(SerializationError, match="levels"):
        torch.load(crafted(b"\x80\x02" + b"]" * 2000 + b"a" * 1999 + b"."))


def test_one_record_cannot_have_two_dtypes() -> None:
    first = tensor_stream(2, 0, 2, 1)[2:-1]
    second = first.replace(b"FloatStorage", b"IntStorage")
    with pytest.raises(SerializationError, match="two dtypes"):
        torch.load(crafted(b"\x80\x02" + first + second + b"\x86.", **{"0": b"\0" * 8}))


# Recorded from torch.save of np.float64(2.5), and of an array of int16.
NUMPY_NUMBER = (
    b"\x80\x02cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R"
    b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"c_codecs\nencode\nX\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04@X\x06\x00\x00\x00latin1\x86R\x86R."
)


def test_numpy_numbers_and_arrays_of_old_checkpoints_are_read() -> None:
    number = NUMPY_NUMBER.replace(b"X\x09\x00\x00\x00", b"X\x08\x00\x00\x00")
    value = torch.load(crafted(number))
    assert (value, type(value).__name__) == (2.5, "float64")
    array = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nX\x02\x00\x00\x00i2\x89\x88\x87R(K\x03X\x01\x00\x00\x00<NNNtb"
        b"\x89C\x04\x01\x00\xff\xfftb."
    )
    assert torch.load(crafted(array)).tolist() == [1, -1]
    for bad in (array.replace(b"i2", b"O8"), array.replace(b"K\x02\x85c", b"K\x03\x85c")):
        with pytest.raises(SerializationError):
            torch.load(crafted(bad))


@given(st.data())
def test_no_damage_gets_past_the_reader(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    torch.save({"x": torch.arange(4.0), "n": [1, 2.5, "s"]}, buffer)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SerializationError):
        torch.load(io.BytesIO(bytes(raw)))
