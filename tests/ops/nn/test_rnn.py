"""The recurrent layers' one operation: values recorded from PyTorch, gradients of two orders."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.ops.nn.rnn import GATES, advance, gate_by_gate, gated, recurrence, unrolled

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


def test_a_first_state_may_depend_on_the_weights():
    x, w, b, h, _ = operands("GRU")

    def call(x, w, b, h):
        first = recurrence(x, w, b, h, None, "GRU")[0][-1]
        return recurrence(x, w, b, first, None, "GRU")[0]

    assert torch.autograd.gradgradcheck(call, (x, w, b, h))


@pytest.mark.parametrize("mode", ["GRU", "LSTM"])
def test_steps_of_a_cell_have_gradients_of_two_orders(mode):
    x, w, b, h, c = operands(mode)
    given = [x[0].detach().requires_grad_(), w, b, h] + ([] if c is None else [c])

    def call(x, w, b, h, c=None):
        for _ in range(2):
            h, c = advance(x, w, b, h, c, mode)
        return h if c is None else (h, c)

    assert torch.autograd.gradcheck(call, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(call, given)


@pytest.mark.parametrize("mode", ["GRU", "LSTM"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_step_is_its_gates_one_by_one(mode, turned):
    shapes = (7, 5 * GATES[mode]), (7, 5 * GATES[mode]), (7, 5)
    made = [torch.linspace(-2, 2, n * m).cos().reshape(m, n).T for n, m in shapes]
    x, own, state = ((v if turned else v.contiguous()).requires_grad_() for v in made)
    found, expected = (f(x, own, state, mode)[:2] for f in (gated, gate_by_gate))
    for got, want in zip(found, expected):
        if want is None:
            continue
        np.testing.assert_allclose(got.tolist(), want.tolist(), rtol=1e-6)
        slopes = (
            torch.autograd.grad(v.sum(), (x, own, state), retain_graph=True, allow_unused=True)
            for v in (got, want)
        )
        for slope, other in zip(*slopes):
            np.testing.assert_allclose(slope.tolist(), other.tolist(), rtol=1e-5, atol=1e-7)


def test_the_state_of_a_step_may_not_be_changed_before_its_gradient():
    x, w, b, h, c = operands("LSTM")
    y, cell = advance(x[0], w, b, h, c, "LSTM")
    with torch.no_grad():
        cell.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("mode", ["RNN_TANH", "GRU", "LSTM"])
@pytest.mark.parametrize("batch", [1, 3, 20])
def test_a_sequence_from_its_end(mode, batch):
    """It is the sequence turned round, whose results are turned back; and so are both gradients."""
    rng = np.random.default_rng(batch)
    rows = 6 * GATES[mode]
    shapes = [(5, batch, rows), (rows, 6), (rows,), (batch, 6)]
    shapes.append((batch, 6) if mode == "LSTM" else None)
    given = [s and torch.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]
    there = [v for v in given if v is not None]
    slope = torch.tensor(rng.normal(size=(5, batch, 6)))
    turned = [given[0].flip(0), *given[1:]]
    y, last, *_ = recurrence(*given, mode, True)
    expected, last_expected, *_ = recurrence(*turned, mode)
    torch.testing.assert_close(y, expected.flip(0))
    torch.testing.assert_close(last, last_expected)
    total = (y * slope).sum() + last.sum()
    wanted = (expected.flip(0) * slope).sum() + last_expected.sum()
    for found, right in zip(
        torch.autograd.grad(total, there, create_graph=True),
        torch.autograd.grad(wanted, there, retain_graph=True),
    ):
        torch.testing.assert_close(found, right)
    found, right = torch.autograd.grad(total, there), torch.autograd.grad(wanted, there)
    for a, b in zip(found, right):
        torch.testing.assert_close(a, b)
