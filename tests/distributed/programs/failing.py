"""One process of three fails, in the way that it is told; the others wait for it."""

import os
import sys
import time

import torch
import torch.distributed as dist

how = sys.argv[1]
dist.init_process_group("gloo")
rank, last = dist.get_rank(), dist.get_world_size() - 1
again = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
for step in range(200):
    if rank == last and step == 5 and again == 0:
        print(f"failed at {time.time()}", flush=True)
        if how == "raise":
            raise ValueError("the data is bad")
        if how == "kill":
            os.kill(os.getpid(), 9)
        if how == "exit":
            sys.exit(3)
    dist.all_reduce(torch.ones(1000))
print("done\n", end="", flush=True)
