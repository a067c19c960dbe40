"""Members that do not do the same hear what each does."""

import sys

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank = dist.get_rank()


def refused(call, *words):
    try:
        call()
    except (RuntimeError, ValueError) as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(f"nobody complained of {words}")


first = rank == 0
refused(
    lambda: dist.all_reduce(torch.ones(3 if first else 4)),
    "rank 0",
    "all_reduce((3,)",
    "all_reduce((4,)",
)
refused(
    lambda: dist.all_reduce(torch.ones(3, dtype=torch.float64 if first else torch.float32)),
    "float64",
    "float32",
)
refused(
    lambda: dist.barrier() if first else dist.broadcast(torch.ones(2), 0),
    "barrier()",
    "broadcast((2,)",
)
refused(lambda: dist.all_reduce(torch.ones(2), op=dist.ReduceOp.BAND), "BAND", "float")
refused(
    lambda: dist.send(torch.ones(1), rank),
    "should not be the same as the rank of the current process",
)
refused(lambda: dist.broadcast(torch.ones(1), 9), "9")
refused(lambda: dist.init_process_group("gloo"), "twice")
refused(lambda: dist.new_group([0, 0]), "once")
refused(
    lambda: dist.gather(torch.ones(1), None if first else [torch.ones(1)], dst=0), "gather_list"
)
x = torch.ones(2)
dist.all_reduce(x)  # and all goes on
assert x.tolist() == [dist.get_world_size()] * 2
if len(sys.argv) > 1:
    import datetime

    slow = dist.new_group(timeout=datetime.timedelta(seconds=1))
    if not first:
        refused(
            lambda: dist.barrier(group=slow), "has waited 1 s in barrier", "Rank 0 did not come"
        )
    dist.barrier()
    if not first:
        refused(
            lambda: dist.monitored_barrier(timeout=datetime.timedelta(seconds=1)),
            "Ranks 0 failed to pass",
        )
print("done\n", end="", flush=True)
