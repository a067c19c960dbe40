"""The memory of GPUs: figures, limits, pools, and what is said when there is none left."""

from __future__ import annotations

import ctypes
import gc
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flambeau as torch

cuda = torch.cuda
KIB = 1024


@pytest.fixture(autouse=True)
def _from_nothing() -> Iterator[None]:
    gc.collect()
    cuda.init()
    cuda.empty_cache()
    cuda.reset_peak_memory_stats()
    cuda.reset_accumulated_memory_stats()
    yield
    for index in range(cuda.device_count()):
        cuda.set_per_process_memory_fraction(1.0, index)


def test_what_tensors_have_is_counted() -> None:
    before, reserved = cuda.memory_allocated(), cuda.memory_reserved()
    x = torch.empty(300 * KIB, dtype=torch.uint8, device="cuda")
    part = x[5:].view(torch.uint8)
    assert cuda.memory_allocated() - before == 300 * KIB
    del x
    assert cuda.memory_allocated() - before == 300 * KIB  # a part keeps all of it
    del part
    assert cuda.memory_allocated() == torch.accelerator.memory_allocated() == before
    assert cuda.max_memory_allocated() - before == 300 * KIB
    assert cuda.memory_reserved() - reserved == 300 * KIB  # kept for the next
    again = torch.empty(300 * KIB, dtype=torch.uint8, device="cuda")
    stats = cuda.memory_stats()
    assert stats["allocation.all.allocated"] == 2
    assert stats["allocated_bytes.all.freed"] == 300 * KIB
    assert stats["segment.all.allocated"] == 1
    assert stats["allocated_bytes.all.peak"] == cuda.max_memory_allocated()
    assert cuda.memory_stats_as_nested_dict()["num_ooms"] == stats["num_ooms"] == 0
    del again
    cuda.empty_cache()
    assert cuda.memory_reserved() == reserved
    assert cuda.max_memory_reserved() - reserved == 300 * KIB
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == before


def test_sizes_are_rounded_up_and_what_was_asked_for_is_told() -> None:
    before = cuda.memory_stats()
    x = torch.empty(3, device="cuda")
    after = cuda.memory_stats()
    assert after["allocated_bytes.all.current"] - before["allocated_bytes.all.current"] == 512
    assert after["requested_bytes.all.current"] - before["requested_bytes.all.current"] == 12
    assert torch.empty(0, 3, device="cuda").shape == (0, 3)
    assert cuda.memory_allocated() == after["allocated_bytes.all.current"]
    del x


def test_old_names_warn() -> None:
    with pytest.warns(FutureWarning, match="renamed to `torch.cuda.memory_reserved`"):
        assert cuda.memory_cached() == cuda.memory_reserved()
    with pytest.warns(FutureWarning, match="resets /all/ peak"):
        cuda.reset_max_memory_allocated()


def test_out_of_memory_says_who_has_it() -> None:
    total = cuda.mem_get_info()[1]
    held = torch.ones(200, 300, device="cuda", requires_grad=True)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2 * total, dtype=torch.uint8, device="cuda")
    text = str(caught.value)
    asked, has = 2 * total / 2**30, total / 2**30
    assert f"Tried to allocate {asked:.2f} GiB. GPU 0 has a total capacity of {has:.2f} GiB" in text
    assert "Tensor of shape (200, 300), torch.float32" in text
    assert re.search(r"\d+\.\d\d KiB in tensors", text)
    assert "torch.no_grad()" in text
    assert isinstance(caught.value, RuntimeError)
    stats = cuda.memory_stats()
    assert stats["num_ooms"] == 1
    assert stats["segment.all.freed"] <= stats["segment.all.allocated"]
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    assert held.sum().item() == 60000


def test_a_limit_is_kept_and_what_waits_is_given_back_first() -> None:
    total = cuda.mem_get_info()[1]
    limit = cuda.memory_reserved() + 4 * KIB * KIB
    cuda.set_per_process_memory_fraction(limit / total)
    assert cuda.get_per_process_memory_fraction() == pytest.approx(limit / total)
    waits = torch.empty(3 * KIB * KIB, dtype=torch.uint8, device="cuda")
    del waits
    x = torch.empty(3 * KIB * KIB + 512, dtype=torch.uint8, device="cuda")
    assert cuda.memory_stats()["num_alloc_retries"] == 1
    with pytest.raises(torch.OutOfMemoryError, match="allowed"):
        torch.empty(2 * KIB * KIB, dtype=torch.uint8, device="cuda")
    del x
    with pytest.raises(TypeError, match="must be `float`"):
        cuda.set_per_process_memory_fraction(1)
    with pytest.raises(ValueError, match="Allowed range: 0~1"):
        cuda.set_per_process_memory_fraction(1.5)


def test_a_snapshot_shows_segments_and_blocks(tmp_path: Path) -> None:
    x = torch.empty(1000, device="cuda")
    address = x.data_ptr()
    segment = next(
        s
        for s in cuda.memory_snapshot()
        if s["address"] <= address < s["address"] + s["total_size"]
    )
    block = next(b for b in segment["blocks"] if b["address"] == address)
    assert block == {
        "address": address, "size": 4096, "requested_size": 4000, "state": "active_allocated", "frames": [],
    }  # fmt: skip
    assert sum(b["size"] for b in segment["blocks"]) == segment["total_size"]
    cuda.memory._dump_snapshot(str(tmp_path / "snapshot"))
    assert segment in pickle.loads((tmp_path / "snapshot").read_bytes())["segments"]


def test_the_summary_is_a_table() -> None:
    x = torch.empty(2000 * KIB, dtype=torch.uint8, device="cuda")
    table = cuda.memory_summary(abbreviated=True)
    allocated = cuda.memory_allocated() // KIB
    assert f"| Allocated memory      | {allocated:6d} KiB |" in table
    assert {len(line) for line in table.splitlines()} == {77}
    assert len(cuda.memory_summary().splitlines()) > len(table.splitlines())
    del x


def test_pools_of_ones_own() -> None:
    pool = cuda.MemPool()
    with cuda.use_mem_pool(pool):
        x = torch.empty(64 * KIB, dtype=torch.uint8, device="cuda")
    inside = pool.snapshot()
    assert [s["total_size"] for s in inside] == [64 * KIB]
    assert inside[0]["segment_pool_id"] == pool.id
    address = x.data_ptr()
    del x
    y = torch.empty(64 * KIB, dtype=torch.uint8, device="cuda")
    assert y.data_ptr() != address  # what was freed there is for its users only
    with cuda.use_mem_pool(pool):
        assert torch.empty(64 * KIB, dtype=torch.uint8, device="cuda").data_ptr() == address
    reserved = cuda.memory_reserved()
    del pool
    assert cuda.memory_reserved() == reserved - 64 * KIB
    with pytest.raises(NotImplementedError, match="no_split"):
        cuda.MemPool(no_split=True)


def test_memory_from_a_programs_own_functions() -> None:
    """The two functions are Python's here; in a program they are a library's."""
    asked: list[tuple[Any, ...]] = []
    own = object.__new__(cuda.CUDAPluggableAllocator)

    def alloc(size: int, device: int, stream: int) -> int:
        asked.append(("alloc", size))
        return cuda.caching_allocator_alloc(size, device)

    def free(address: int, size: int, device: int, stream: int) -> None:
        asked.append(("free", size))
        cuda.caching_allocator_delete(address)

    own.alloc, own.free = alloc, free
    pool = cuda.MemPool(own)
    with cuda.use_mem_pool(pool):
        # `caching_allocator_alloc` asks the same pool: take the raw memory outside of it
        own.alloc = lambda size, device, stream: (asked.append(("alloc", size)), raw.pop())[1]
        with cuda.use_mem_pool(cuda.MemPool()):
            raw = [cuda.caching_allocator_alloc(1024)]
        x = torch.zeros(1024, dtype=torch.uint8, device="cuda")
    assert x.sum().item() == 0
    del x
    assert asked == [("alloc", 1024), ("free", 1024)]
    with pytest.raises(RuntimeError, match="already initialized"):
        cuda.change_current_allocator(own)
    with pytest.raises(OSError, match="no-such-library"):
        cuda.CUDAPluggableAllocator("no-such-library", "alloc", "free")
    assert isinstance(ctypes.c_void_p(), ctypes.c_void_p)


def test_memory_for_other_libraries() -> None:
    before = cuda.memory_allocated()
    address = cuda.caching_allocator_alloc(1000, stream=cuda.Stream())
    assert address
    assert cuda.memory_allocated() - before == 1024
    cuda.caching_allocator_delete(address)
    assert cuda.memory_allocated() == before
    with pytest.raises(RuntimeError, match="invalid device pointer"):
        cuda.caching_allocator_delete(address)
    with pytest.raises(TypeError, match="Invalid type for stream"):
        cuda.caching_allocator_alloc(8, stream="0")


def test_without_keeping_all_memory_goes_back_at_once() -> None:
    before = cuda.memory_reserved()
    with cuda.memory.caching_allocator_disabled():
        x = torch.empty(100 * KIB, dtype=torch.uint8, device="cuda")
        assert cuda.memory_reserved() == before + 100 * KIB
        del x
        assert cuda.memory_reserved() == before
    assert cuda.get_allocator_backend() == "native"
    with cuda.memory.caching_allocator_disabled(), pytest.raises(torch.OutOfMemoryError):
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    segments = cuda.memory_stats()["segment.all.current"]
    with cuda.memory.caching_allocator_disabled():
        assert torch.empty(0, device="cuda").numel() == 0
    assert cuda.memory_stats()["segment.all.current"] == segments


def test_memory_that_another_stream_uses_waits_for_it() -> None:
    from flambeau.kernels.cuda.allocator import allocator

    other = cuda.Stream()
    x = torch.empty(1000, device="cuda")
    x[5:].record_stream(other)
    waiting = len(allocator()._waiting)
    before = cuda.memory_allocated()
    del x
    assert cuda.memory_allocated() == before - 4096
    assert len(allocator()._waiting) == waiting + 1
    other.synchronize()
    torch.empty(1, device="cuda")
    assert len(allocator()._waiting) == 0


def test_settings() -> None:
    with pytest.raises(ValueError, match="max_split_size_mb is not supported"):
        cuda.memory._set_allocator_settings("max_split_size_mb:128")
    with pytest.raises(ValueError, match="Unrecognized key 'speed'"):
        cuda.memory._set_allocator_settings("speed:9")
    with pytest.raises(ValueError, match=r"backend:\.\.\. before the program starts"):
        cuda.memory._set_allocator_settings("backend:cudaMallocAsync")
    cuda.memory._set_allocator_settings("roundup_power2_divisions:4")
    try:
        before = cuda.memory_allocated()
        x = torch.empty(9 * KIB, dtype=torch.uint8, device="cuda")
        assert cuda.memory_allocated() - before == 10 * KIB
        del x
    finally:
        cuda.memory._set_allocator_settings("roundup_power2_divisions:1")
    with pytest.raises(NotImplementedError, match="memory_snapshot"):
        cuda.memory._record_memory_history()
