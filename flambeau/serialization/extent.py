"""How large the objects of a file are, known while they are made.

A few bytes can describe an object that no program survives: a pair of the same pair, forty times
over, has 2^40 parts; a list in a list a million times ends whoever walks it by recursion. So each
container carries the number of its parts, those of its parts included as often as they are met, and
of its levels, and none grows beyond the bounds.

A container can be changed until it is a part of another one, or the numbers of that one would be
wrong. This also keeps objects from containing themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtype import dtype
from ..core.size import Size
from ..core.tensor import Tensor
from .error import SerializationError
from .internal import Draft, Name
from .message import shown

MAX_NODES = 50_000_000
MAX_DEPTH = 1_000
ARGUMENTS = 2
"""Levels that a tuple may have more: those of a constructor's arguments are not kept."""
MAX_EQUAL_HASHES = 64

LEAVES = frozenset((int, float, str, bool, type(None), bytes, complex, dtype, device))
"""Classes whose objects have no parts."""

_NUMBERS = (int, float, complex, np.number, np.bool_)
_SIMPLE = (str, bytes, type(None), dtype, device, Tensor, *_NUMBERS)
_SMALL = 1 << 60  # the hash of an int below it is the int itself

CLOSED, OPEN, RAW = range(3)
"""What may be done with a container: be a part of others; change as well; only be arguments, because
it is a tuple that holds a bare name."""

Extent = tuple[int, int, int]
"""Parts (the container itself is one), levels, and one of the above."""

EMPTY: Extent = (1, 1, OPEN)
_ATOM: Extent = (1, 0, CLOSED)
_INNER: Extent = (1, 0, RAW)


class Extents:
    """The extents of the containers that one reader makes, by their ids.

    An entry is written when a container is made, so that one of a container that is gone does not
    count for the next at its address.
    """

    def __init__(self) -> None:
        self.known: dict[int, Extent] = {id(()): (1, 1, CLOSED)}

    def of(self, item: Any) -> Extent:
        """The extent of anything."""
        if isinstance(item, (Name, Draft)):
            return _INNER
        return self.known.get(id(item), _ATOM)

    def below(self, parts: Collection[Any]) -> Extent:
        """How much there is below a container of these, which are closed now."""
        nodes, depth, raw = len(parts), 0, CLOSED
        if LEAVES.issuperset(map(type, parts)):
            return nodes, depth, raw
        known = self.known
        for part in parts:
            kind = type(part)
            if kind in LEAVES:
                continue
            inner = kind is Name or isinstance(part, Draft)
            more, levels, state = _INNER if inner else known.get(id(part), _ATOM)
            if state == OPEN:
                known[id(part)] = more, levels, CLOSED
            elif state == RAW:
                raw = RAW
            nodes += more - 1
            if levels > depth:
                depth = levels
        return nodes, depth, raw

    def tuple(self, made: tuple) -> None:
        """Enter a tuple, which may be one of arguments."""
        if LEAVES.issuperset(map(type, made)):
            self.known[id(made)] = len(made) + 1, 1, CLOSED
            return
        nodes, depth, raw = self.below(made)
        check(nodes + 1, depth + 1, ARGUMENTS)
        self.known[id(made)] = nodes + 1, depth + 1, raw

    def like(self, made: Any, source: Any, state: int = CLOSED) -> None:
        """Enter an object that has the parts of another one, which is closed now."""
        nodes, depth, _ = self.value(source)
        self.known[id(made)] = nodes, depth, state

    def grow(self, target: Any, parts: Collection[Any]) -> None:
        """Enter that a container gets more parts.

        Raises:
            SerializationError: It is a part of something already, or becomes too large.
        """
        more, levels, raw = self.below(parts)
        nodes, depth, state = self.of(target)
        if state != OPEN:
            raise SerializationError(
                f"a {type(target).__name__} of the file contains itself, or is changed after it "
                "became part of something"
            )
        if raw:
            raise _bare()
        nodes, depth = nodes + more, max(depth, levels + 1)
        check(nodes, depth)
        self.known[id(target)] = nodes, depth, OPEN

    def value(self, item: Any) -> Extent:
        """The extent of what a result may hold; it is closed now."""
        nodes, depth, state = self.of(item)
        if state == RAW:
            raise _bare()
        check(nodes, depth)
        if state == OPEN:
            self.known[id(item)] = nodes, depth, CLOSED
        return nodes, depth, CLOSED


def _bare() -> SerializationError:
    return SerializationError(
        "data.pkl has a class or function of the format, or an object without its state, where a "
        "value should be"
    )


def check(
    nodes: int, depth: int, slack: int = 0, error: Callable[[str], Exception] = SerializationError
) -> None:
    """Refuse what is larger than any checkpoint."""
    if nodes > MAX_NODES or depth > MAX_DEPTH + slack:
        raise error(
            f"an object of more than {MAX_NODES:,} parts, or nested more than {MAX_DEPTH:,} levels "
            "deep: no program that walks it would survive"
        )


def is_key(key: Any) -> bool:
    """May it be a key of a dict, or in a set? Hashing it has to be cheap: a tuple in a tuple may have
    2^40 parts."""
    if isinstance(key, _SIMPLE):
        return True
    kind = type(key)
    if kind is tuple or kind is Size:
        return all(isinstance(part, _SIMPLE) for part in key)
    return False


class Keys:
    """Checks what is to be hashed, and that not too many keys of one table have one hash: a table of
    n such keys takes n^2 steps to fill."""

    def __init__(self, spend: Callable[[int], object]):
        self.spend = spend
        self.hashes: dict[int, Counter[int]] = {}

    def forget(self, target: Any) -> None:
        """Start anew for a table that has just been made: its address may have been another's."""
        if self.hashes:
            self.hashes.pop(id(target), None)

    def check(self, target: Any, keys: Iterable[Any]) -> None:
        """Refuse keys of a table that are no keys, or that collide."""
        for key in keys:
            kind = type(key)
            if kind is str or (kind is int and -_SMALL < key < _SMALL):
                continue
            self._check_one(target, key)

    def _check_one(self, target: Any, key: Any) -> None:
        if not is_key(key):
            raise SerializationError(
                f"{shown(key)} is a key of a dict or in a set: only numbers, strings, tensors, and "
                "tuples of them are"
            )
        if isinstance(key, tuple):
            self.spend(sum(8 + _width(part) for part in key))
        elif isinstance(key, int):
            self.spend(_width(key))
        if isinstance(key, (tuple, *_NUMBERS)):
            counts = self.hashes.setdefault(id(target), Counter())
            number = hash(key)
            counts[number] += 1
            if counts[number] > MAX_EQUAL_HASHES:
                raise SerializationError(
                    f"more than {MAX_EQUAL_HASHES} keys of a dict or set of the file have one hash"
                )


def _width(part: Any) -> int:
    return part.bit_length() // 8 if isinstance(part, int) else 0
