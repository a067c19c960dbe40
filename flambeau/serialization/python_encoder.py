"""Python's own classes and those of torch without elements, as the pickler writes them."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from ..core import layout
from ..core.device import device
from ..core.dtype import dtype
from ..core.quantized_dtype import qscheme
from ..core.size import Size
from .constructor import FACTORY_NAMES, PATHS, WITH_ATTRIBUTES
from .pickler import WRITERS, Pickler, check_keys, refusal, writes

# ------------------------------------------------------------------------------- without parts


@writes(type(None))
def _none(pickler: Pickler, obj: None) -> None:
    pickler.out += b"N"


@writes(bool)
def _bool(pickler: Pickler, obj: bool) -> None:
    pickler.out += b"\x88" if obj else b"\x89"


@writes(int)
def _int(pickler: Pickler, obj: int) -> None:
    if 0 <= obj < 256:
        pickler.out += bytes((75, obj))
    elif -(2**31) <= obj < 2**31:
        pickler.out += b"J" + struct.pack("<i", obj)
    else:
        data = obj.to_bytes(obj.bit_length() // 8 + 1, "little", signed=True)
        few = len(data) < 256
        pickler.out += b"\x8a" if few else b"\x8b"
        pickler.out += len(data).to_bytes(1 if few else 4, "little") + data


@writes(float)
def _float(pickler: Pickler, obj: float) -> None:
    pickler.out += b"G" + struct.pack(">d", obj)


@writes(str)
def _str(pickler: Pickler, obj: str) -> None:
    place = pickler.memo.get(id(obj))
    if place is not None:
        pickler.recall(place)
    else:
        pickler.text(obj)
        pickler.remember(obj)


@writes(bytes)
def _bytes(pickler: Pickler, obj: bytes) -> None:
    pickler.name("_codecs encode")
    pickler.out += b"("
    pickler.text(obj.decode("latin1"))
    pickler.plain("latin1")
    pickler.out += b"tR"


@writes(bytearray)
def _bytearray(pickler: Pickler, obj: bytearray) -> None:
    pickler.call("__builtin__ bytearray", bytes(obj))
    pickler.remember(obj)


@writes(complex)
def _complex(pickler: Pickler, obj: complex) -> None:
    pickler.call("__builtin__ complex", obj.real, obj.imag)


@writes(range)
def _range(pickler: Pickler, obj: range) -> None:
    pickler.call("__builtin__ xrange", obj.start, obj.stop, obj.step)


@writes(slice)
def _slice(pickler: Pickler, obj: slice) -> None:
    bounds = obj.start, obj.stop, obj.step
    if any(type(bound) not in (int, type(None)) for bound in bounds):
        raise refusal(slice, "a slice of other than ints")
    pickler.call("__builtin__ slice", *bounds)


@writes(Size)
def _size(pickler: Pickler, obj: Size) -> None:
    pickler.call("torch Size", tuple(obj))


@writes(dtype, layout.memory_format, qscheme)
def _named(pickler: Pickler, obj: Any) -> None:
    pickler.name(f"torch {obj.name}")


@writes(layout.layout)
def _layout(pickler: Pickler, obj: Any) -> None:
    pickler.call("torch.serialization _get_layout", str(obj))


@writes(device)
def _device(pickler: Pickler, obj: device) -> None:
    pickler.call("torch device", str(obj))


def _path(pickler: Pickler, obj: Any) -> None:
    pickler.call(f"pathlib {type(obj).__name__}", str(obj))


for _name, _cls in PATHS.items():
    if _name != "Path":
        WRITERS[type(_cls())] = _path


# ---------------------------------------------------------------------------------- with parts


def _items(pickler: Pickler, items: Iterable[Any], end: bytes) -> Iterator[Any]:
    pickler.out += b"("
    yield from items
    pickler.out += end


@writes(tuple)
def _tuple(pickler: Pickler, obj: tuple) -> Iterator[Any]:
    if not obj:
        pickler.out += b")"
        return
    yield from _items(pickler, obj, b"t")
    pickler.remember(obj)


@writes(list)
def _list(pickler: Pickler, obj: list) -> Iterator[Any]:
    pickler.out += b"]"
    pickler.remember(obj)
    if obj:
        yield from _items(pickler, obj, b"e")


@writes(deque)
def _deque(pickler: Pickler, obj: deque) -> Iterator[Any]:
    pickler.call("collections deque", (), obj.maxlen)
    pickler.remember(obj)
    if obj:
        yield from _items(pickler, obj, b"e")


@writes(set, frozenset)
def _set(pickler: Pickler, obj: Any) -> Iterator[Any]:
    check_keys(obj)
    pickler.name(f"__builtin__ {type(obj).__name__}")
    pickler.out += b"(]"
    if obj:
        yield from _items(pickler, sorted(obj, key=repr), b"e")
    pickler.out += b"tR"
    pickler.remember(obj)


@writes(dict)
def _dict(pickler: Pickler, obj: dict) -> Iterator[Any]:
    pickler.out += b"}"
    yield from _pairs(pickler, obj)


def _pairs(pickler: Pickler, obj: dict) -> Iterator[Any]:
    check_keys(obj)
    pickler.remember(obj)
    if obj:
        yield from _items(pickler, (part for pair in obj.items() for part in pair), b"u")


@writes(OrderedDict)
def _ordered(pickler: Pickler, obj: OrderedDict) -> Iterator[Any]:
    pickler.call("collections OrderedDict")
    yield from _pairs(pickler, obj)
    if hasattr(obj, "_metadata"):
        yield {"_metadata": obj._metadata}
        pickler.out += b"b"


@writes(Counter)
def _counter(pickler: Pickler, obj: Counter) -> Iterator[Any]:
    pickler.name("collections Counter")
    pickler.out += b"("
    yield dict(obj)
    pickler.out += b"tR"
    pickler.remember(obj)


@writes(defaultdict)
def _default_dict(pickler: Pickler, obj: defaultdict) -> Iterator[Any]:
    factory = obj.default_factory
    pickler.name("collections defaultdict")
    if factory is None:
        pickler.out += b")R"
    elif factory in FACTORY_NAMES:
        pickler.name(FACTORY_NAMES[factory])
        pickler.out += b"\x85R"
    else:
        raise refusal(defaultdict, f"a defaultdict of {factory!r}")
    yield from _pairs(pickler, obj)


@writes(*WITH_ATTRIBUTES)
def _attributes(pickler: Pickler, obj: Any) -> Iterator[Any]:
    cls = type(obj)
    pickler.name(f"{cls.__module__} {cls.__name__}")
    pickler.out += b")\x81" if cls is WITH_ATTRIBUTES[0] else b")R"
    pickler.remember(obj)
    yield dict(vars(obj))
    pickler.out += b"b"
