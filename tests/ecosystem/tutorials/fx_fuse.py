"""Rewriting a graph: batch normalisation folded into convolutions."""

import operator

import torch
import torch.fx as fx
import torch.nn as nn


class WrappedBatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.mod = nn.BatchNorm2d(1)

    def forward(self, x):
        return self.mod(x)


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 1, 1)
        self.bn1 = nn.BatchNorm2d(1)
        self.nested = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 1, 1))
        self.wrapped = WrappedBatchNorm()

    def forward(self, x):
        x = self.bn1(self.conv1(x))
        x = self.nested(x)
        return torch.relu(self.wrapped(x)) + x.sum(dim=1, keepdim=True)


torch.manual_seed(0)
model = M().eval()
traced = fx.symbolic_trace(model)
print(traced.graph)
print(traced.code)
mods = dict(traced.named_modules())
for n in traced.graph.nodes:
    print(
        n.op, n.name, n.target if isinstance(n.target, str) else n.target.__name__, n.args, n.kwargs
    )
for n in list(traced.graph.nodes):
    if (
        n.op == "call_module"
        and isinstance(mods[n.target], nn.BatchNorm2d)
        and n.args[0].op == "call_module"
        and isinstance(mods[n.args[0].target], nn.Conv2d)
    ):
        conv = nn.utils.fusion.fuse_conv_bn_eval(mods[n.args[0].target], mods[n.target])
        parent, name = (
            n.args[0].target.rsplit(".", 1) if "." in n.args[0].target else ("", n.args[0].target)
        )
        setattr(mods[parent] if parent else traced, name, conv)
        n.replace_all_uses_with(n.args[0])
        traced.graph.erase_node(n)
traced.recompile()
x = torch.randn(2, 1, 4, 4)
print(torch.allclose(traced(x), model(x), atol=1e-6))


class Inv(fx.Transformer):
    def call_function(self, target, args, kwargs):
        return super().call_function(
            torch.sigmoid if target is torch.relu else target, args, kwargs
        )


print(Inv(fx.symbolic_trace(model)).transform().code)


def f(x):
    return torch.nn.functional.gelu(x) + x[0].neg() * 2


g = fx.symbolic_trace(f)
for n in g.graph.nodes:
    if n.op == "call_function" and n.target == operator.add:
        with g.graph.inserting_after(n):
            new = g.graph.call_function(torch.mul, n.args)
            n.replace_all_uses_with(new)
        g.graph.erase_node(n)
g.graph.lint()
g.recompile()
print(g.code, g(torch.ones(2, 2)))
