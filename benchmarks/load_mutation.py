"""Mutations of .pt files: of their bytes, of the archive's structure, and of the pickle's opcodes.

`mutated(number)` always gives the same file for a number, so a finding is its number.
"""

from __future__ import annotations

import argparse
import collections
import io
import pathlib
import pickle
import pickletools
import random
import struct
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

import flambeau as torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from tests.serialization.recorded import FILES, file

Records = list[tuple[str, bytes]]
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    63,
    64,
    65,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32,
    2**62,
    2**63,
    2**64,
    -1,
)
NAMES = (
    *(
        "collections OrderedDict",
        "collections Counter",
        "collections defaultdict",
        "collections deque",
    ),
    *("__builtin__ set", "__builtin__ frozenset", "__builtin__ bytearray", "__builtin__ xrange"),
    *(
        "__builtin__ slice",
        "__builtin__ complex",
        "__builtin__ list",
        "_codecs encode",
        "torch Size",
    ),
    *("torch device", "torch float32", "torch bool", "torch FloatStorage", "torch BoolStorage"),
    *("torch.storage UntypedStorage", "torch._utils _rebuild_tensor_v2", "torch Tensor"),
    *("torch._utils _rebuild_tensor_v3", "torch._utils _rebuild_parameter"),
    *("torch._utils _rebuild_meta_tensor_no_storage", "torch._tensor _rebuild_from_type_v2"),
    *("torch.serialization _get_layout", "numpy dtype", "numpy ndarray", "argparse Namespace"),
    *("numpy._core.multiarray scalar", "numpy._core.multiarray _reconstruct", "pathlib PosixPath"),
    *("torch.nn.modules.linear Linear", "torch.nn.functional relu", "os system", "builtins eval"),
)


def seeds() -> list[bytes]:
    """Files of ours and of PyTorch's, of every form."""
    torch.manual_seed(0)
    x = torch.arange(12.0)
    attribute = torch.ones(2)
    attribute.held = [1, "a"]
    model = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.ReLU(), torch.nn.LSTM(3, 2))
    objects: list[Any] = [
        {"x": x, "part": x[2:4], "table": x.view(3, 4).t(), "wide": x[:1].expand(7)},
        torch.nn.Linear(3, 2).state_dict(),
        [torch.ones(2, dtype=t, device="cpu") for t in torch.core.dtype.DTYPES.values()],
        [attribute, torch.nn.Parameter(x.clone()), torch.nn.Buffer(x.clone())],
        [x, x.storage(), torch.ones(3, dtype=torch.int16).untyped_storage()],
        {"n": [1, -1, 2**40, 2**3000, 2.5, 1j, None, True], 5: ("a", b"\xff", bytearray(b"b"))},
        {(1, "a"): {1, 2}, "c": collections.Counter("aab"), "r": range(3), "s": slice(1, 2)},
        [collections.defaultdict(list, {1: [2]}), collections.deque([1, 2], 3), frozenset("ab")],
        [np.arange(6).reshape(2, 3), np.float32(1), np.array(["ab"]), np.zeros(2, "i4,f8")],
        [argparse.Namespace(a=1, b=x[:1]), pathlib.Path("a/b"), torch.Size([1, 2]), torch.strided],
        torch.empty(2, 3, device="meta"),
        model,
        [[[[[[]]]]], ((((),),),), {"a": {"b": {"c": {}}}}],
    ]
    made = [_saved(item) for item in objects] + [file(name) for name in FILES]
    return [*made, _compressed(made[0])]


def _saved(obj: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    return buffer.getvalue()


def _compressed(whole: bytes) -> bytes:
    return _packed(_records(whole), zipfile.ZIP_DEFLATED)


def _records(whole: bytes) -> Records:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _packed(records: Records, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in records:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------- bytes


def bytes_changed(draw: random.Random, whole: bytes) -> bytes:
    """Flipped, set, cut out, doubled, put elsewhere, or cut off."""
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at, size = draw.randrange(max(len(data), 1)), draw.choice((1, 2, 4, 8, 64))
        match draw.randrange(6):
            case 0:
                data[at : at + 1] = bytes((data[at] ^ 1 << draw.randrange(8),)) if data else b""
            case 1:
                data[at : at + size] = draw.randbytes(size)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = struct.pack("<q", draw.choice(NUMBERS[:16]) % 2**63)[:size]
            case _:
                data = data[: at or 1] if draw.random() < 0.2 else data
    return bytes(data)


# ----------------------------------------------------------------------------------- archive


def archive_changed(draw: random.Random, whole: bytes) -> bytes:
    """Records renamed, dropped, doubled, of another size, compressed; or a field of a header set."""
    if not whole.startswith(b"PK"):
        return bytes_changed(draw, whole)
    if draw.random() < 0.4:
        return _field_changed(draw, whole)
    records = _records(whole)
    at = draw.randrange(len(records))
    name, data = records[at]
    match draw.randrange(7):
        case 0:
            del records[at]
        case 1:
            records[at] = name, records[draw.randrange(len(records))][1]
        case 2:
            new = draw.choice(("../x", "/x", "a/../b", "a\\b", "constants.pkl", "data/7", "é", ""))
            records[at] = draw.choice((new, name.split("/")[0] + "/" + new)), data
        case 3:
            records[at] = name, data + draw.randbytes(draw.choice((1, 4, 8)))
        case 4:
            records[at] = name, data[: draw.randrange(len(data) + 1)]
        case 5:
            records[at] = name, draw.randbytes(len(data))
        case _:
            draw.shuffle(records)
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    names = [name for name, _ in records]
    return _packed(records, method) if len(set(names)) == len(names) else whole


def _field_changed(draw: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    magic = draw.choice((b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"))
    places = [i for i in range(len(data) - 4) if data[i : i + 4] == magic]
    if places:
        at = draw.choice(places) + draw.randrange(4, 56)
        size = draw.choice((1, 2, 4, 8))
        data[at : at + size] = (draw.choice(NUMBERS) % 2**64).to_bytes(8, "little")[:size]
    return bytes(data)


# ------------------------------------------------------------------------------------ pickle


def opcodes(stream: bytes) -> list[bytes]:
    """The stream, cut before each opcode."""
    places = [at for _, _, at in pickletools.genops(stream)]
    ends = [*places[1:], len(stream)]
    return [stream[at:end] for at, end in zip(places, ends)]


def pickle_changed(draw: random.Random, whole: bytes) -> bytes:
    """Opcodes dropped, doubled, exchanged, put in; their arguments changed; parts nested."""
    if not whole.startswith(b"PK"):
        return _legacy_changed(draw, whole)
    records = _records(whole)
    at = next(i for i, (name, _) in enumerate(records) if name.endswith("data.pkl"))
    name, stream = records[at]
    records[at] = name, _stream_changed(draw, stream)
    return _packed(records)


def _legacy_changed(draw: random.Random, whole: bytes) -> bytes:
    source = io.BytesIO(whole)
    for _ in range(3):
        pickle.load(source)
    start = source.tell()
    *_, (_, _, last) = pickletools.genops(whole[start:])
    end = start + last + 1
    return whole[:start] + _stream_changed(draw, whole[start:end]) + whole[end:]


def _stream_changed(draw: random.Random, stream: bytes) -> bytes:
    parts = opcodes(stream)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        change = draw.choice(_CHANGES)
        parts = change(draw, parts, draw.randrange(1, len(parts)))
    return b"".join(parts)


def _drop(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    return parts[:at] + parts[at + draw.choice((1, 1, 2, 5)) :]


def _double(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    end = at + draw.choice((1, 2, 5, 20))
    return parts[:at] + parts[at:end] * draw.choice((2, 2, 3, 40)) + parts[end:]


def _exchange(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    other = draw.randrange(1, len(parts))
    parts[at], parts[other] = parts[other], parts[at]
    return parts


def _put_in(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    return [*parts[:at], *(_any(draw) for _ in range(draw.choice((1, 2, 3)))), *parts[at:]]


def _replace(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    code = parts[at][:1]
    if code in b"KMJ\x8a":
        parts[at] = _number(draw)
    elif code == b"c":
        parts[at] = _name(draw)
    elif code == b"X":
        parts[at] = _text(draw)
    elif code in b"qh":
        parts[at] = code + bytes((draw.randrange(256),))
    else:
        parts[at] = _any(draw)
    return parts


def _nest(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    levels = draw.choice((3, 30, 900, 999, 1100, 3000))
    before, after = draw.choice(((b"", b"\x85"), (b"]", b"a"), (b"}K\1", b"s"), (b"(", b"t")))
    return [*parts[:at], before * levels, parts[at], after * levels, *parts[at + 1 :]]


def _pair_up(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    """Pairs of the same pair: twice as many parts at each level."""
    levels = draw.choice((3, 10, 20, 26, 40, 60))
    doubled = b"".join(
        draw.choice((b"q\xc8h\xc8\x86", b"\x85q\xc8h\xc8h\xc8\x87")) for _ in range(levels)
    )
    return [*parts[:at], doubled, *parts[at:]]


def _again(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    """Many objects that are made of one: that on the stack, bytes, or a list."""
    text = b"X" + struct.pack("<I", 50_000) + b"x" * 50_000
    large = b"c_codecs\nencode\n" + text + b"X\6\0\0\0latin1\x86R"
    source = draw.choice((b"", large, b"](" + b"N" * 5000 + b"e"))
    call = b"c" + draw.choice(NAMES[:12]).replace(" ", "\n").encode() + b"\n"
    many = draw.choice((10, 200)) * (call + b"h\xc8\x85R")
    return [*parts[:at], source, b"q\xc8](", many, b"e", *parts[at:]]


def _collide(draw: random.Random, parts: list[bytes], at: int) -> list[bytes]:
    """Keys of one hash, or that take long to hash."""
    signs = [b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff"]
    keys = b"".join(
        b"(" + b"".join(signs[i >> bit & 1] for bit in range(10)) + b"tN"
        for i in range(draw.choice((20, 100, 1000)))
    )
    return [*parts[:at], b"}(", keys, b"u", *parts[at:]]


_CHANGES: tuple[Callable[..., list[bytes]], ...] = (
    *(_drop, _double, _exchange, _put_in, _put_in, _replace, _replace, _replace, _replace),
    *(_nest, _pair_up, _again, _collide),
)
_PLAIN = (b"N", b"\x88", b"\x89", b")", b"]", b"}", b"(", b"t", b"\x85", b"\x86", b"\x87", b"R")
_PLAIN += (b"\x81", b"b", b"Q", b"a", b"e", b"s", b"u", b".", b"0", b"2", b"\x93", b"\x94", b"i")


def _any(draw: random.Random) -> bytes:
    make = draw.choice((_number, _name, _text, _place, _plain, _plain, _plain))
    return make(draw)


def _plain(draw: random.Random) -> bytes:
    return draw.choice(_PLAIN)


def _place(draw: random.Random) -> bytes:
    return draw.choice((b"q", b"h", b"h")) + bytes((draw.choice((0, 1, 2, 5, 200, 255)),))


def _number(draw: random.Random) -> bytes:
    value = draw.choice((*NUMBERS, 2**5000))
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    few = len(data) < 256
    return (b"\x8a" if few else b"\x8b") + len(data).to_bytes(1 if few else 4, "little") + data


def _name(draw: random.Random) -> bytes:
    return b"c" + draw.choice(NAMES).replace(" ", "\n").encode() + b"\n"


def _text(draw: random.Random) -> bytes:
    words = (
        "storage",
        "cpu",
        "cuda:0",
        "meta",
        "0",
        "1",
        "f8",
        "O8",
        "V16",
        "x" * 5000,
        "_metadata",
    )
    data = draw.choice((*words, "conj", "neg", "torch.strided", "latin1", "__class__", "")).encode()
    return b"X" + struct.pack("<I", len(data)) + data


# -------------------------------------------------------------------------------------- all

KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bytes": bytes_changed,
    "archive": archive_changed,
    "pickle": pickle_changed,
}
_SHARES = ("bytes", "archive", *("pickle",) * 3)


def mutated(number: int, sources: list[bytes]) -> tuple[str, int, bytes]:
    """The file of a number, what was changed, and the number of its seed."""
    draw = random.Random(number)
    kind = draw.choice(_SHARES)
    seed = draw.randrange(len(sources))
    return kind, seed, KINDS[kind](draw, sources[seed])
