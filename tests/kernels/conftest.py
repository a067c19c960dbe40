"""Arrays with guard zones, and numbers of threads."""

import types

import numpy as np
import pytest

from flambeau import kernels

ZONE = 128


class Guarded:
    """Stands for NumPy or `kernels.memory`: what `empty` and `zeros` make lies between bytes that must not change."""

    def __init__(self, real):
        self.real, self.made = real, []

    def __getattr__(self, name):
        return getattr(self.real, name)

    def empty(self, shape, dtype=float):
        dtype = np.dtype(dtype)
        count = int(np.prod(shape))
        room = np.full(count * dtype.itemsize + 2 * ZONE, 0xA5, np.uint8)
        self.made.append(room)
        return room[ZONE : room.size - ZONE].view(dtype).reshape(shape)

    def zeros(self, shape, dtype=float):
        made = self.empty(shape, dtype)
        made[...] = 0
        return made

    def check(self):
        for room in self.made:
            assert (room[:ZONE] == 0xA5).all()
            assert (room[-ZONE:] == 0xA5).all()


@pytest.fixture
def guard(monkeypatch):
    """``guard(module)``: arrays that the module makes are guarded until the test ends."""
    made = []

    def put(module: types.ModuleType) -> None:
        for name in ("np", "memory"):
            if hasattr(module, name):
                made.append(Guarded(getattr(module, name)))
                monkeypatch.setattr(module, name, made[-1])

    yield put
    for item in made:
        item.check()


@pytest.fixture
def each_number_of_threads():
    """Gives 1, 2, 3 and 7, and sets each."""
    before = kernels.get_num_threads()

    def numbers():
        for threads in (1, 2, 3, 7):
            kernels.set_num_threads(threads)
            yield threads

    yield numbers()
    kernels.set_num_threads(before)
