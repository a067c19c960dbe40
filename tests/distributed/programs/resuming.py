"""Training that is started again goes on from its newest whole checkpoint."""

import os
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import record


@record
def main(folder):
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = {"model": model.module, "optimizer": optimizer.state_dict(), "step": 0}
    found = dcp.newest(folder)
    first = 0
    if found is not None:
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()  # so that there is state to read into
        state["optimizer"] = optimizer.state_dict()
        dcp.load(state, checkpoint_id=found)
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        print(f"from {first}\n", end="", flush=True)
    for step in range(first, 6):
        optimizer.zero_grad()
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        model(x).square().mean().backward()
        optimizer.step()
        saved = {"model": model.module, "optimizer": optimizer.state_dict(), "step": step + 1}
        dcp.save(saved, checkpoint_id=os.path.join(folder, str(step)))
        if (
            step == 3
            and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
            and dist.get_rank() == 1
            and len(sys.argv) > 2
        ):
            raise OSError("the network is gone")
    print(f"result {model.module.weight.sum().item():.6f}\n", end="", flush=True)


main(sys.argv[1])
