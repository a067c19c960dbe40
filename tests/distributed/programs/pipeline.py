"""Layers in different processes against one process that has all."""

import copy

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(1)
layers = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(size)]
whole = nn.Sequential(*copy.deepcopy(layers))
x, y = torch.randn(12, 4), torch.randn(12, 4)
nn.functional.mse_loss(whole(x), y).backward()
for kind in (ScheduleGPipe, Schedule1F1B):
    stage = PipelineStage(layers[rank], rank, size, torch.device("cpu"))
    schedule = kind(stage, 4, loss_fn=nn.functional.mse_loss)
    for _ in range(2):
        layers[rank].zero_grad()
        losses = []
        if rank == 0:
            result = schedule.step(x)
        elif stage.is_last:
            result = schedule.step(target=y, losses=losses)
        else:
            result = schedule.step()
    for p, q in zip(layers[rank].parameters(), whole[rank].parameters()):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-6)
    if stage.is_last:
        torch.testing.assert_close(result, whole(x))
        assert len(losses) == 4
    else:
        assert result is None
dist.destroy_process_group()
print("done\n", end="", flush=True)
