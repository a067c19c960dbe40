"""A simulated GPU's memory: places, sizes, garbage, and what is refused."""

import numpy as np
import pytest

from flambeau.simulator.memory import GARBAGE, Memory, OutOfMemoryError


def small() -> Memory:
    return Memory(1 << 40, 8192)


def test_allocations_are_apart_and_aligned():
    memory = small()
    places = [memory.allocate(n) for n in (1, 512, 513, 0)]
    assert all(place % 512 == 0 for place in places)
    assert np.diff(places).tolist() == [512, 512, 1024]
    assert memory.used == 5 * 512


def test_views_share_the_arena():
    memory = small()
    place = memory.allocate(8)
    memory.view(place, 8).view(np.float64)[0] = 2.5
    assert memory.bytes.view(np.float64)[(place - memory.base) // 8] == 2.5


def test_what_nobody_wrote_and_what_was_freed_is_garbage():
    memory = small()
    place = memory.allocate(100)
    kept = memory.view(place, 100)
    assert (kept == GARBAGE).all()
    kept[:] = 1
    memory.free(place)
    assert (kept == GARBAGE).all()


def test_holding_knows_sizes_to_the_byte():
    memory = small()
    first, second = memory.allocate(100), memory.allocate(10)
    assert memory.holding(first + 99) == (first, first + 100)
    assert memory.holding(first + 100) == (0, 0)
    assert memory.holding(second) == (second, second + 10)
    assert memory.holding(memory.base - 1) == (0, 0)
    memory.free(first)
    assert memory.holding(first) == (0, 0)


def test_freed_neighbours_serve_larger_allocations():
    memory = small()
    places = [memory.allocate(512) for _ in range(16)]
    with pytest.raises(OutOfMemoryError, match=r"allocating 1 bytes \(allocated so far: 8,192"):
        memory.allocate(1)
    for place in places[3:6]:
        memory.free(place)
    with pytest.raises(OutOfMemoryError):
        memory.allocate(2048)
    assert memory.allocate(1025) == places[3]
    assert memory.used == 8192


def test_nothing_is_freed_twice():
    memory = small()
    place = memory.allocate(4)
    memory.free(place)
    with pytest.raises(ValueError, match="nothing is allocated"):
        memory.free(place)
