"""One value in the places of a mask."""

from __future__ import annotations

from functools import cache
from typing import Any

from ....formula.dimensions import broadcast_shapes
from ...llvm import Value, choose
from .. import driver
from ..driver import Kernel
from ..thread import Thread
from .copy import contiguous, copy_into, overlaps
from .fill import word_of
from .launch import THREADS, blocks, share, turns
from .layout import Form, Walk, broadcast, facts, layout
from .move import SIZES, Item, Words


def filled(x: Any, mask: Any, value: Any) -> Any:
    """``np.where(mask, value, x)`` for one value of x's dtype and a bool mask that broadcasts with x."""
    made = driver.cupy().empty(broadcast_shapes(x.shape, mask.shape), x.dtype)
    _run(made, x, mask, value)
    return made


def fill(x: Any, mask: Any, value: Any) -> None:
    """``x[mask] = value`` for one value and a mask that broadcasts to x's shape.

    Raises:
        ValueError: It does not.
    """
    if broadcast_shapes(x.shape, mask.shape) != x.shape:
        raise ValueError(f"a mask of shape {mask.shape} does not broadcast to {x.shape}")
    _run(x, x, contiguous(mask) if x.size and overlaps(x, mask) else mask, value)


def _run(made: Any, x: Any, mask: Any, value: Any) -> None:
    if not made.size:
        return
    xp, shape, size = driver.cupy(), made.shape, made.itemsize
    if size not in SIZES:
        copy_into(made, xp.where(mask, xp.asarray(value, made.dtype), x))
        return
    told = layout(shape, facts(made), broadcast(x, shape), broadcast(mask, shape))
    word = word_of(value, made.dtype)
    given = xp.asarray(value, made.dtype) if word is None else word
    grid = blocks(told.count // turns(size * told.form.pack))
    _filler(size, told.form, word is None)(grid, THREADS, made, x, mask, given, *told.arguments)


@cache
def _filler(size: int, form: Form, by_place: bool) -> Kernel:
    """Packs, each by one thread; `by_place`: the value is in memory."""
    code, item, flag = Thread(), Item(size), Item(1)
    given = "ptr value readonly" if by_place else f"{item.word} value"
    made, x, mask, value = code.takes("ptr made", "ptr x", "ptr mask readonly", given)
    walk, (_, x_moves, mask_moves) = Walk(code, form), form.moves
    zero = code.constant(0, "i32")
    filling = item.fetch(code, value, zero) if by_place else [value]

    def fetch(i: Value) -> tuple[Value, Words]:
        to, at, mask_at = walk.places(i)
        old = item.fetch(code, x, at, form.pack, x_moves)
        here = [m.differs(0) for m in flag.fetch(code, mask, mask_at, form.pack, mask_moves)]
        words = item.words
        return to, [choose(here[u // words], filling[u % words], w) for u, w in enumerate(old)]

    def put(found: tuple[Value, Words]) -> None:
        item.put(code, found[1], made, found[0])

    share(code, walk.count, turns(size * form.pack), fetch, put)
    return Kernel("masked_fill", code.kernel("masked_fill"))


__all__ = ["fill", "filled"]
