"""The recurrent layers' one operation: values recorded from PyTorch, gradients of two orders."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.ops.nn.rnn import GATES, recurrence, unrolled

# outputs, the gradients of x, of the first elements of weight_hh and of bias_hh
RECORDED = {
    "RNN": (
        [0.906059554, 0.353871354, 0.862125399, -0.854807824, 0.844680885, -0.381167333],
        [1.067567434, 0.500660535, -0.190117024, 0.411126553, -0.592476542, 0.315343517],
        [0.891744809, -0.228446356, -0.751180418, 0.482984557],
        [1.405756832, 0.313400059],
    ),
    "GRU": (
        [0.856576151, 0.119230358, -0.116153424, 0.745293358, -0.484771786, 0.710511235],
        [0.127778588, -0.259540113, -0.278384572, -0.503641456, -0.701431361, -0.580104208],
        [-0.060260907, -0.018314475, -0.002638068, 0.028031313],
        [-0.063134509, 0.140506342, -0.233559387],
    ),
    "LSTM": (
        [0.47687179, 0.225330434, -0.031948453, 0.078576784, -0.146675281, 0.100574231],
        [-0.035266358, -0.028002825, -0.046349661, 0.007708776, -0.17033804, -0.058961684],
        [0.005026161, 0.003165279, 0.006803568, 0.004189614],
        [0.072486686, 0.071623703, -0.020858102],
    ),
}


@pytest.mark.parametrize("mode", RECORDED)
def test_values_and_gradients(mode):
    m = getattr(nn, mode)(2, 2, dtype=torch.float64)
    with torch.no_grad():
        for i, weight in enumerate(m.parameters()):
            count = torch.arange(weight.numel(), dtype=torch.float64)
            weight.copy_(torch.sin(count + i).reshape(weight.shape))
    x = torch.cos(torch.arange(6.0, dtype=torch.float64)).reshape(3, 1, 2).requires_grad_()
    out, _ = m(x)
    (out**2).sum().backward()
    weight, bias = m.weight_hh_l0.grad.flatten()[:4], m.bias_hh_l0.grad.flatten()[:3]
    for own, recorded in zip((out.flatten(), x.grad.flatten(), weight, bias), RECORDED[mode]):
        np.testing.assert_allclose(own.tolist(), recorded, rtol=1e-6, atol=1e-8)


def operands(mode, bias=True):
    rng = np.random.default_rng(3)
    rows = 2 * GATES[mode]
    shapes = [(3, 2, rows), (rows, 2), (rows,) if bias else None, (2, 2)]
    shapes.append((2, 2) if mode == "LSTM" else None)
    return [s and torch.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]


@pytest.mark.parametrize("mode", ["RNN_TANH", "GRU", "LSTM"])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_two_orders(mode, bias):
    given = operands(mode, bias)
    there = [v for v in given if v is not None]

    def call(*values):
        values = iter(values)
        y, last, *_ = recurrence(*[v if v is None else next(values) for v in given], mode)
        return (y, last) if mode == "LSTM" else y

    assert torch.autograd.gradcheck(call, there)
    assert torch.autograd.gradgradcheck(call, there)


@pytest.mark.parametrize("mode", GATES)
def test_the_loop_is_the_steps_one_by_one(mode):
    given = operands(mode)
    before = given[0].tolist()
    y, last, *_ = recurrence(*given, mode)
    expected, cell = unrolled(*given, mode)
    np.testing.assert_allclose(y.tolist(), expected.tolist(), rtol=1e-12)
    if cell is not None:
        np.testing.assert_allclose(last.tolist(), cell.tolist(), rtol=1e-12)
    assert given[0].tolist() == before
    wanted = [v for v in given if v is not None]
    for own, other in zip(
        torch.autograd.grad((y**2).sum(), wanted, allow_unused=True),
        torch.autograd.grad((expected**2).sum(), wanted, allow_unused=True),
    ):
        np.testing.assert_allclose(own.tolist(), other.tolist(), rtol=1e-10, atol=1e-13)


def test_only_the_last_cell_is_used():
    given = operands("LSTM")
    (slope,) = torch.autograd.grad(recurrence(*given, "LSTM")[1].sum(), given[4:])
    (other,) = torch.autograd.grad(unrolled(*given, "LSTM")[1].sum(), given[4:])
    np.testing.assert_allclose(slope.tolist(), other.tolist(), rtol=1e-12)
