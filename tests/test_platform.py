"""What a new Python, NumPy, LLVM or processor breaks first: a quick look before the whole suite.

Much of it reads what CPython does not promise (the layout of objects, counts of references), and a wrong guess
there ends the process: `.ci/platforms` runs this file by itself, with kernels and without.
"""

import copy

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn


@pytest.fixture
def table():
    return np.random.RandomState(0).randn(20, 30).astype("f4")


def test_a_formula():
    x = torch.arange(5.0) * 2 + 1
    expected = np.exp(np.arange(1.0, 10.0, 2.0)).sum()
    assert x.exp().sum().item() == pytest.approx(expected, rel=2e-6)


def test_an_operation_reads_a_tuple_of_axes(table):
    x = torch.from_numpy(table).double()
    assert x.sum((-2, -1)).item() == pytest.approx(table.astype("f8").sum(), rel=1e-12)
    assert x.amax((0, 1)).item() == table.max()


def test_softmax(table):
    rows = torch.softmax(torch.from_numpy(table), -1).sum(1)
    np.testing.assert_allclose(rows.numpy(), np.ones(20), rtol=2e-6)


def test_leaves_do_not_share_a_gradient():
    a, b = (torch.ones(3, requires_grad=True) for _ in range(2))
    ((a + b) * 2).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_gradient_that_was_given_stays_the_callers():
    x, g = torch.ones(4, requires_grad=True), torch.ones(2, 2)
    x.view(2, 2).backward(g)
    x.grad.zero_()
    assert g.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_view_learns_of_a_later_write_to_its_base():
    base = torch.zeros(3)
    view = base[0:2]
    base.mul_(torch.ones(1, requires_grad=True))
    assert view.requires_grad


def test_the_line_of_a_write_that_spoilt_a_saved_value_is_named():
    w = torch.ones(2)
    y = torch.ones(2, requires_grad=True) * w
    w.add_(1)
    with pytest.raises(RuntimeError, match=r"test_platform.py"):
        y.sum().backward()


@pytest.mark.parametrize("name", ["round", "var", "std", "norm"])
def test_float32_stays_float32(name, table):
    assert getattr(torch, name)(torch.from_numpy(table)).numpy().dtype == np.float32


def test_dlpack():
    assert np.from_dlpack(torch.arange(3)).tolist() == [0, 1, 2]
    assert torch.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]


def test_a_copied_module_has_the_same_parameters():
    net = nn.Transformer(6, 2, 1, 1, 8)
    twin = copy.deepcopy(net)
    pairs = list(zip(net.parameters(), twin.parameters(), strict=True))
    assert all(torch.equal(p, q) and p is not q for p, q in pairs)


def test_a_network_learns():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    x, labels = torch.randn(32, 1, 8, 8), torch.randint(0, 3, (32,))
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
