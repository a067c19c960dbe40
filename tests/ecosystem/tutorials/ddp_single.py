"""Names of parallel training in one process, and other corners of the library."""

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils import _pytree as pt
from torch.utils.data.distributed import DistributedSampler

print(torch.__name__, dist.is_available() in (True, False))
m = nn.DataParallel(nn.Linear(4, 2))
print(m.module, list(m.state_dict()))
print(m(torch.ones(3, 4)).shape)
if dist.is_available() and dist.is_initialized():
    print("rank", dist.get_rank())
sb = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)))
print(sb)

print(list(DistributedSampler(range(7), num_replicas=2, rank=1, shuffle=False)))

print(DDP.__name__)
print(torch.hub.get_dir().endswith("hub"))

leaves, spec = pt.tree_flatten({"a": [1, (2, 3)]})
print(leaves, pt.tree_unflatten(leaves, spec))
e = torch.quasirandom.SobolEngine(3)
print(e.draw(4))
print(torch.nn.attention.SDPBackend.MATH.name)

q = torch.arange(24.0).view(1, 2, 3, 4) / 10
print(flex_attention(q, q, q, score_mod=lambda s, b, h, i, j: s + (i - j))[0, 0, 0])
