"""Every collective against what NumPy makes of the same numbers."""

import numpy as np
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
assert (dist.get_backend(), dist.is_initialized()) == ("gloo", True)


def drawn(of, shape=(3, 4), dtype="float64"):
    return (np.random.default_rng(of).integers(1, 5, shape)).astype(dtype)


every = [drawn(r) for r in range(size)]
FOLDS = {
    "SUM": np.add.reduce(every),
    "AVG": np.add.reduce(every) / size,
    "PRODUCT": np.multiply.reduce(every),
    "MIN": np.minimum.reduce(every),
    "MAX": np.maximum.reduce(every),
}
for name, wanted in FOLDS.items():
    for dtype in (
        torch.float64,
        torch.float32,
        torch.bfloat16,
        torch.float16,
        torch.int64,
        torch.uint8,
    ):
        if name == "AVG" and not dtype.is_floating_point:
            continue
        x = torch.from_numpy(every[rank].copy()).to(dtype)
        assert dist.all_reduce(x, getattr(dist.ReduceOp, name)) is None
        expected = torch.from_numpy(wanted.copy()).to(dtype)
        assert torch.equal(x, expected), (name, dtype, x, expected)
for name, fold in (("BAND", np.bitwise_and), ("BOR", np.bitwise_or), ("BXOR", np.bitwise_xor)):
    whole = [e.astype(np.int32) for e in every]
    x = torch.from_numpy(whole[rank].copy())
    dist.all_reduce(x, op=getattr(dist.ReduceOp, name))
    assert np.array_equal(x.numpy(), fold.reduce(whole)), name
x = torch.from_numpy(every[rank] > 2)
dist.all_reduce(x, op=dist.ReduceOp.MAX)
assert np.array_equal(x.numpy(), np.logical_or.reduce([e > 2 for e in every]))
x = torch.from_numpy(every[rank] * (1 + 2j))
dist.all_reduce(x)
assert np.array_equal(x.numpy(), FOLDS["SUM"] * (1 + 2j))
x = torch.from_numpy(every[rank].copy())
dist.all_reduce(x, op=dist._make_nccl_premul_sum(0.5))
assert np.array_equal(x.numpy(), FOLDS["SUM"] / 2)

# Tensors that do not lie in order keep what lies between their elements.
base = torch.zeros(4, 6, dtype=torch.float64)
x = base[:, ::2].t()
x.copy_(torch.from_numpy(every[rank].copy()))
dist.all_reduce(x)
assert np.array_equal(x.numpy(), FOLDS["SUM"])
assert float(base[:, 1::2].abs().sum()) == 0

x = torch.from_numpy(every[rank].copy())
dist.reduce(x, dst=1)
if rank == 1:
    assert np.array_equal(x.numpy(), FOLDS["SUM"])
x = torch.from_numpy(every[rank].copy())
dist.broadcast(x, src=size - 1)
assert np.array_equal(x.numpy(), every[-1])

parts = [torch.zeros(3, 4, dtype=torch.float64) for _ in range(size)]
dist.all_gather(parts, torch.from_numpy(every[rank].copy()))
assert all(np.array_equal(p.numpy(), e) for p, e in zip(parts, every))
uneven = [torch.zeros(r + 1) for r in range(size)]
dist.all_gather(uneven, torch.full((rank + 1,), float(rank)))
assert [p.tolist() for p in uneven] == [[float(r)] * (r + 1) for r in range(size)]
for shape in ((size * 3, 4), (size, 3, 4)):
    whole = torch.zeros(shape, dtype=torch.float64)
    dist.all_gather_into_tensor(whole, torch.from_numpy(every[rank].copy()))
    assert np.array_equal(whole.numpy().reshape(size, 3, 4), np.stack(every))

lists = [[drawn(10 * r + i) for i in range(size)] for r in range(size)]
out = torch.zeros(3, 4, dtype=torch.float64)
dist.reduce_scatter(out, [torch.from_numpy(e.copy()) for e in lists[rank]])
assert np.array_equal(out.numpy(), sum(row[rank] for row in lists))
for op, scale in ((dist.ReduceOp.SUM, 1), (dist.ReduceOp.AVG, size)):
    half = torch.zeros(3, 4, dtype=torch.bfloat16)
    dist.reduce_scatter_tensor(
        half, torch.from_numpy(np.concatenate(lists[rank])).bfloat16(), op=op
    )
    wanted = torch.from_numpy(sum(row[rank] for row in lists) / scale).bfloat16()
    assert torch.equal(half, wanted)

x = torch.from_numpy(every[rank].copy())
found = [torch.zeros_like(x) for _ in range(size)] if rank == 1 else None
dist.gather(x, found, dst=1)
if rank == 1:
    assert all(np.array_equal(p.numpy(), e) for p, e in zip(found, every))
dist.scatter(x, [torch.from_numpy(e + 1) for e in every] if rank == 0 else None, src=0)
assert np.array_equal(x.numpy(), every[rank] + 1)

sent = torch.arange(size * 2).float() + 100 * rank
got = torch.zeros(size * 2)
dist.all_to_all_single(got, sent)
assert got.tolist() == [100 * r + 2 * rank + i for r in range(size) for i in range(2)]
counts = [[(r + i) % 3 for i in range(size)] for r in range(size)]
rows = torch.full((sum(counts[rank]), 2), float(rank))
got = torch.zeros(sum(row[rank] for row in counts), 2)
dist.all_to_all_single(got, rows, [row[rank] for row in counts], counts[rank])
assert got[:, 0].tolist() == [float(r) for r in range(size) for _ in range(counts[r][rank])]
got = [torch.zeros(r + rank + 1) for r in range(size)]
dist.all_to_all(got, [torch.full((rank + i + 1,), float(rank)) for i in range(size)])
assert [g.tolist() for g in got] == [[float(r)] * (r + rank + 1) for r in range(size)]

# Messages: in order, by tag, to anybody, several at once.
if rank == 0:
    dist.send(torch.arange(4.0), 1, tag=7)
    dist.send(torch.arange(4.0) + 1, 1, tag=8)
elif rank == 1:
    first, second = torch.zeros(4), torch.zeros(2, 2).t()
    assert dist.recv(second, 0, tag=8) == 0
    assert dist.recv(first, tag=7) == 0
    assert (first.tolist(), second.reshape(-1).tolist()) == ([0, 1, 2, 3], [1, 2, 3, 4])
right, left = (rank + 1) % size, (rank - 1) % size
come = torch.zeros(2)
works = dist.batch_isend_irecv(
    [
        dist.P2POp(dist.irecv, come, left),
        dist.P2POp(dist.isend, torch.full((2,), float(rank)), right),
    ]
)
for work in works:
    work.wait()
assert come.tolist() == [left, left]

# Work that is waited for later, and futures.
xs = [torch.full((1000,), float(rank + i)) for i in range(5)]
works = [dist.all_reduce(x, async_op=True) for x in xs]
twice = works[-1].get_future().then(lambda f: f.value()[0] * 2)
assert [work.wait() for work in works] == [True] * 5
assert all(float(x[0]) == sum(r + i for r in range(size)) for i, x in enumerate(xs))
assert float(twice.wait()[0]) == 2 * float(xs[-1][0])
assert works[0].is_completed()
assert works[0].is_success()

# Objects, which travel as files that run no code.
found = [None] * size
dist.all_gather_object(found, {"rank": rank, "x": torch.full((rank + 1,), 2.0)})
assert [f["rank"] for f in found] == list(range(size))
assert found[-1]["x"].tolist() == [2.0] * size
box = [{"lr": 0.5}, "text"] if rank == 1 else [None, None]
dist.broadcast_object_list(box, src=1)
assert box == [{"lr": 0.5}, "text"]
found = [None] * size if rank == 0 else None
dist.gather_object((rank, "x" * rank), found, dst=0)
assert found is None or found == [(r, "x" * r) for r in range(size)]
box = [None]
dist.scatter_object_list(box, [f"for {r}" for r in range(size)] if rank == 0 else None, src=0)
assert box == [f"for {rank}"]


class Own:
    pass


try:
    dist.all_gather_object([None] * size, Own())
except Exception as error:
    assert "Own" in str(error), error
else:
    raise AssertionError("an object of an own class was sent")

# Groups of some.
pair = dist.new_group([1, 0])
if rank < 2:
    assert (dist.get_rank(pair), dist.get_world_size(pair)) == (rank, 2)
    x = torch.ones(1)
    dist.all_reduce(x, group=pair)
    assert x.item() == 2
    assert dist.get_global_rank(pair, 1) == 1
else:
    assert dist.get_rank(pair) == -1
mine, every_group = dist.new_subgroups(1)
assert len(every_group) == size
assert mine.size() == 1
mesh = dist.init_device_mesh("cpu", (size, 1), mesh_dim_names=("data", "model"))
assert mesh.get_coordinate() == [rank, 0]
assert mesh["model"].size() == 1
assert mesh.get_group("data").size() == size
dist.barrier()
dist.monitored_barrier()
dist.destroy_process_group()
assert not dist.is_initialized()
print("done\n", end="", flush=True)
