"""Tensors of several processes: no tensor is one, and none can be made."""

import pytest

import flambeau as torch
from flambeau.distributed import tensor


def test_no_tensor_is_of_several_processes():
    assert not isinstance(torch.nn.Parameter(torch.ones(2)), tensor.DTensor)
    assert issubclass(tensor.DTensor, torch.Tensor)
    for make in (tensor.DTensor, tensor.DTensor.from_local, tensor.distribute_tensor, tensor.zeros):
        with pytest.raises(RuntimeError, match="no groups of processes"):
            make(torch.ones(2))


def test_placements():
    shard, copies, sums = tensor.Shard(1), tensor.Replicate(), tensor.Partial()
    assert repr(shard) == "Shard(dim=1)"
    assert [shard.is_shard(), shard.is_shard(1), shard.is_shard(0)] == [True, True, False]
    assert [p.is_replicate() for p in (shard, copies, sums)] == [False, True, False]
    assert [sums.is_partial(), sums.is_partial("max")] == [True, False]
    assert shard == tensor.Shard(1)
    assert len({shard, tensor.Shard(1), copies, tensor.Replicate()}) == 2
