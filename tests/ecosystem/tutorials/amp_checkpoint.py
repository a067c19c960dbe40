"""Mixed precision, recomputed activations, a profile and a timer."""

import torch
import torch.nn as nn
import torch.utils.benchmark as benchmark
from torch.amp import GradScaler, autocast
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(0)
net = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(4)])
x = torch.randn(4, 8, requires_grad=True)
y = checkpoint_sequential(net, 2, x, use_reentrant=False)
y.sum().backward()
print(x.grad.sum())
print(checkpoint(lambda a: (a * 2).sin(), x, use_reentrant=False).sum())
opt = torch.optim.NAdam(net.parameters())
scaler = GradScaler("cpu", enabled=True)
for _ in range(3):
    opt.zero_grad(set_to_none=True)
    with autocast("cpu", dtype=torch.bfloat16):
        out = net(x)
        loss = nn.functional.mse_loss(out.float(), torch.ones(4, 8))
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
    print(out.dtype, f"{loss.item():.3f}", scaler.get_scale())

with profile(activities=[ProfilerActivity.CPU]) as prof, record_function("model_inference"):
    net(x)
print("model_inference" in prof.key_averages().table(sort_by="cpu_time_total", row_limit=10))

t = benchmark.Timer(stmt="x * x", globals={"x": x})
print(t.timeit(10).mean > 0)
