"""Parametrizations, hooks, saved tensors and an operation of one's own."""

import torch
import torch.nn as nn
import torch.nn.utils.parametrize as P
from torch.utils.hooks import RemovableHandle

torch.manual_seed(0)


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


layer = nn.Linear(3, 3)
P.register_parametrization(layer, "weight", Symmetric())
print(layer)
print(torch.allclose(layer.weight, layer.weight.T))
layer.weight = torch.eye(3)
print(layer.parametrizations.weight.original)
P.remove_parametrizations(layer, "weight")
acts = {}
m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
h = [
    c.register_forward_hook(lambda mod, i, o, n=n: acts.__setitem__(n, o.detach()))
    for n, c in m.named_children()
]
b = m[0].register_full_backward_hook(lambda mod, gi, go: print("grad", go[0].shape))
x = torch.randn(2, 3)
m(x).sum().backward()
print({k: tuple(v.shape) for k, v in acts.items()})
[k.remove() for k in h]
t = torch.ones(3, requires_grad=True)
t.register_hook(lambda g: g * 2)
(t * 3).sum().backward()
print(t.grad)
nn.utils.spectral_norm(nn.Linear(3, 3))
print(torch.nn.utils.parameters_to_vector(m.parameters()).shape)
s = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
print(torch.dist(s.weight @ s.weight.T, torch.eye(3)) < 1e-5)

print(isinstance(h[0], RemovableHandle))
ctx = torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), lambda a: torch.from_numpy(a))
with ctx:
    z = (torch.ones(2, requires_grad=True) ** 2).sum()
z.backward()
print(torch.library.__name__.split(".")[-1])


@torch.library.custom_op("mylib::numpy_sin", mutates_args=())
def numpy_sin(x: torch.Tensor) -> torch.Tensor:
    import numpy as np

    return torch.from_numpy(np.sin(x.numpy()))


@numpy_sin.register_fake
def _(x):
    return torch.empty_like(x)


numpy_sin.register_autograd(
    lambda ctx, g: g * ctx.x.cos(),
    setup_context=lambda ctx, inputs, output: setattr(ctx, "x", inputs[0]),
)
a = torch.tensor([0.0, 1.0], requires_grad=True)
numpy_sin(a).sum().backward()
print(a.grad, torch.ops.mylib.numpy_sin(a).detach())
