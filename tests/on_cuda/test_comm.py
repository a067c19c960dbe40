"""Copies among the GPUs of a process, and the accelerator's names."""

from __future__ import annotations

import pytest

import flambeau as torch

cuda = torch.cuda
several = pytest.mark.skipif(cuda.device_count() < 2, reason="there is one GPU")


@several
def test_tensors_are_scattered_and_gathered() -> None:
    x = torch.arange(12.0).reshape(6, 2)
    parts = cuda.comm.scatter(x, [0, 1])
    assert [str(part.device) for part in parts] == ["cuda:0", "cuda:1"]
    assert [len(part) for part in parts] == [3, 3]
    assert [len(part) for part in cuda.comm.scatter(x, [0, 1], [1, 5], streams=None)] == [1, 5]
    whole = cuda.comm.gather(parts, destination=1)
    assert whole.device.index == 1
    assert torch.equal(whole.cpu(), x)
    assert torch.equal(cuda.comm.gather(parts, destination="cpu"), x)
    out = [torch.empty(3, 2, device=f"cuda:{i}") for i in (0, 1)]
    cuda.comm.scatter(x, out=out)
    assert torch.equal(out[1].cpu(), x[3:])


@several
def test_tensors_are_copied_and_added() -> None:
    x = torch.ones(3, device="cuda:0")
    copies = cuda.comm.broadcast(x, [0, 1])
    assert [copy.device.index for copy in copies] == [0, 1]
    total = cuda.comm.reduce_add([copies[0], copies[1] * 2], destination=1)
    assert (total.device.index, total.tolist()) == (1, [3, 3, 3])
    pairs = cuda.comm.broadcast_coalesced([x, x * 2], [0, 1])
    assert [t.tolist() for t in cuda.comm.reduce_add_coalesced(pairs, 0)] == [[2] * 3, [4] * 3]
    with pytest.raises(ValueError, match="input 1 has invalid size: got 2, but expected 3"):
        cuda.comm.reduce_add([x, x[:2]])
    with pytest.raises(RuntimeError, match="same GPU with one of the tensors"):
        cuda.comm.reduce_add([x, x], destination=1)
    with pytest.raises(AssertionError, match="not implemented for CPU tensors"):
        cuda.comm.reduce_add([x.cpu()])
    with pytest.raises(RuntimeError, match="Exactly one of 'devices' and 'out'"):
        cuda.comm.broadcast(x)


@several
def test_data_parallel_gives_the_modules_gradients() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2).cuda()
    plain = torch.nn.Linear(3, 2).cuda()
    plain.load_state_dict(model.state_dict())
    x = torch.randn(5, 3, device="cuda")
    result = torch.nn.DataParallel(model, device_ids=[0, 1])(x)
    assert result.device.index == 0
    torch.testing.assert_close(result, plain(x))
    result.square().sum().backward()
    plain(x).square().sum().backward()
    torch.testing.assert_close(model.weight.grad, plain.weight.grad)


def test_data_parallel_puts_its_module_on_the_only_gpu() -> None:
    model = torch.nn.DataParallel(torch.nn.Linear(4, 2), device_ids=[0])
    result = model(torch.ones(3, 4))
    assert (result.device, tuple(result.shape)) == (torch.device("cuda:0"), (3, 2))
    model.module.cpu()
    with pytest.raises(
        RuntimeError, match=r"on device cuda:0 \(device_ids\[0\]\) but found one .* cpu"
    ):
        model(torch.ones(3, 4))


def test_the_accelerator_is_cuda() -> None:
    accelerator = torch.accelerator
    assert accelerator.is_available()
    assert accelerator.current_accelerator() == torch.device("cuda")
    assert accelerator.device_count() == cuda.device_count()
    assert accelerator.current_device_index() == 0
    accelerator.synchronize()
    accelerator.set_device_index(0)
    with accelerator.device_index(0):
        pass
    assert torch.float16 in accelerator.get_device_capability()["supported_dtypes"]
    x = torch.ones(1000, device="cuda")
    assert accelerator.memory_allocated() == cuda.memory_allocated() >= x.nbytes
    assert accelerator.max_memory_allocated("cuda") == cuda.max_memory_allocated()
    assert accelerator.memory_stats() == cuda.memory_stats()
    assert accelerator.get_memory_info() == cuda.mem_get_info()
    accelerator.empty_cache()
    with pytest.warns(FutureWarning, match="current_device_index"):
        assert accelerator.current_device_idx() == 0
    with pytest.raises(ValueError, match="cpu doesn't match the current accelerator cuda"):
        accelerator.memory_allocated("cpu")
    assert torch.get_device_module() is cuda
    assert torch.device(0) == torch.device("cuda:0")
