"""A checkpoint that some processes write and others, of another number, read."""

import os
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.fsdp import fully_shard

what, folder = sys.argv[1:]
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(7, 33), nn.Tanh(), nn.Linear(33, 5))
for layer in (model[0], model[2]):
    fully_shard(layer)
fully_shard(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x = torch.randn(6, 7)


def step():
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


if what == "write":
    for _ in range(3):
        step()
    weights, state = get_state_dict(model, optimizer)
    saved = {"model": weights, "optimizer": state, "step": 3, "names": ["a", "b"]}
    dcp.save(saved, checkpoint_id=os.path.join(folder, "first"))
    future = dcp.async_save({**saved, "step": 4}, checkpoint_id=os.path.join(folder, "second"))
    step()  # changes the parameters while the old values are written
    future.result(60)
else:
    step()  # so that there is state
    weights, state = get_state_dict(model, optimizer)
    loaded = {"model": weights, "optimizer": state, "step": 0, "names": []}
    dcp.load(loaded, checkpoint_id=dcp.newest(folder))
    assert (loaded["step"], loaded["names"]) == (4, ["a", "b"])
    set_state_dict(
        model, optimizer, model_state_dict=loaded["model"], optim_state_dict=loaded["optimizer"]
    )
    step()
    for wrong, word in (
        ({"model": {"absent": 1}}, "Missing key"),
        ({"model": {"0.weight": torch.ones(3)}}, "shape"),
    ):
        try:
            dcp.load(wrong, checkpoint_id=os.path.join(folder, "first"))
        except dcp.CheckpointException as error:
            assert word in str(error), error
        else:
            raise AssertionError(word)
total = model(x).sum().item()
whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
assert whole["0.weight"].shape == (33, 7)
if rank == 0:
    print(f"result {total:.5f}")
if what == "write" and size > 1:
    before = sorted(os.listdir(os.path.join(folder, "first")))
    from torch.distributed.checkpoint import storage

    def broken(*args):
        raise OSError("the disk is full")

    if rank == 1:
        storage.write_values = broken
    try:
        dcp.save(
            {"model": get_model_state_dict(model)}, checkpoint_id=os.path.join(folder, "first")
        )
    except dcp.CheckpointException as error:
        assert "rank 1: OSError: the disk is full" in str(error), error
    else:
        raise AssertionError("a process could not write, and nobody said so")
    dist.barrier()
    assert sorted(os.listdir(os.path.join(folder, "first"))) == before
dist.destroy_process_group()
print("done\n", end="", flush=True)
