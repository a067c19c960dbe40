"""Bounds of what a file may describe, kept while it is read. Each stream here is small, and asks for
little more than a bound allows."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError, extent, machine, unpickler


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def load(stream: bytes, **records: bytes) -> object:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + stream + b".")
        for name, payload in records.items():
            archive.writestr(f"a/data/{name.strip('_')}", payload)
    buffer.seek(0)
    return torch.load(buffer)


NESTED = {
    "lists": lambda levels: b"]" * levels + b"a" * (levels - 1),
    "dicts": lambda levels: (b"}" + text("k")) * (levels - 1) + b"}" + b"s" * (levels - 1),
    "tuples": lambda levels: b"N" + b"\x85" * levels,
}


@pytest.mark.parametrize("kind", NESTED)
def test_levels_are_counted_while_they_are_made(kind: str) -> None:
    assert load(NESTED[kind](1000)) is not None
    with pytest.raises(SerializationError, match="levels"):
        load(NESTED[kind](1001))
    with pytest.raises(SerializationError, match="levels"):
        load(NESTED[kind](1010) + b"N" * 10)  # before the stream is at its end


def test_parts_are_counted_as_often_as_they_are_met(monkeypatch) -> None:
    monkeypatch.setattr(extent, "MAX_NODES", 1000)
    pairs = b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(8))
    assert load(pairs) is not None
    for again in (pairs + b"q\x20h\x20\x86", b"]" + pairs + b"q\x20ah\x20a"):
        with pytest.raises(SerializationError, match="parts"):
            load(again)
    with pytest.raises(SerializationError, match="parts"):
        load(b"](" + b"K\x01" * 1000 + b"e")
    metadata = b"ccollections\nOrderedDict\n)R}" + text("_metadata") + pairs + b"sb"
    assert load(metadata) == OrderedDict()
    with pytest.raises(SerializationError, match="parts"):
        load(b"](" + metadata + b"q\x20" + b"h\x20" * 4 + b"e")


def test_attributes_of_tensors_count(monkeypatch) -> None:
    storage = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x01tQ"
    )
    parts = b"(" + storage + b"K\x00))\x89}t"
    tensor = b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n"
    tensor += parts + b"}" + text("held") + b"%s" + b"stR"

    def chain(count: int) -> bytes:
        stream = b"N"
        for _ in range(count):
            stream = tensor.replace(b"%s", stream)
        return stream

    monkeypatch.setattr(extent, "MAX_DEPTH", 20)
    assert load(chain(18), _0=bytes(4)).held.held is not None
    with pytest.raises(SerializationError, match="levels"):
        load(chain(24), _0=bytes(4))


def test_a_container_is_closed_when_it_is_a_part() -> None:
    for stream in (
        b"]q\x00h\x00a",
        b"]q\x00\x85h\x00K\x01a",
        b"}q\x00" + text("k") + b"h\x00s",
        b"](]q\x00](h\x00eh\x00K\x01ae",
        b"ccollections\nOrderedDict\n)Rq\x00}" + text("_metadata") + b"h\x00sb",
        b"cargparse\nNamespace\n)\x81q\x00}" + text("k") + b"h\x00sb",
    ):
        with pytest.raises(SerializationError):
            load(stream)


@pytest.mark.parametrize(
    "key",
    [
        b"K\x01\x85\x85",  # a tuple in a tuple
        b"]\x85",
        b"]",
        b"}",
        b"c__builtin__\nfrozenset\n)R",
        b"cargparse\nNamespace\n)\x81",
    ],
)
def test_keys_are_cheap_to_hash(key: bytes) -> None:
    for stream in (
        b"}" + key + b"K\x01s",
        b"ccollections\nCounter\n}" + key + b"K\x01s\x85R",
        b"c__builtin__\nset\n](" + key + b"e\x85R",
        b"ccollections\nOrderedDict\n]](" + key + b"K\x01ea\x85R",
    ):
        with pytest.raises(SerializationError):
            load(stream)


def test_flat_tuples_and_numbers_are_keys() -> None:
    key = b"K\x01" + text("a") + b"G" + struct.pack(">d", 2.5) + b"\x87"
    assert load(b"}" + key + b"K\x01s") == {(1, "a", 2.5): 1}
    assert torch_round_trip({1, "a", (1, 2.5), None, b"x"}) == {1, "a", (1, 2.5), None, b"x"}
    with pytest.raises(TypeError, match="key"):
        torch.save({((1, 2), 3): 4}, io.BytesIO())


def torch_round_trip(obj: object) -> object:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return torch.load(buffer)


def test_keys_of_one_hash_are_few() -> None:
    """hash(-1) == hash(-2), so 2^n tuples of n of them have one hash."""
    minus = (b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff")

    def keys(count: int) -> bytes:
        made = b"}("
        for i in range(count):
            made += b"(" + b"".join(minus[i >> bit & 1] for bit in range(8)) + b"tN"
        return made + b"u"

    assert len(load(keys(40))) == 40  # type: ignore[arg-type]
    with pytest.raises(SerializationError, match="one hash"):
        load(keys(80))
    several = b"](" + keys(40) * 3 + b"e"  # of one table each
    assert len(load(several)) == 3  # type: ignore[arg-type]


def test_copies_cost_what_the_file_allows(monkeypatch) -> None:
    monkeypatch.setattr(unpickler, "_MIB", 1000)
    content = b"c_codecs\nencode\n" + text("x" * 2000) + text("latin1") + b"\x86Rq\x00"
    assert load(content) == b"x" * 2000
    for call in (b"c__builtin__\nbytearray\nh\x00\x85R", b"c_codecs\nencode\nh\x01h\x02\x86R"):
        stream = b"](" + content.replace(text("latin1"), text("latin1") + b"q\x02").replace(
            text("x" * 2000), text("x" * 2000) + b"q\x01"
        )
        assert len(load(stream + call + b"e")) == 2  # type: ignore[arg-type]
        with pytest.raises(SerializationError, match="copies"):
            load(stream + call * 40 + b"e")


def test_objects_are_counted(monkeypatch) -> None:
    monkeypatch.setattr(machine, "MAX_OBJECTS", 100)
    assert len(load(b"](" + b"]" * 99 + b"e")) == 99  # type: ignore[arg-type]
    for stream in (b"](" + b"]" * 101 + b"e", b"K\x01" + b"".join(b"q%c" % i for i in range(101))):
        with pytest.raises(SerializationError, match="more than 100 objects"):
            load(stream)


def test_what_makes_too_many_objects_is_not_saved(monkeypatch) -> None:
    monkeypatch.setattr(machine, "MAX_OBJECTS", 100)
    assert torch_round_trip([[]] + [[i] for i in range(98)])[-1] == [97]  # type: ignore[index]
    for value in ([[i] for i in range(101)], [(i, i) for i in range(101)]):
        with pytest.raises(ValueError, match="more than load"):
            torch.save(value, io.BytesIO())
    with pytest.raises(ValueError, match="more than load"):
        torch.save([torch.ones(1) for _ in range(20)], io.BytesIO())


def test_a_conjugated_storage_is_computed_once(monkeypatch) -> None:
    """However many tensors look at it so, the file pays for one copy."""
    monkeypatch.setattr(unpickler, "_MIB", 0)
    storage = (
        b"("
        + text("storage")
        + b"ctorch\nComplexFloatStorage\n"
        + text("0")
        + text("cpu")
        + b"Kdtq\x01Q"
    )
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\x00Kd\x85K\x01\x85\x89}}"
        + text("conj")
        + b"\x88stR"
    )
    first = tensor.replace(b"%s", storage.replace(b"tq\x01Q", b"tQq\x01"))
    views = b"](" + first + tensor.replace(b"%s", b"h\x01") * 50 + b"e"
    found = load(views, _0=bytes(800))
    assert len(found) == 51  # type: ignore[arg-type]
    assert found[0].untyped_storage() is found[50].untyped_storage()  # type: ignore[index]


@pytest.mark.parametrize(
    "stream",
    [
        b"c__builtin__\nrange\nK\x01K\x05K\x00\x87R",
        b"c__builtin__\ncomplex\n" + text("1") + b"\x85R",
        b"ctorch\nSize\n(K\x01" + text("1") + b"t\x85R",
        b"ctorch\ndevice\n" + text("cpu" * 50) + b"\x85R",
        b"ctorch.serialization\n_get_layout\n" + text("torch.strided_") + b"\x85R",
        b"ctorch.serialization\n_get_layout\n" + text("torch.channels_last") + b"\x85R",
        b"ccollections\nCounter\n]\x85R",
        b"ccollections\ndefaultdict\nctorch\nSize\n\x85R",
        b"ccollections\ndeque\n)J\xff\xff\xff\xff\x86R",
        b"cpathlib\nPosixPath\nK\x01\x85R",
        b"c__builtin__\nset\n}\x85R",
        b"c__builtin__\nbytearray\nK\x08\x85R",
        b"c__builtin__\nslice\n]NN\x87R",
        b"cnumpy\ndtype\n" + text("O8") + b"\x89\x88\x87R",
        b"cnumpy\ndtype\n" + text("f8") + b"\x89\x88\x87R",
        b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85N\x87R",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nFloatStorage\n",
        b"](ctorch\nTensor\ne",
        b"ccollections\nOrderedDict\n\x85",
        b"ccollections\nOrderedDict\n(" + b"K\x01" * 300 + b"tR",
        b"cargparse\nNamespace\n)\x81}K\x01K\x02sb",
        b"K\x01K\x02",
        b"(K\x01",
    ],
)
def test_constructors_look_at_their_arguments(stream: bytes) -> None:
    with pytest.raises(SerializationError):
        load(stream)


def test_messages_do_not_grow_with_what_they_mention() -> None:
    pairs = b")" + b"q\x01h\x01\x86" * 12
    integer = b"\x8b" + struct.pack("<I", 5000) + b"\x01" * 5000
    for stream in (
        b"ctorch\nSize\n" + pairs + b"\x85R",
        b"ctorch\ndevice\n" + text("x" * 100_000) + b"\x85R",
        b"c__builtin__\nrange\n(" + integer * 4 + b"tR",
        b"}" + pairs + b"K\x01s",
        b"c" + b"x" * 100_000 + b"\ny\n",
        b"h\xff",
        b"".join(b"cm%d\nf\n" % i for i in range(10_000)),
    ):
        with pytest.raises(SerializationError) as caught:
            load(stream)
        assert len(str(caught.value)) < 10_000


def test_what_python_pickles_of_these_classes_is_read() -> None:
    """Protocol 2 of Python's own pickler, which calls them by Python 2's names."""
    from collections import defaultdict, deque

    for value in (
        Counter("aab"),
        defaultdict(int, a=1),
        deque([1, 2], 5),
        frozenset([1]),
        range(2, 9, 3),
        slice(1, None, 2),
        2**4000,
        b"",
        bytearray(b"\xff"),
        1 - 2j,
    ):
        found = load(pickle.dumps(value, 2)[2:-1])
        assert (found, type(found)) == (value, type(value))
