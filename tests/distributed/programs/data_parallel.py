"""DistributedDataParallel against one process, and against what PyTorch 2.13 (gloo, two processes) has printed."""

import contextlib
import copy

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
assert list(DistributedSampler(range(5), shuffle=False)) == ([0, 2, 4] if rank == 0 else [1, 3, 0])


def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(20, 64),
        nn.ReLU(),
        nn.BatchNorm1d(64),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 5),
    )


def data():
    drawn = torch.Generator().manual_seed(7)
    return torch.randn(20, 32, 20, generator=drawn), torch.randint(0, 5, (20, 32), generator=drawn)


def losses(hook=None, **options):
    wrapped = DistributedDataParallel(model(), **options)
    if hook is not None:
        wrapped.register_comm_hook(*hook)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1, momentum=0.9)
    found = []
    for x, y in zip(*data()):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(wrapped(x[rank::size]), y[rank::size])
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return torch.tensor(found[-6:])


RECORDED = torch.tensor([1.657986, 1.759763, 1.731674, 1.696447, 1.674856, 1.720033])
first = losses()
if rank == 0:
    torch.testing.assert_close(first, RECORDED, rtol=0, atol=1e-5)
assert torch.equal(losses(), first)  # with one number of processes the bits repeat
for options in (
    {"gradient_as_bucket_view": True},
    {"find_unused_parameters": True},
    {"static_graph": True},
    {"bucket_cap_mb": 0.001},
):
    torch.testing.assert_close(losses(**options), first, rtol=0, atol=1e-6)
torch.testing.assert_close(losses((None, default_hooks.allreduce_hook)), first, rtol=0, atol=1e-6)
near = losses((None, default_hooks.bf16_compress_hook))
assert not torch.equal(near, first)
torch.testing.assert_close(near, first, rtol=0, atol=2e-3)
state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=4, start_powerSGD_iter=2)
torch.testing.assert_close(losses((state, powerSGD_hook.powerSGD_hook)), first, rtol=0, atol=0.2)
assert state.compression_stats()[0] > 2

# Gradients are those of one process with the whole batch.
plain = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
wrapped = DistributedDataParallel(copy.deepcopy(plain))
plain.load_state_dict(wrapped.module.state_dict())  # those of rank 0
torch.manual_seed(3)
x, y = torch.randn(12, 6), torch.randn(12, 1)
nn.functional.mse_loss(plain(x), y).backward()
nn.functional.mse_loss(wrapped(x[rank::size]), y[rank::size]).backward()
for p, q in zip(plain.parameters(), wrapped.parameters()):
    torch.testing.assert_close(q.grad, p.grad, rtol=1e-5, atol=1e-7)

# Two pieces of the batch, the first without adding up.
wrapped.zero_grad()
pieces = x[rank::size].split(3), y[rank::size].split(3)
for i, (a, b) in enumerate(zip(*pieces)):
    with wrapped.no_sync() if i == 0 else contextlib.nullcontext():
        (nn.functional.mse_loss(wrapped(a), b) / 2).backward()
for p, q in zip(plain.parameters(), wrapped.parameters()):
    torch.testing.assert_close(q.grad, p.grad, rtol=1e-5, atol=1e-7)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x, which):
        return self.a(x) if which == "a" else self.b(x)


wrapped = DistributedDataParallel(Two())
wrapped(torch.ones(1, 2), "a").sum().backward()
try:
    wrapped(torch.ones(1, 2), "a")
except RuntimeError as error:
    assert "b.weight, b.bias" in str(error) or "b.bias, b.weight" in str(error), error
    assert "find_unused_parameters=True" in str(error)
else:
    raise AssertionError("unused parameters were not noticed")
wrapped = DistributedDataParallel(Two(), find_unused_parameters=True)
wrapped(torch.ones(1, 2), "a").sum().backward()
assert wrapped.module.b.weight.grad is None  # nobody used it
wrapped.zero_grad()
wrapped(torch.ones(1, 2), "a" if rank == 0 else "b").sum().backward()
torch.testing.assert_close(wrapped.module.b.weight.grad, torch.full((2, 2), 0.5))

# Different numbers of batches.
torch.manual_seed(0)
uneven = DistributedDataParallel(nn.Linear(3, 1))
start = uneven.module.bias.item()
optimizer = torch.optim.SGD(uneven.parameters(), lr=0.1)
with uneven.join():
    for i in range(3 + 2 * rank):
        optimizer.zero_grad()
        uneven(torch.ones(4, 3) * (i + 1 + rank)).sum().backward()
        optimizer.step()
# Three steps of both processes with gradient 4, then two of one alone, divided by two.
assert abs(uneven.module.bias.item() - (start - 0.1 * (3 * 4 + 2 * 2))) < 1e-5

# Batch norms over all processes are those of the whole batch.
for shape in ((6, 4), (6, 4, 3, 3)):
    torch.manual_seed(1)
    x, w = torch.randn(shape), torch.randn(shape)
    together = nn.SyncBatchNorm(4)
    alone = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(4)
    part = slice(0, 2) if rank == 0 else slice(2, None)
    mine, whole = x[part].clone().requires_grad_(), x.clone().requires_grad_()
    result, wanted = together(mine), alone(whole)
    (result * w[part]).sum().backward()
    (wanted * w).sum().backward()
    torch.testing.assert_close(result, wanted[part], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mine.grad, whole.grad[part], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.running_var, alone.running_var)
    summed = together.weight.grad.clone()
    dist.all_reduce(summed)
    torch.testing.assert_close(summed, alone.weight.grad, rtol=1e-4, atol=1e-4)
dist.destroy_process_group()
print("done\n", end="", flush=True)
