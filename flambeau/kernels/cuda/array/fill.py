"""One value everywhere in an array."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value
from .. import driver
from ..driver import Kernel
from ..thread import Thread
from .copy import copy_into
from .launch import THREADS, blocks, share, turns
from .layout import Form, Walk, facts, layout
from .move import Item, Words


def write(array: Any, value: Any) -> None:
    """``array.fill(value)``, for any array and number."""
    given = np.empty((), array.dtype)
    given.fill(value)
    fill(array, given)


def fill(array: Any, value: Any) -> None:
    """``array[...] = value``.

    Args:
        array: Of any layout.
        value: An array of the same dtype without dimensions, here or on the GPU.
    """
    word = word_of(value, array.dtype)
    if word is None:
        xp = driver.cupy()
        copy_into(array, xp.broadcast_to(xp.asarray(value, array.dtype), array.shape))
    elif array.size:
        told = layout(array.shape, facts(array))
        grid = blocks(told.count // turns(array.itemsize * told.form.pack))
        _filler(array.itemsize, told.form)(grid, THREADS, array, word, *told.arguments)


def word_of(value: Any, dtype: Any) -> Any:
    """A number of the CPU's as the word that a kernel takes for it; None where it is on the GPU, or of two words."""
    if hasattr(value, "get") or dtype.itemsize > 8:
        return None
    return np.asarray(value, dtype).view(f"i{dtype.itemsize}")[()]


@cache
def _filler(size: int, form: Form) -> Kernel:
    code, item = Thread(), Item(size)
    target, value = code.takes("ptr target alone", f"{item.word} value")
    walk = Walk(code, form)

    def put(place: Value) -> None:
        words: Words = [value] * form.pack
        item.put(code, words, target, place)

    share(code, walk.count, turns(size * form.pack), lambda i: walk.places(i)[0], put)
    return Kernel("fill", code.kernel("fill"))


__all__ = ["fill", "word_of", "write"]
