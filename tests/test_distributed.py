"""torch.distributed as one process without groups sees it; errors as PyTorch's before a group is made."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau import distributed as dist


def test_there_are_no_groups() -> None:
    assert not dist.is_available()
    assert not dist.is_initialized()
    assert not any(
        ask() for ask in (dist.is_gloo_available, dist.is_mpi_available, dist.is_nccl_available)
    )
    assert not dist.is_backend_available("gloo")
    assert not dist.rpc.is_available()
    assert dist.group.WORLD is None


@pytest.mark.parametrize("name", ["get_rank", "get_world_size", "barrier", "new_group"])
def test_what_needs_a_group_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        getattr(dist, name)()
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        dist.all_reduce(torch.ones(1))


def test_a_group_cannot_be_made() -> None:
    with pytest.raises(RuntimeError, match=r"is_available\(\) is False"):
        dist.init_process_group("gloo", rank=0, world_size=1)
    with pytest.raises(RuntimeError, match="no groups of processes"):
        dist.init_device_mesh("cpu", (1,))
    with pytest.raises(RuntimeError, match="ProcessGroup"):
        dist.ProcessGroup()
    with pytest.raises(AssertionError, match="Process group cannot be None"):
        dist.destroy_process_group()
    with pytest.raises(ValueError, match="Default process group"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    with pytest.raises(AttributeError, match=r"torch\.distributed.*absent"):
        dist.absent  # noqa: B018


def test_what_launchers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not dist.is_torchelastic_launched()
    assert dist.get_node_local_rank(fallback_rank=2) == 2
    with pytest.raises(RuntimeError, match="LOCAL_RANK is not in the environment"):
        dist.get_node_local_rank()
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert dist.get_node_local_rank() == 3
