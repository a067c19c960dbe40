"""The memory of results: aligned, reused, bounded, and NumPy's to free."""

import gc
import subprocess
import sys

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.runtime import memory, process

pytestmark = [
    pytest.mark.skipif(not kernels.enabled(), reason="kernels are off"),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX memory"),
]
F4 = np.dtype("float32")


@pytest.fixture(autouse=True)
def _limits():
    yield
    memory.set_limit(process.LIMIT)


@pytest.mark.parametrize("size", [1, 15, 17, 240, 241, 1000, 5000, 300_000, 3_000_001])
def test_results_lie_on_cache_lines_and_are_numpys_to_free(size):
    x = torch.ones(size)
    before = memory.stats()["live"]
    array = (x + x).numpy()
    base = array if array.base is None else array.base
    assert base.ctypes.data % 64 == 0
    assert np._core.multiarray.get_handler_name(base) == "flambeau"
    assert (array == 2).all()
    assert memory.stats()["live"] >= before + 4 * size
    del array, base
    assert memory.stats()["live"] == before


@pytest.mark.parametrize("shape", [0, 7, (), (0,), (3, 0, 2), (5, 7), (2,) * 12])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "complex128"])
def test_empty_is_numpys_empty(shape, dtype):
    found, wanted = memory.empty(shape, np.dtype(dtype)), np.empty(shape, dtype)
    assert (found.shape, found.dtype, found.strides) == (wanted.shape, wanted.dtype, wanted.strides)
    flags = ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA", "WRITEABLE", "ALIGNED")
    assert [found.flags[flag] for flag in flags] == [wanted.flags[flag] for flag in flags]
    found[...] = 1
    assert (found == 1).all()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [(np.int64(3), F4), ([2, 2], F4), ((np.int64(2),), F4), ((2,), np.dtype(object))],
)
def test_what_it_does_not_know_is_numpys_to_make(shape, dtype):
    assert memory.empty(shape, dtype).shape == np.empty(shape, dtype).shape


@pytest.mark.parametrize("shape", [(-1,), (2.5,), (1 << 70,)])
def test_bad_shapes_raise_as_with_numpy(shape):
    with pytest.raises(Exception) as wanted:
        np.empty(shape, F4)
    with pytest.raises(wanted.type):
        memory.empty(shape, F4)


@pytest.mark.parametrize("shape", [(1 << 50,), (1 << 32, 1 << 31), (1 << 61, 8)])
def test_more_than_there_is(shape):
    with pytest.raises(MemoryError):
        memory.empty(shape, F4)


def test_a_result_too_large_for_a_count_of_bytes():
    with pytest.raises((MemoryError, RuntimeError, ValueError)):
        torch.ones(1, dtype=torch.bool).expand(1 << 61).to(torch.float64) + 1.0


def test_blocks_are_reused_and_no_two_arrays_share_one():
    memory.release()
    first = memory.empty((1000,), F4)
    place = first.ctypes.data
    del first
    second, third = memory.empty((990,), F4), memory.empty((1000,), F4)
    assert second.ctypes.data == place  # of the same size to the allocator
    assert abs(third.ctypes.data - place) >= 4000


def test_every_size_holds_what_was_asked_for():
    """Neighbouring blocks are filled and looked at again: a block shorter than promised shows."""
    sizes = [*range(1, 1200, 7), *(2**k + d for k in range(10, 21) for d in (-65, -64, -63, 0, 1))]
    arrays = [memory.empty((n,), np.dtype("uint8")) for n in sizes]
    for i, array in enumerate(arrays):
        array[:] = i % 251
    assert all((array == i % 251).all() for i, array in enumerate(arrays))


def test_the_limit_holds_and_other_sizes_go_first():
    memory.release()
    memory.set_limit(1 << 20)
    for kilobytes in (500, 400, 300, 200):
        memory.empty((kilobytes << 10,), np.dtype("uint8"))
        assert memory.stats()["kept"] <= 1 << 20
    for _ in range(3):  # sizes that nobody asks for again make room
        del_me = [memory.empty((300 << 10,), np.dtype("uint8")) for _ in range(3)]
        del del_me
    fetched = memory.stats()["fetched"]
    again = [memory.empty((300 << 10,), np.dtype("uint8")) for _ in range(3)]
    assert memory.stats()["fetched"] == fetched
    del again
    memory.set_limit(0)
    assert memory.stats()["kept"] == 0
    returned = memory.stats()["returned"]
    memory.empty((300 << 10,), np.dtype("uint8"))
    assert memory.stats()["returned"] == returned + 1
    with pytest.raises(ValueError, match="bytes"):
        memory.set_limit(-1)


def test_numpy_resizes_an_array_in_place():
    array = memory.empty((1000,), F4)
    array[:] = np.arange(1000)
    array.resize((500_000,), refcheck=False)
    assert (array[:1000] == np.arange(1000)).all()
    assert (array[1000:] == 0).all()
    array.resize((10,), refcheck=False)
    assert (array == np.arange(10)).all()


def test_nothing_is_kept_alive():
    x = torch.ones(1000, requires_grad=True)
    gc.collect()
    before = memory.stats()["blocks"]
    for _ in range(3):
        (x * 2 + x.exp()).sum().backward()
        x.grad = None
    gc.collect()
    assert memory.stats()["blocks"] <= before + 1


def test_statistics_of_the_public_module():
    torch.cpu.reset_peak_memory_stats()
    base = torch.cpu.memory_allocated()
    x = torch.ones(1 << 20)
    y = x + x
    assert torch.cpu.memory_allocated() >= base + (4 << 20)
    del y
    assert torch.cpu.max_memory_allocated() >= base + (4 << 20)
    assert torch.cpu.memory_reserved() >= torch.cpu.memory_allocated() + (4 << 20)
    torch.cpu.empty_cache()
    assert torch.cpu.memory_stats()["kept_bytes"] == 0


PROGRAM = """
import resource
import flambeau as torch
x = torch.ones(1_000_000)
for _ in range(5):
    y = x * 2 + x
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(50):
    y = x * 2 + x
print((faults() - before) // 50)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
many = [x.repeat(4) + 1 for _ in range(40)]
full = resident()
del many
kept = resident()
torch.cpu.empty_cache()
print(full - kept > 250e6, kept - resident() > 200e6)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_pages_are_not_fetched_again_and_not_hoarded():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    faults, *bounded = result.stdout.split()
    assert int(faults) < 100  # 4 MB of fresh memory are 1,000 pages
    assert bounded == ["True"] * 2


FORK = """
import os
import flambeau as torch
x = torch.ones(100_000)
y = x + x
del y
child = os.fork()
z = (x + x) * 3
assert (z == 6).all()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("fine")
"""


def test_parent_and_child_go_on_alone():
    result = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=True
    )
    assert result.stdout == "fine\n"
