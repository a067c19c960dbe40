"""Devices, streams, captured work and memory of simulated GPUs."""

from __future__ import annotations

import ctypes
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flambeau.simulator.cuda.runtime import CUDARuntimeError


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, cupy: ModuleType) -> ModuleType:
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "2")
    return cupy


def test_devices_do_not_mix(two: ModuleType) -> None:
    here = two.ones(3)
    with two.cuda.Device(1) as device:
        assert two.cuda.runtime.getDevice() == 1
        there = two.ones(3)
        assert there.device == device
        for mix in (
            lambda: here + 1,
            lambda: here + there,
            lambda: two.concatenate([here, there]),
            lambda: here.__setitem__(0, 1),
            lambda: two.linalg.norm(here),
        ):
            with pytest.raises(ValueError, match=r"resides \(0\).*current device \(1\)"):
                mix()
        assert here[1:].device.id == 0  # a view is no work
        moved = two.asarray(here)
        assert moved.device.id == 1
        assert (moved + there).get().tolist() == [2, 2, 2]
        assert two.array(here).device.id == here.copy().device.id == 1
    assert two.cuda.runtime.getDevice() == 0
    assert here.get().tolist() == there.get().tolist()
    assert here.data.ptr >> 44 == 1
    assert there.data.ptr >> 44 == 2


def test_a_thread_has_its_own_device(two: ModuleType) -> None:
    seen = []
    with two.cuda.Device(1):
        thread = threading.Thread(target=lambda: seen.append(two.cuda.Device().id))
        thread.start()
        thread.join()
    assert seen == [0]


def test_devices_that_are_not_there(cupy: ModuleType) -> None:
    with pytest.raises(CUDARuntimeError, match="invalid device ordinal"):
        cupy.cuda.Device(1).use()
    with pytest.raises(CUDARuntimeError, match="invalid device ordinal"):
        cupy.cuda.runtime.getDeviceProperties(7)
    device = cupy.cuda.Device(0)
    assert device.compute_capability == "90"
    free, total = device.mem_info
    assert 0 < free <= total
    assert cupy.cuda.runtime.getDeviceProperties(0)["name"] == b"flambeau simulator"


def test_streams_are_entered_and_left(cupy: ModuleType) -> None:
    stream, other = cupy.cuda.Stream(), cupy.cuda.Stream(non_blocking=True, priority=-1)
    current = cupy.cuda.get_current_stream
    assert current() == cupy.cuda.Stream.null
    with stream:
        assert current() is stream
        with other:
            assert current() is other
        assert current() is stream
    assert current() == cupy.cuda.Stream.null
    assert len({stream.ptr, other.ptr, 0}) == 3
    assert other.is_non_blocking
    start = stream.record()
    stop = other.record(cupy.cuda.Event())
    stream.wait_event(stop)
    assert cupy.cuda.get_elapsed_time(start, stop) >= 0
    with pytest.raises(CUDARuntimeError):
        cupy.cuda.get_elapsed_time(start, cupy.cuda.Event())


def test_captured_work_is_done_when_it_is_launched(cupy: ModuleType) -> None:
    x, total = cupy.zeros(3), cupy.zeros(3)
    stream = cupy.cuda.Stream()
    with stream:
        stream.begin_capture()
        assert stream.is_capturing()
        doubled = x * 2 + 1
        total += doubled
        joined = cupy.concatenate([doubled, total])
        joined[0] = cupy.sum(doubled)
        view = joined[1:]
        graph = stream.end_capture()
    assert total.get().tolist() == [0, 0, 0]
    x[...] = 5
    graph.launch()
    graph.launch(stream)
    assert total.get().tolist() == [22, 22, 22]
    assert joined.get().tolist() == [33, 11, 11, 22, 22, 22]
    assert view.get().tolist() == [11, 11, 22, 22, 22]


def test_what_waits_cannot_be_captured(cupy: ModuleType) -> None:
    x = cupy.ones(3)
    stream = cupy.cuda.Stream()
    with stream:
        stream.begin_capture()
        for wait in (
            x.get,
            lambda: x.set(np.ones(3)),
            lambda: bool(x[0]),
            lambda: x[0].item(),
            lambda: x[x > 0],
            lambda: cupy.nonzero(x),
            lambda: cupy.unique(x),
            lambda: cupy.asarray(np.ones(3)),
            stream.synchronize,
        ):
            with pytest.raises(CUDARuntimeError, match="not permitted when stream is capturing"):
                wait()
        stream.end_capture()
    with pytest.raises(RuntimeError, match="default"):
        cupy.cuda.Stream.null.begin_capture()
    with pytest.raises(RuntimeError, match="not capturing"):
        stream.end_capture()


def test_the_pool_counts(cupy: ModuleType) -> None:
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        x = cupy.zeros(1000)
        assert (pool.used_bytes(), pool.total_bytes(), pool.free_bytes()) == (8192, 8192, 0)
        del x
        assert (pool.used_bytes(), pool.total_bytes(), pool.free_bytes()) == (0, 8192, 8192)
        assert pool.n_free_blocks() == 1
        again = cupy.zeros(1001)
        assert pool.total_bytes() == 8192
        small = cupy.zeros(1)
        assert pool.total_bytes() == 8192 + 512
        del again, small
        pool.free_all_blocks()
        assert pool.total_bytes() == 0


def test_a_limit_and_a_full_memory(cupy: ModuleType) -> None:
    error = cupy.cuda.memory.OutOfMemoryError
    pool = cupy.cuda.MemoryPool()
    pool.set_limit(size=1 << 20)
    assert pool.get_limit() == 1 << 20
    with cupy.cuda.using_allocator(pool.malloc):
        kept = cupy.empty(100_000)
        del kept  # the pool gives this back before it refuses
        held = cupy.empty(130_000)
        with pytest.raises(error, match=r"allocating 9,216 bytes .* limit set to: 1,048,576 bytes"):
            cupy.empty(1100)
        del held
    with pytest.raises(error):
        cupy.empty(1 << 40)
    pool.set_limit(fraction=0.5)
    assert pool.get_limit() == cupy.cuda.runtime.memGetInfo()[1] // 2


def test_an_allocator_without_a_pool(cupy: ModuleType) -> None:
    before = cupy.cuda.get_allocator()
    pool = cupy.get_default_memory_pool()
    used = pool.used_bytes()
    cupy.cuda.set_allocator(None)
    try:
        x = cupy.ones(3)
        assert pool.used_bytes() == used
        assert x.sum() == 3
    finally:
        cupy.cuda.set_allocator(before)


def test_hooks_are_told(cupy: ModuleType) -> None:
    told: list[tuple[str, Any]] = []

    class Hook(cupy.cuda.MemoryHook):
        name = "told"

        def alloc_postprocess(self, **facts: Any) -> None:
            told.append(("alloc", facts["mem_size"]))

        def malloc_postprocess(self, **facts: Any) -> None:
            told.append(("malloc", (facts["size"], facts["mem_size"], facts["mem_ptr"])))

        def free_preprocess(self, **facts: Any) -> None:
            told.append(("free", (facts["mem_size"], facts["mem_ptr"])))

    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc), Hook():
        x = cupy.empty(10)
        start = x.data.ptr
        del x
        cupy.empty(20)
    assert told[:3] == [("alloc", 512), ("malloc", (80, 512, start)), ("free", (512, start))]
    assert [what for what, _ in told[3:]] == ["malloc", "free"]


def test_pinned_memory_and_copies(cupy: ModuleType) -> None:
    memory = cupy.cuda.alloc_pinned_memory(32)
    host = np.frombuffer(memory, np.float64, 3)
    host[:] = [1, 2, 3]
    x = cupy.empty(3)
    x.data.copy_from_host_async(ctypes.c_void_p(memory.ptr), 24, cupy.cuda.Stream.null)
    assert x.get().tolist() == [1, 2, 3]
    y = cupy.empty(3)
    y.data.copy_from_device(x.data, 24)
    cupy.cuda.runtime.memsetAsync(x.data.ptr, 0, 24, 0)
    assert x.get().tolist() == [0, 0, 0]
    cupy.cuda.runtime.memcpy(memory.ptr, y.data.ptr + 8, 16, cupy.cuda.runtime.memcpyDeviceToHost)
    assert host.tolist() == [2, 3, 3]
    with pytest.raises(CUDARuntimeError, match="invalid argument"):
        cupy.cuda.runtime.memcpy(y.data.ptr, x.data.ptr, 25, 3)
