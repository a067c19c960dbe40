"""How tensors of several processes lie; what they do in several processes: programs/sharded.py."""

import pytest

import flambeau as torch
from flambeau.distributed import tensor
from flambeau.distributed.tensor.placement_types import part_of


def test_a_plain_tensor_is_of_one_process():
    assert not isinstance(torch.nn.Parameter(torch.ones(2)), tensor.DTensor)
    assert issubclass(tensor.DTensor, torch.Tensor)
    with pytest.raises(RuntimeError, match="from_local"):
        tensor.DTensor(torch.ones(2))


def test_parts_are_those_of_chunk():
    for size in range(1, 9):
        for count in range(1, 6):
            found = [part_of(size, count, i) for i in range(count)]
            chunks = [len(c) for c in torch.arange(size).chunk(count)]
            chunks += [0] * (count - len(chunks))
            assert [end - begin for begin, end in found] == chunks


def test_placements():
    shard, copies, sums = tensor.Shard(1), tensor.Replicate(), tensor.Partial()
    assert repr(shard) == "Shard(dim=1)"
    assert [shard.is_shard(), shard.is_shard(1), shard.is_shard(0)] == [True, True, False]
    assert [p.is_replicate() for p in (shard, copies, sums)] == [False, True, False]
    assert [sums.is_partial(), sums.is_partial("max")] == [True, False]
    assert shard == tensor.Shard(1)
    assert len({shard, tensor.Shard(1), copies, tensor.Replicate()}) == 2
