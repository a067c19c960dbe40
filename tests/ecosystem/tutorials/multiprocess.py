"""Processes that train one model in shared memory."""

import torch
import torch.multiprocessing as mp
import torch.nn as nn


def work(rank, model, q):
    torch.manual_seed(rank)
    opt = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(5):
        opt.zero_grad()
        model(torch.ones(4, 3)).pow(2).mean().backward()
        opt.step()
    q.put((rank, model.weight.detach().tolist()))


def run(i, n):
    assert i < n


if __name__ == "__main__":
    torch.manual_seed(0)
    m = nn.Linear(3, 1)
    m.share_memory()
    before = m.weight.detach().clone()
    ctx = mp.get_context("spawn")
    q = ctx.Queue()
    ps = [ctx.Process(target=work, args=(r, m, q)) for r in range(2)]
    [p.start() for p in ps]
    got = dict(q.get() for _ in ps)
    [p.join() for p in ps]
    print(sorted(got), m.weight.is_shared(), bool((m.weight != before).any()))
    mp.spawn(run, args=(2,), nprocs=2)
    print("spawned")
    try:
        mp.spawn(run, args=(1,), nprocs=2)
    except Exception as e:
        print(type(e).__name__)
