"""The generators that draws use which name none: one for each device, seeded together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from ..device import backends, device
from .generator import Generator, default_generator

_OTHERS: dict[tuple[str, int | None], Generator] = {}
"""Those of other devices than the CPU, made when first asked for."""
_common: list[int] = []
"""The seed that all devices were last given, for those that come later."""


def default_of(where: device) -> Generator:  # type: ignore[valid-type]
    """The default generator of a device.

    Raises:
        RuntimeError: It has none.
    """
    if where.type == "cpu":
        return default_generator
    key = where.type, where.index
    found = _OTHERS.get(key)
    if found is None:
        if where.index is None:
            return default_of(device(where.type, backends[where.type].canonical_index(None) or 0))
        found = Generator(where)
        if _common:
            found.manual_seed(_common[-1])
        else:
            found.seed()
        found = _OTHERS.setdefault(key, found)
    return found


def default_at(type: str, index: int) -> Generator:
    """The default generator of a device, by its name's parts."""
    found = _OTHERS.get((type, index))
    return default_of(device(type, index)) if found is None else found


def seed_all(seed: int) -> Generator:
    """Seed the default generators of all devices, those too that are used later; gives the CPU's."""
    made = default_generator.manual_seed(seed)
    seed_others(seed)
    return made


def seed_others(seed: int, type: str | None = None) -> None:
    """Seed those of all devices but the CPU, or of one type."""
    if type is None or type != "cpu":
        _common[:] = [int(seed)]
    for (found, _), generator in list(_OTHERS.items()):
        if type in (None, found):
            generator.manual_seed(seed)


def in_use() -> list[Generator]:
    """The CPU's default generator, and those of devices that have been drawn on."""
    return [default_generator, *_OTHERS.values()]


class Snapshot:
    """The states of generators.

    Args:
        generators: The default ones that are in use, if None.
    """

    def __init__(self, generators: Iterable[Generator] | None = None):
        self.is_whole = generators is None
        chosen = in_use() if generators is None else generators
        self.states = {made: made.raw_state() for made in chosen}

    def restore(self) -> None:
        """Go on from there again; default generators that came later, from their beginning."""
        for generator, state in self.states.items():
            generator.restore(state)
        for generator in in_use() if self.is_whole else ():
            if generator not in self.states:
                generator.manual_seed(generator.initial_seed())

    def is_current(self) -> bool:
        """Has nothing been drawn since?"""
        return (not self.is_whole or len(self.states) == len(in_use())) and all(
            np.array_equal(state, made.raw_state()) for made, state in self.states.items()
        )


@contextmanager
def kept(generators: Iterable[Generator] | None = None) -> Iterator[None]:
    """Put the states of generators back at the end of a ``with`` block."""
    before = Snapshot(generators)
    try:
        yield
    finally:
        before.restore()


__all__ = ["Snapshot", "default_at", "default_of", "in_use", "kept", "seed_all", "seed_others"]
