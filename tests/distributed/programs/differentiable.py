"""Gradients through collectives: of a sum over all members of what each makes of what it has received."""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as D

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
every = torch.randn(size, 4, dtype=torch.float64)  # of all members
weights = torch.randn(size, size, 4, dtype=torch.float64)


def check(call, whole):
    """`call` is what a member does; `whole(xs)` the sum of all members' results, in one process."""
    mine = every[rank].clone().requires_grad_()
    call(mine).backward()
    xs = [e.clone().requires_grad_() for e in every]
    whole(xs).backward()
    torch.testing.assert_close(mine.grad, xs[rank].grad)


check(
    lambda x: (D.all_reduce(x.tanh()) * weights[0, rank]).sum(),
    lambda xs: (sum(x.tanh() for x in xs) * weights[0].sum(0)).sum(),
)
check(
    lambda x: sum((part * weights[rank, i]).sum() for i, part in enumerate(D.all_gather(x.exp()))),
    lambda xs: sum((x.exp() * weights[r, i]).sum() for r in range(size) for i, x in enumerate(xs)),
)
check(
    lambda x: (D.broadcast(x.sin(), 1) * weights[0, rank]).sum(),
    lambda xs: (xs[1].sin() * weights[0].sum(0)).sum() + 0 * sum(x.sum() for x in xs),
)
check(
    lambda x: (
        D.reduce_scatter(torch.empty(4, dtype=x.dtype), [x * (i + 1) for i in range(size)])
        * weights[0, rank]
    ).sum(),
    lambda xs: sum((sum(x * (r + 1) for x in xs) * weights[0, r]).sum() for r in range(size)),
)
check(
    lambda x: sum(
        (p * weights[rank, i]).sum()
        for i, p in enumerate(
            D.all_to_all([torch.empty(4, dtype=x.dtype)] * size, [x * (i + 1) for i in range(size)])
        )
    ),
    lambda xs: sum(
        (x * (r + 1) * weights[r, i]).sum() for r in range(size) for i, x in enumerate(xs)
    ),
)
rows = torch.arange(size * 2.0).reshape(size, 2).requires_grad_()
got = D.all_to_all_single(torch.empty(size, 2), rows)
(got * (rank + 1)).sum().backward()
assert rows.grad[:, 0].tolist() == [float(i + 1) for i in range(size)]
dist.destroy_process_group()
print("done\n", end="", flush=True)
