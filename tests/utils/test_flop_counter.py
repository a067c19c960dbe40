"""Counted arithmetic: tables and numbers of torch 2.14.1."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils import flop_counter
from flambeau.utils.flop_counter import FlopCounterMode


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.fc = nn.Linear(8 * 16, 10)
        self.seq = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))

    def forward(self, x):
        return self.seq(self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)))


TABLE = """\
Module                           FLOP    % Total
---------------------------  --------  ---------
Net                          129.552K    100.00%
- aten.convolution            55.296K     42.68%
- aten.addmm                   6.320K      4.88%
- aten.mm                     12.640K      9.76%
- aten.convolution_backward   55.296K     42.68%
Net.conv                     110.592K     85.36%
- aten.convolution            55.296K     42.68%
- aten.convolution_backward   55.296K     42.68%
Net.fc                        15.360K     11.86%
- aten.addmm                   5.120K      3.95%
- aten.mm                     10.240K      7.90%
Net.seq                        3.600K      2.78%
- aten.addmm                   1.200K      0.93%
- aten.mm                      2.400K      1.85%"""


def count(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def test_forward_and_backward_of_modules(capsys):
    with FlopCounterMode(depth=2) as counter:
        Net()(torch.randn(2, 3, 8, 8)).sum().backward()
    assert capsys.readouterr().out.rstrip() == counter.get_table() == TABLE
    assert counter.get_table(1) == "\n".join(TABLE.splitlines()[:7])
    counts = counter.get_flop_counts()["Net.seq.2"]
    assert {str(name): n for name, n in counts.items()} == {"aten.addmm": 400, "aten.mm": 800}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: torch.ones(4, 5) @ torch.ones(5, 6), 240),
        (lambda: torch.ones(3, 4, 5) @ torch.ones(3, 5, 6), 720),
        (lambda: torch.baddbmm(torch.ones(1), torch.ones(3, 4, 5), torch.ones(3, 5, 6)), 720),
        (lambda: torch.addmm(torch.ones(6), torch.ones(4, 5), torch.ones(5, 6)), 240),
        (lambda: F.conv1d(torch.ones(1, 4, 9), torch.ones(6, 2, 3), groups=2), 504),
        (lambda: torch.einsum("ij,jk->ik", torch.ones(3, 4), torch.ones(4, 5)), 120),
        (lambda: nn.MultiheadAttention(8, 2, batch_first=True)(*[torch.ones(2, 5, 8)] * 3), 6720),
    ],
)
def test_products(function, expected):
    assert count(function) == expected


def test_transposed_convolution_and_its_gradient():
    w = torch.ones(3, 4, 3, 3, requires_grad=True)
    assert count(lambda: F.conv_transpose2d(torch.ones(1, 3, 5, 5), w).sum().backward()) == 10800


def test_attention():
    """Both products of attention forward, five backward; PyTorch counts them on CUDA, and 0 on the CPU."""
    q, k = torch.ones(2, 4, 16, 8, requires_grad=True), torch.ones(2, 4, 12, 8)
    product = 2 * (2 * 4) * 16 * 8 * 12
    assert flop_counter.sdpa_flop_count(q.shape, k.shape, k.shape) == 2 * product
    assert count(lambda: F.scaled_dot_product_attention(q, k, k)) == 2 * product
    assert count(lambda: F.scaled_dot_product_attention(q, k, k).sum().backward()) == 7 * product


def test_formulas_of_programs():
    formulas = {torch.ops.aten.exp: lambda shape, out_shape=None, **_: 5 * shape.numel()}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        torch.ones(3).exp()
    assert counter.get_total_flops() == 15
    with pytest.raises(ValueError, match="to be OpOverloadPacket"):
        flop_counter.register_flop_formula(torch.ops.aten.exp.default)(min)
    with pytest.raises(RuntimeError, match=r"duplicate registrations for aten\.mm"):
        flop_counter.register_flop_formula(torch.ops.aten.mm)(min)


def test_nothing_is_counted():
    with FlopCounterMode(display=False) as counter:
        torch.ones(3).exp()
    assert counter.get_total_flops() == 0
    with pytest.warns(UserWarning, match="mods argument is not needed anymore"):
        FlopCounterMode(Net())
