"""Devices: which is current, what they are, and their generators."""

from __future__ import annotations

import re
import threading

import pytest

import flambeau as torch

cuda = torch.cuda
several = pytest.mark.skipif(cuda.device_count() < 2, reason="there is one GPU")


def test_a_device_is_there() -> None:
    assert cuda.is_available()
    assert cuda.device_count() >= 1
    cuda.init()
    assert cuda.is_initialized()
    assert cuda.current_device() == 0
    assert torch.backends.cuda.is_built()
    assert torch.tensor([1.0], device="cuda").device == torch.device("cuda", 0)
    assert repr(torch.ones(2, device="cuda")) == "tensor([1., 1.], device='cuda:0')"


def test_what_it_is() -> None:
    found = cuda.get_device_properties(0)
    assert cuda.get_device_name() == cuda.get_device_name("cuda:0") == found.name
    assert cuda.get_device_capability(0) == (found.major, found.minor)
    assert found.warp_size == 32
    assert found.total_memory == cuda.mem_get_info()[1]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found.uuid)
    assert repr(found).startswith(f"_CudaDeviceProperties(name='{found.name}', major={found.major}")
    assert cuda.is_bf16_supported()
    assert "compute_80" in cuda.get_arch_list()
    assert "arch" not in cuda.get_gencode_flags()
    assert cuda.get_gencode_flags().count("-gencode") == len(cuda.get_arch_list())


def test_a_device_that_is_not_there() -> None:
    count = cuda.device_count()
    for call in (
        lambda: cuda.set_device(count),
        lambda: cuda.get_device_name(count),
        lambda: cuda.synchronize(count),
        lambda: cuda.Stream(count),
        lambda: torch.ones(1, device=f"cuda:{count}"),
    ):
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            call()
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.synchronize("cpu")


@several
def test_the_current_device_is_a_threads_own() -> None:
    seen = []
    with cuda.device(1):
        assert cuda.current_device() == 1
        assert torch.ones(1, device="cuda").device.index == 1
        thread = threading.Thread(target=lambda: seen.append(cuda.current_device()))
        thread.start()
        thread.join()
        with cuda.device_of(torch.ones(1, device="cuda:0")), cuda.device(-1):
            assert cuda.current_device() == 0
        assert cuda.current_device() == 1
    assert seen == [cuda.current_device()] == [0]
    cuda.set_device("cuda:1")
    try:
        assert cuda.current_device() == torch.accelerator.current_device_index() == 1
    finally:
        cuda.set_device(0)


@several
def test_tensors_go_from_one_device_to_another() -> None:
    x = torch.arange(6.0, device="cuda:0").reshape(2, 3).t()
    there = x.to("cuda:1", non_blocking=True)
    assert there.device == torch.device("cuda:1")
    assert there.tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="at least two devices, cuda:0 and cuda:1"):
        x + there
    w = torch.ones(3, device="cuda:0", requires_grad=True)
    (w.to("cuda:1") * 3).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3, 3, 3]
    assert w.grad.device.index == 0


def test_generators() -> None:
    cuda.manual_seed(3)
    assert cuda.initial_seed() == torch.accelerator.random.initial_seed() == 3
    state = cuda.get_rng_state()
    first = torch.rand(5, device="cuda")
    assert not torch.equal(first, torch.rand(5, device="cuda"))
    cuda.set_rng_state(state)
    assert torch.equal(first, torch.rand(5, device="cuda"))
    assert len(cuda.get_rng_state_all()) == len(cuda.default_generators) == cuda.device_count()
    cuda.set_rng_state_all([state] * cuda.device_count())
    assert torch.equal(first, torch.rand(5, generator=cuda.default_generators[0], device="cuda"))
    cuda.manual_seed_all(3)
    assert torch.equal(first, torch.rand(5, device="cuda"))
    cuda.seed_all()
    assert cuda.initial_seed() != 3


def test_settings_that_programs_make() -> None:
    cuda.set_sync_debug_mode("default")
    assert cuda.get_sync_debug_mode() == 0
    with pytest.raises(NotImplementedError, match="not watched"):
        cuda.set_sync_debug_mode("warn")
    with pytest.raises(RuntimeError, match="expected one of `default`"):
        cuda.set_sync_debug_mode("loud")
    cuda.check_error(cuda.cudart().streamDefault)
    with pytest.raises(cuda.CudaError, match=r"CUDA error \(3\)"):
        cuda.check_error(3)
    assert str(torch.backends.cuda.preferred_linalg_library("cusolver")).endswith("Cusolver")
    with pytest.raises(RuntimeError, match="Choose from: default, cusolver, not 'magma'"):
        torch.backends.cuda.preferred_linalg_library("magma")


def test_marks_of_profilers() -> None:
    with cuda.nvtx.range("step {}", 3):
        assert cuda.nvtx.range_push("inside") == 1
        cuda.nvtx.mark("here")
        assert cuda.nvtx.range_pop() == 1
    cuda.nvtx.range_end(cuda.nvtx.range_start("apart"))
    with cuda.profiler.profile():
        pass
    from flambeau.kernels.cuda import driver

    if driver.is_simulated():
        noted = driver.cupy().cuda.nvtx.noted[-7:]
        assert [name for name, _ in noted] == [
            *("RangePush", "RangePush", "Mark", "RangePop", "RangePop", "RangeStart", "RangeEnd")
        ]
        assert noted[0][1] == "step 3"
