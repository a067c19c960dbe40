"""Pruning, and linear layers in eight bits."""

import torch
import torch.nn as nn
import torch.nn.utils.prune as prune

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 10))
m = net[0]
prune.random_unstructured(m, name="weight", amount=0.3)
print(next(iter(m.named_buffers()))[1].sum(), m._forward_pre_hooks.__class__.__name__)
prune.l1_unstructured(m, name="bias", amount=3)
print(m.bias)
prune.ln_structured(m, name="weight", amount=0.5, n=2, dim=0)
for hook in m._forward_pre_hooks.values():
    if hook._tensor_name == "weight":
        break
print([type(method).__name__ for method in hook])
print(net.state_dict().keys())
prune.remove(m, "weight")
print(list(dict(m.named_parameters())))
prune.global_unstructured(
    ((net[0], "weight"), (net[3], "weight")), pruning_method=prune.L1Unstructured, amount=0.2
)
print(
    "%.4f" % (100.0 * float(torch.sum(net[3].weight == 0)) / net[3].weight.nelement()),
    prune.is_pruned(net),
)


class Foobar(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


Foobar.apply(net[3], "bias")
print(net[3].bias_mask)
small = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
q = torch.ao.quantization.quantize_dynamic(small, {nn.Linear}, dtype=torch.qint8)
print(q)
x = torch.ones(2, 8)
# How activations are rounded to eight bits depends on the processor.
print(torch.allclose(q(x), small(x), atol=0.01), q(x).shape)
