"""ZeRO, fully_shard, FSDP and tensor parallel layers against one process."""

import copy

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecisionPolicy, fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor, zeros
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
mesh = dist.init_device_mesh("cpu", (size,))


def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 33), nn.Tanh(), nn.Linear(33, 5)
    )


plain = model()
blocks = model()
for layer in (blocks[0], blocks[2]):
    fully_shard(layer)
fully_shard(blocks)
wrapped = FullyShardedDataParallel(model(), auto_wrap_policy={nn.Linear})
halves = fully_shard(model(), mp_policy=MixedPrecisionPolicy(torch.bfloat16, torch.float32))
zero = nn.parallel.DistributedDataParallel(model())
models = [plain, blocks, wrapped, halves, zero]
optimizers = [torch.optim.Adam(m.parameters(), lr=0.01) for m in models[:4]]
optimizers.append(ZeroRedundancyOptimizer(zero.parameters(), torch.optim.Adam, lr=0.01))
assert isinstance(blocks[0].weight, DTensor)
assert blocks[0].weight.shape == (33, 7)
assert blocks[0].weight.to_local().shape[0] in (
    33 // size,
    -(-33 // size),
    33 - (size - 1) * -(-33 // size),
)
drawn = torch.Generator().manual_seed(7)
xs, ys = torch.randn(10, 24, 7, generator=drawn), torch.randint(0, 5, (10, 24), generator=drawn)
for x, y in zip(xs, ys):
    norms = []
    for m, optimizer in zip(models, optimizers):
        part = slice(None) if m is plain else slice(rank, None, size)
        optimizer.zero_grad()
        nn.functional.cross_entropy(m(x[part]).float(), y[part]).backward()
        norms.append(nn.utils.clip_grad_norm_(m.parameters(), 0.5))
        optimizer.step()
    torch.testing.assert_close(norms[1], norms[0], rtol=1e-4, atol=1e-6)
states = [
    plain.state_dict(),
    blocks.state_dict(),
    wrapped.state_dict(),
    halves.state_dict(),
    zero.module.state_dict(),
]
for key, value in states[0].items():
    torch.testing.assert_close(states[1][key].full_tensor(), value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[2][key], value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[3][key].full_tensor(), value, rtol=0, atol=0.03)
    torch.testing.assert_close(states[4][key], value, rtol=1e-4, atol=1e-5)
held = sum(s["exp_avg"].numel() for s in optimizers[4].optim.state.values())
assert held < sum(p.numel() for p in plain.parameters()) * 0.9  # each has a part of the state
optimizers[4].consolidate_state_dict(0)
if rank == 0:
    saved, one = optimizers[4].state_dict(), optimizers[0].state_dict()
    for i, values in one["state"].items():
        torch.testing.assert_close(
            saved["state"][i]["exp_avg"], values["exp_avg"], rtol=1e-4, atol=1e-6
        )

# Between forward and backward the whole parameters are not there, and the saved values are right all the same.
blocks.zero_grad()
loss = blocks(xs[0]).square().mean()
assert blocks[0].weight.to_local().numel() < 33 * 7
loss.backward()
plain.zero_grad()
plain(xs[0]).square().mean().backward()
torch.testing.assert_close(
    blocks[2].weight.grad.full_tensor(), plain[2].weight.grad, rtol=1e-3, atol=1e-5
)

# Tensors of several processes.
whole = torch.arange(10.0).reshape(5, 2)
x = distribute_tensor(whole, mesh, [Shard(0)])
assert x.shape == (5, 2)
assert torch.equal((x * 2 + 1).full_tensor(), whole * 2 + 1)
assert torch.equal(x.redistribute(placements=[Shard(1)]).full_tensor(), whole)
assert x.sum().item() == 45
assert torch.equal((x @ torch.ones(2, 3)).full_tensor(), whole @ torch.ones(2, 3))
summed = DTensor.from_local(torch.ones(2), mesh, [Partial()]).redistribute(placements=[Replicate()])
assert summed.to_local().tolist() == [size, size]
assert zeros(7, device_mesh=mesh, placements=[Shard(0)]).full_tensor().tolist() == [0.0] * 7
leaf = whole.clone().requires_grad_()
spread = distribute_tensor(leaf, mesh, [Shard(0)])
(spread.full_tensor() * whole).sum().backward()
torch.testing.assert_close(spread.grad.full_tensor(), whole)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.norm = nn.Embedding(12, 8), nn.LayerNorm(8)
        self.up, self.down, self.head = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 6)

    def forward(self, tokens):
        x = self.table(tokens)
        x = x + self.down(torch.relu(self.up(self.norm(x))))
        return self.head(x)


tokens, targets = (
    torch.randint(0, 12, (3, 4), generator=drawn),
    torch.randint(0, 6, (12,), generator=drawn),
)
torch.manual_seed(2)
one = Block()
for plan in (
    {
        "table": RowwiseParallel(),
        "up": ColwiseParallel(),
        "down": RowwiseParallel(),
        "head": ColwiseParallel(output_layouts=Replicate()),
    },
    {
        "table": ColwiseParallel(output_layouts=Shard(1), use_local_output=False),
        "norm": SequenceParallel(),
        "up": ColwiseParallel(input_layouts=Shard(1)),
        "down": RowwiseParallel(output_layouts=Shard(1), use_local_output=False),
        "head": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    },
):
    if size > 4:
        break
    shared = parallelize_module(copy.deepcopy(one), mesh, plan)
    alone = copy.deepcopy(one)
    for m in (shared, alone):
        optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(m(tokens).reshape(12, 6), targets)
            loss.backward()
            optimizer.step()
    for (name, p), q in zip(shared.named_parameters(), alone.parameters()):
        value = p.full_tensor() if isinstance(p, DTensor) else p
        torch.testing.assert_close(
            value, q, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
dist.destroy_process_group()
print("done\n", end="", flush=True)
