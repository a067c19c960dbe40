"""torch.cuda and its like on a machine without such devices; answers recorded from PyTorch 2.13.0 for CPUs.

With a device, it is tested in tests/on_cuda; `test_with_simulated_gpus` runs those tests on two simulated GPUs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch

cuda = torch.cuda
without = pytest.mark.skipif(cuda.is_available(), reason="asks what happens without a GPU")


@without
def test_what_is_asked_is_answered() -> None:
    assert (cuda.is_available(), cuda.device_count(), cuda.is_initialized()) == (False, 0, False)
    assert not cuda.is_bf16_supported()
    assert cuda.get_rng_state_all() == []
    assert cuda.memory_allocated() == cuda.max_memory_reserved() == 0
    assert cuda.memory_stats() == {}
    assert cuda.empty_cache() is None
    assert cuda.reset_peak_memory_stats() is None
    cuda.manual_seed_all(0)
    cuda.set_rng_state_all([])
    cuda.set_device(-1)
    with cuda.stream(None), cuda.device(-1), cuda.device_of(torch.ones(1)):
        pass
    assert not cuda.is_current_stream_capturing()
    assert not cuda.nccl.is_available([])
    for other in (torch.xpu, torch.mps, torch.mtia):
        assert (other.is_available(), other.device_count()) == (False, 0)
        other.manual_seed(0)
    assert torch.xpu.memory_allocated() == 0


NEEDING = (
    *("current_device", "synchronize", "get_device_name", "get_device_capability"),
    *("mem_get_info", "current_stream", "default_stream", "get_rng_state", "init", "_lazy_init"),
    "initial_seed",
)


@without
@pytest.mark.parametrize("name", NEEDING)
def test_what_needs_a_device_says_so(name: str) -> None:
    with pytest.raises(
        AssertionError, match="Torch not compiled with CUDA enabled: no NVIDIA driver"
    ):
        getattr(cuda, name)()


@without
def test_classes_exist_and_cannot_be_used() -> None:
    for cls in (torch.xpu.Stream, torch.mtia.Event):
        assert isinstance(cls, type)
        assert not isinstance(torch.ones(1), cls)
        with pytest.raises(RuntimeError, match=f"dummy base class {cls.__name__}"):
            cls()
    for cls in (cuda.Stream, cuda.Event, cuda.CUDAGraph):
        assert not isinstance(torch.ones(1), cls)
        with pytest.raises(RuntimeError, match=f"{cls.__name__} requires CUDA support: no NVIDIA"):
            cls()
    with pytest.raises(RuntimeError, match="CUDA support"):
        cuda.graph(None)
    with pytest.raises(TypeError, match=r"type torch\.cuda\.FloatTensor not available"):
        cuda.FloatTensor(3)
    with pytest.raises(TypeError, match=r"type torch\.cuda\.FloatStorage not available"):
        cuda.FloatStorage(3)
    for move in (
        torch.ones(1).cuda,
        torch.nn.Linear(1, 1).cuda,
        lambda: torch.ones(1, device="cuda"),
    ):
        with pytest.raises(
            AssertionError, match=r"CUDA enabled; .*; devices that can be used here"
        ):
            move()
    with pytest.raises(RuntimeError, match="NVTX functions not installed"):
        cuda.nvtx.range_push("x")
    with pytest.raises(RuntimeError, match="without MPS backend"):
        torch.mps.synchronize()
    with pytest.raises(AssertionError, match="XPU"):
        torch.xpu.synchronize()
    with pytest.raises(RuntimeError, match="CUDA"), cuda.device(0):
        pass
    assert issubclass(torch.OutOfMemoryError, RuntimeError)
    assert cuda.OutOfMemoryError is torch.OutOfMemoryError
    assert issubclass(torch.AcceleratorError, RuntimeError)


def test_numbers_of_devices() -> None:
    assert cuda._get_device_index("cuda:1") == 1
    assert cuda._get_device_index("cpu", allow_cpu=True) == -1
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda._get_device_index("cpu")
    assert torch._utils._get_device_index("cuda:2") == 2
    with pytest.raises(ValueError, match="Expected a non cpu device, but got: cpu"):
        torch._utils._get_device_index("cpu")


@without
def test_mixed_precision_under_its_old_names() -> None:
    with (
        pytest.warns(FutureWarning, match=r"torch\.amp\.GradScaler\('cuda'"),
        pytest.warns(UserWarning, match="CUDA is not available"),
    ):
        scaler = cuda.amp.GradScaler()
    assert not scaler.is_enabled()
    with (
        pytest.warns(FutureWarning),
        pytest.warns(UserWarning, match="Disabling"),
        cuda.amp.autocast(),
    ):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    assert torch.get_autocast_gpu_dtype() is torch.float16


@without
def test_accelerators() -> None:
    accelerator = torch.accelerator
    assert accelerator.current_accelerator() is None
    with accelerator.device_index(None):
        pass
    for name in ("current_device_index", "synchronize", "empty_cache", "memory_allocated"):
        with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
            getattr(accelerator, name)()
    assert torch.get_device_module() is torch.cpu
    assert torch.get_device_module("cuda") is cuda


def test_streams_and_events_of_the_cpu() -> None:
    stream, first, second = torch.Stream(), torch.Event(enable_timing=True), torch.Event()
    assert stream == torch.Stream("cpu") == torch.cpu.current_stream()
    assert repr(stream) == "torch.Stream device_type=cpu, device_index=-1, stream_id=0"
    assert stream.query()
    assert stream.record_event(first) is first
    last = torch.Event(enable_timing=True)
    last.record(stream)
    assert 0 <= first.elapsed_time(last) < 1000
    with pytest.raises(RuntimeError, match="enable_timing=True"):
        first.elapsed_time(second)
    with torch.cpu.stream(stream), stream:
        stream.wait_event(first)
        stream.synchronize()
    for cls in (torch.Stream, torch.Event):
        with pytest.raises(RuntimeError, match="not linked with support for cuda devices"):
            cls(device="cuda")


SIMULATED = ("device", "stream", "memory", "graph", "pinned", "amp", "comm")


@without
def test_with_simulated_gpus() -> None:
    files = [f"tests/on_cuda/test_{name}.py" for name in SIMULATED]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        env={**os.environ, "FLAMBEAU_CUDA_SIMULATOR": "2"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-1000:]
    assert " passed" in found.stdout
    assert "skipped" not in found.stdout
