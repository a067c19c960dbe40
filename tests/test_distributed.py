"""torch.distributed in one process, which needs nobody; values and errors as PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import distributed as dist


@pytest.fixture
def alone() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_before_there_is_a_group() -> None:
    assert dist.is_available()
    assert not dist.is_initialized()
    assert not dist.is_nccl_available()
    assert dist.is_backend_available("gloo") is dist.is_mpi_available()
    assert not dist.rpc.is_available()
    assert dist.group.WORLD is None
    with pytest.raises(AssertionError, match="Process group cannot be None"):
        dist.destroy_process_group()
    with pytest.raises(AttributeError, match=r"torch\.distributed.*absent"):
        dist.absent  # noqa: B018
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        dist.all_reduce(torch.ones(1))


@pytest.mark.parametrize("name", ["get_rank", "get_world_size", "barrier", "new_group"])
def test_what_needs_a_group_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        getattr(dist, name)()


@pytest.mark.usefixtures("alone")
def test_one_process() -> None:
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    x = torch.arange(3.0)
    for op in (dist.ReduceOp.SUM, dist.ReduceOp.AVG, dist.ReduceOp.MAX):
        dist.all_reduce(x, op)
    assert x.tolist() == [0, 1, 2]
    work = dist.all_reduce(x, async_op=True)
    assert work is not None
    assert work.wait()
    found = [torch.zeros(3)]
    dist.all_gather(found, x)
    assert found[0].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    with pytest.raises(ValueError, match="destination rank should not be the same"):
        dist.send(x, 0)
    with pytest.raises(TypeError, match=r"Expected parameter `tensor` of type torch\.Tensor"):
        dist.all_reduce(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="larger than the run"):
        dist.new_group([0, 1])
    with pytest.raises(ValueError, match="world_size times"):
        dist.all_gather_into_tensor(torch.ones(3), torch.ones(2))
    assert dist.new_group([0]).size() == 1


@pytest.mark.usefixtures("alone")
def test_one_process_trains() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Linear(3, 2)
    wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2))
    wrapped.module.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3)
    plain(x).square().sum().backward()
    wrapped(x).square().sum().backward()
    torch.testing.assert_close(wrapped.module.weight.grad, plain.weight.grad, rtol=0, atol=0)
    assert [*wrapped.state_dict()] == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="no parameter that requires a gradient"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.ReLU())
    with pytest.raises(NotImplementedError, match="mixed_precision"):
        torch.nn.parallel.DistributedDataParallel(plain, mixed_precision=object())


@pytest.mark.parametrize("url", ["tcp://localhost:0", "file://{}/store"])
def test_urls(url: str, tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=url.format(tmp_path), rank=0, world_size=1)
    assert dist.get_world_size() == 1
    dist.destroy_process_group()


def test_what_the_environment_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="environment variable RANK expected, but not set"):
        dist.init_process_group("gloo")
    with pytest.raises(ValueError, match="environment variable WORLD_SIZE expected"):
        dist.init_process_group("gloo", rank=0)
    with pytest.raises(ValueError, match="environment variable MASTER_ADDR expected"):
        dist.init_process_group("gloo", rank=0, world_size=1)
    with pytest.raises(RuntimeError, match="No rendezvous handler for ftp"):
        dist.init_process_group("gloo", init_method="ftp://x", rank=0, world_size=1)
    with pytest.raises(ValueError, match="nccl"):
        dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
    with pytest.raises(ValueError, match="Unknown backend type foo"):
        dist.init_process_group("foo", store=dist.HashStore(), rank=0, world_size=1)
    monkeypatch.setenv("SLURM_PROCID", "0")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    dist.init_process_group("gloo")
    assert dist.get_world_size() == 1
    dist.destroy_process_group()


def test_several_without_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flambeau.distributed.bootstrap.world.is_installed", lambda: False)
    with pytest.raises(RuntimeError, match=r"flambeau\[mpi\]"):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=2)
    assert not dist.is_initialized()


def test_what_launchers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not dist.is_torchelastic_launched()
    assert dist.get_node_local_rank(fallback_rank=2) == 2
    with pytest.raises(RuntimeError, match="LOCAL_RANK is not in the environment"):
        dist.get_node_local_rank()
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert dist.get_node_local_rank() == 3


def test_checked_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_DISTRIBUTED_DEBUG", "DETAIL")
    dist.set_debug_level_from_env()
    assert dist.get_debug_level() is dist.DebugLevel.DETAIL
    monkeypatch.setenv("TORCH_DISTRIBUTED_DEBUG", "LOUD")
    with pytest.raises(RuntimeError, match="must be OFF, INFO, or DETAIL"):
        dist.set_debug_level_from_env()
    dist.set_debug_level(dist.DebugLevel.OFF)
