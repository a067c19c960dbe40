"""Tensors on (simulated) GPUs: by way of the host with gloo, by NCCL with nccl."""

import copy
import sys

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

backend = sys.argv[1]
dist.init_process_group(backend)
rank, size = dist.get_rank(), dist.get_world_size()
torch.cuda.set_device(0)
every = [np.random.default_rng(r).integers(1, 5, (3, 4)).astype("float32") for r in range(size)]


def mine(dtype=torch.float32):
    return torch.from_numpy(every[rank].copy()).to("cuda", dtype)


def equal(x, wanted):
    assert x.is_cuda
    assert np.allclose(
        x.float().cpu().numpy(), wanted, rtol=1e-2 if x.dtype is torch.bfloat16 else 1e-6
    ), (x, wanted)


for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64):
    x = mine(dtype)
    dist.all_reduce(x)
    equal(x, sum(every))
x = mine()
dist.all_reduce(x, op=dist.ReduceOp.AVG)
equal(x, sum(every) / size)
x = mine()
dist.all_reduce(x, op=dist.ReduceOp.MAX, async_op=True).wait()
equal(x, np.maximum.reduce(every))
base = torch.zeros(4, 6, device="cuda")
x = base[:, ::2].t()
x.copy_(mine())
dist.all_reduce(x)
equal(x, sum(every))
x = mine()
dist.broadcast(x, src=1)
equal(x, every[1])
x = mine()
dist.reduce(x, dst=1)
if rank == 1:
    equal(x, sum(every))
parts = [torch.zeros(3, 4, device="cuda") for _ in range(size)]
dist.all_gather(parts, mine())
for part, e in zip(parts, every):
    equal(part, e)
whole = torch.zeros(3 * size, 4, device="cuda")
dist.all_gather_into_tensor(whole, mine())
equal(whole, np.concatenate(every))
out = torch.zeros(3, 4, device="cuda")
dist.reduce_scatter_tensor(out, torch.cat([mine() + i for i in range(size)]))
equal(out, sum(every) + size * rank)
dist.reduce_scatter(out, [mine() * (i + 1) for i in range(size)])
equal(out, sum(every) * (rank + 1))
found = [torch.zeros(3, 4, device="cuda") for _ in range(size)] if rank == 0 else None
dist.gather(mine(), found)
if rank == 0:
    for part, e in zip(found, every):
        equal(part, e)
x = torch.zeros(3, 4, device="cuda")
dist.scatter(
    x, [torch.full((3, 4), float(i), device="cuda") for i in range(size)] if rank == 0 else None
)
equal(x, np.full((3, 4), float(rank)))
rows = torch.full((size, 2), float(rank), device="cuda")
got = torch.zeros(size, 2, device="cuda")
dist.all_to_all_single(got, rows)
equal(got[:, 0], np.arange(size))
if rank == 0:
    dist.send(mine(), 1)
elif rank == 1:
    x = torch.zeros(4, 3, device="cuda").t()
    dist.recv(x, 0)
    equal(x, every[0])
come = torch.zeros(4, 3, device="cuda").t()
right, left = (rank + 1) % size, (rank - 1) % size
works = dist.batch_isend_irecv(
    [dist.P2POp(dist.isend, mine(), right), dist.P2POp(dist.irecv, come, left)]
)
for work in works:
    work.wait()
equal(come, every[left])
if backend == "nccl":
    for wrong in (dist.ReduceOp.BAND,):
        try:
            dist.all_reduce(torch.ones(2, dtype=torch.int32, device="cuda"), op=wrong)
        except RuntimeError as error:
            assert "NCCL" in str(error), error
        else:
            raise AssertionError("NCCL has no BAND")
x = torch.ones(3)  # and tensors of the CPU go by MPI
dist.all_reduce(x)
assert x.tolist() == [size] * 3

# Training, as one process with the whole batch.
torch.manual_seed(0)
plain = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)).cuda()
model = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(plain))
wrapped = nn.parallel.DistributedDataParallel(
    model, device_ids=[0], gradient_as_bucket_view=rank == 5
)
torch.manual_seed(3)
x, y = torch.randn(12, 6), torch.randn(12, 1)
for m, part in ((plain, slice(None)), (wrapped, slice(rank, None, size))):
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.mse_loss(m(x[part].cuda()), y[part].cuda()).backward()
        optimizer.step()
for p, q in zip(plain.parameters(), wrapped.module.parameters()):
    assert q.is_cuda
    torch.testing.assert_close(q, p, rtol=1e-3, atol=1e-5)
try:
    torch.distributed.fsdp.fully_shard(nn.Linear(2, 2).cuda())
except NotImplementedError as error:
    assert "weight is on cuda" in str(error), error
dist.destroy_process_group()
print("done\n", end="", flush=True)
