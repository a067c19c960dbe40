"""A module traced, scripted, exported and compiled."""

import os
import warnings

import torch
import torch.nn as nn

warnings.filterwarnings("ignore")


class MyCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new_h = torch.tanh(self.linear(x) + h)
        return new_h, new_h


torch.manual_seed(0)
c = MyCell()
x, h = torch.rand(3, 4), torch.rand(3, 4)
t = torch.jit.trace(c, (x, h))
print(torch.equal(t(x, h)[0], c(x, h)[0]), isinstance(t, torch.jit.ScriptModule))
s = torch.jit.script(c)
print(torch.equal(s(x, h)[0], c(x, h)[0]))


@torch.jit.script
def foo(x: torch.Tensor, n: int) -> torch.Tensor:
    if n > 1:
        return x * n
    return x


print(foo(x, 2).sum())
t.save("cell.pt")
loaded = torch.jit.load("cell.pt")
print(torch.equal(loaded(x, h)[0], c(x, h)[0]))

os.remove("cell.pt")
ep = torch.export.export(c, (x, h))
print(torch.equal(ep.module()(x, h)[0], c(x, h)[0]), len(ep.graph_signature.parameters))
o = torch.compile(c, backend="eager")
print(torch.equal(o(x, h)[0], c(x, h)[0]))
