"""Function transforms: gradients of samples, Jacobians, Hessians."""

import torch
import torch.autograd.forward_ad as fwAD
from torch.func import (
    functional_call,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

torch.manual_seed(0)
primal = torch.randn(4, 3)
tangent = torch.randn(4, 3)
with fwAD.dual_level():
    d = fwAD.make_dual(primal, tangent)
    out = torch.sin(d) * d.exp()
    print(fwAD.unpack_dual(out).tangent)
m = torch.nn.Linear(3, 2)
params = dict(m.named_parameters())
x, y = torch.randn(5, 3), torch.randn(5, 2)


def loss(p, x, y):
    return ((functional_call(m, p, (x.unsqueeze(0),)).squeeze(0) - y) ** 2).mean()


print({k: v.shape for k, v in vmap(grad(loss), in_dims=(None, 0, 0))(params, x, y).items()})


def f(w):
    return torch.tanh(x @ w).sum(0)


w = torch.randn(3)
print(jacrev(f)(w), jacfwd(f)(w), hessian(lambda w: torch.tanh(x @ w).sum())(w))
o, t = jvp(f, (w,), (torch.ones(3),))
print(o, t)
out, fn = vjp(f, w)
print(fn(torch.tensor(1.0)))
models = [torch.nn.Linear(3, 2) for _ in range(3)]
p, b = stack_module_state(models)
base = models[0].to("meta")
print(
    vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), in_dims=(0, 0, None))(p, b, x).shape
)
print(vmap(lambda x: x + torch.rand(()), randomness="same")(torch.zeros(3)).unique().numel())
o, lin = linearize(torch.sin, w)
print(lin(torch.ones(3)))
