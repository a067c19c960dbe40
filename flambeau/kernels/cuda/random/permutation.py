"""Permutations, as PyTorch makes them on CUDA: random keys are sorted, and what has equal keys is shuffled by one thread.

Source: PyTorch, aten/src/ATen/native/cuda/Randperm.cu
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...llvm import choose, remainder
from .. import driver
from ..thread import Thread
from .discrete import integers_
from .philox import PARAMETERS, WORDS, Stream, Take

_BLOCK = 512


def randperm(count: int, dtype: Any, take: Take) -> Any:
    """The integers below `count` in random order."""
    cupy = driver.cupy()
    if not count:
        return cupy.empty(0, dtype)
    keys = _keys(count, take)
    order = cupy.argsort(keys, kind="stable")
    made = order.astype(dtype)
    _shuffle_equal(made, keys[order], take)
    return made


def bits_for(count: int) -> int:
    """Bits of keys of which, with probability 0.9, no two among so many are equal."""
    return min(64, math.ceil(math.log2(count - (6 * count * count + 1) / (12 * math.log(0.9)))))


def _keys(count: int, take: Take) -> Any:
    """Random keys in the order in which they are compared: int32 or int64."""
    bits = bits_for(count)
    width = 32 if bits <= 32 else 64
    keys = driver.cupy().empty(count, f"i{width // 8}")
    integers_(keys, take, -(1 << (width - 1)), (1 << width) - 1, long=True)
    if bits < width:
        keys &= keys.dtype.type((1 << bits) - 1)
    return keys


def _shuffle_equal(made: Any, keys: Any, take: Take) -> None:
    kernel = _kernel(str(made.dtype.itemsize * 8), str(keys.dtype.itemsize * 8))
    origin = take(made.size)
    kernel(-(-made.size // _BLOCK), _BLOCK, made, keys, np.int64(made.size), *origin.arguments())


@cache
def _kernel(element: str, key: str) -> driver.Kernel:
    """The first thread of each row of equal keys shuffles what stands there (Fisher and Yates)."""
    code = Thread()
    made, keys, count, *origin = code.takes(
        "ptr made", "ptr keys readonly", "i64 count", *PARAMETERS
    )
    first, element, key = code.first("i64"), f"i{element}", f"i{key}"
    with code.attempt() as thread:
        thread.stop_unless(first < count - 1)
        own = code.load(code.at(keys, key, first), key)
        thread.stop_unless(code.load(code.at(keys, key, first + 1), key).equals(own))
        before = code.variable(False, "i1")
        with code.when(first > 0):
            before.value = code.load(code.at(keys, key, first - 1), key).equals(own)
        thread.stop_when(before.value)
        end = code.variable(first + 2)
        with code.repeat() as walk:
            walk.stop_unless(end.value < count)
            walk.stop_unless(code.load(code.at(keys, key, end.value), key).equals(own))
            end.value = end.value + 1
        last = code.variable(end.value - first - 1)
        island, stream = code.at(made, element, first), Stream(code, origin, first)
        drawn = code.variable(0, "i32")
        with code.repeat() as swaps:
            swaps.stop_unless(last.value > 0)
            with code.when((drawn.value & (WORDS - 1)).equals(0)):
                words = [code.variable(word, "i32") for word in stream.four()]
            _swap(code, island, element, last.value, _word(words, drawn.value))
            drawn.value, last.value = drawn.value + 1, last.value - 1
    name = f"shuffle_equal_{element}_{key}"
    return driver.Kernel(name, code.kernel(name, _BLOCK))


def _word(words: list[Any], drawn: Any) -> Any:
    """The next of four words, by how many have been drawn."""
    place, found = drawn & (WORDS - 1), words[0].value
    for i in range(1, WORDS):
        found = choose(place.equals(i), words[i].value, found)
    return found


def _swap(code: Thread, island: Any, element: str, last: Any, word: Any) -> None:
    """The last of what is left changes places with any of it."""
    other = remainder(word, (last + 1).convert("i32")).widen("i64")
    places = [code.at(island, element, i) for i in (last, other)]
    values = [code.load(place, element) for place in places]
    for place, value in zip(places, reversed(values)):
        code.store(value, place)


__all__ = ["bits_for", "randperm"]
