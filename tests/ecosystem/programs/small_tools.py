"""Small packages: einops, jaxtyping, higher, torchdiffeq, opt_einsum and ptflops."""

import higher
import jaxtyping
import opt_einsum
import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange
from ptflops import get_model_complexity_info
from report import TRAINING, show
from torch import nn
from torchdiffeq import odeint, odeint_adjoint

torch.manual_seed(0)
x = torch.randn(2, 4, 6)
show("rearranged", rearrange(x, "b (h w) c -> b c h w", h=2))
show("reduced", [reduce(x, "b t c -> b c", how) for how in ("max", "mean", "sum")])
show("repeated", repeat(x, "b t c -> b t c k", k=2))
show("products", einsum(x, x, "b i c, b j c -> b i j"))
packed, shapes = pack([x, x[:, 0]], "b * c")
show("packed", [packed, unpack(packed, shapes, "b * c")[1].shape])
show("layers", nn.Sequential(Rearrange("b t c -> b (t c)"), nn.Linear(24, 3))(x))
show("mixed", EinMix("b t c -> b t d", weight_shape="c d", c=6, d=2)(x))


Pair = jaxtyping.Float[torch.Tensor, "b c"]
Row = jaxtyping.Float[torch.Tensor, "b "]


@jaxtyping.jaxtyped(typechecker=None)
def rows(a: Pair) -> Row:
    return a.sum(1)


show("typed", rows(x[0]))
show("kinds", [isinstance(x, jaxtyping.Float[torch.Tensor, shape]) for shape in ("a b c", "a")])

model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.randn(5, 3)
with higher.innerloop_ctx(model, optimizer) as (inner, steps):
    for _ in range(3):
        steps.step(inner(data).square().mean())
    start = list(inner.parameters(time=0))
    show("through steps", torch.autograd.grad(inner(data).square().mean(), start), 1e-4)


class Spiral(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor([[-0.1, 2.0], [-2.0, -0.1]]))

    def forward(self, t, y):
        return y @ self.matrix


spiral = Spiral()
start, times = torch.tensor([[2.0, 0.0]]), torch.linspace(0, 1, 5)
for method in ("dopri5", "dopri8", "rk4", "midpoint", "bosh3", "implicit_adams"):
    show(method, odeint(spiral, start, times, method=method), 1e-4)
odeint_adjoint(spiral, start, times).sum().backward()
show("adjoint", spiral.matrix.grad, TRAINING)

parts = torch.randn(2, 3), torch.randn(3, 4), torch.randn(4, 2)
show("contracted", opt_einsum.contract("ij,jk,kl->il", *parts))
net = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
)
for backend in ("pytorch", "aten"):
    cost = get_model_complexity_info(
        net, (3, 8, 8), as_strings=False, print_per_layer_stat=False, backend=backend
    )
    show(f"cost, {backend}", list(cost))
