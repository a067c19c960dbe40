"""logsumexp and logcumsumexp: gradients of large, infinite and absent elements; complex phases."""

import math

import numpy as np
import pytest

import flambeau as torch

INF, NAN = math.inf, math.nan


def slopes(function, values, dtype=torch.float64):
    x = torch.tensor(values, dtype=dtype, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    ("values", "whole", "running"),
    [
        ([1e4, 1e4], [0.5, 0.5], [1.5, 0.5]),
        ([-1e4] * 4, [0.25] * 4, [25 / 12, 13 / 12, 7 / 12, 0.25]),
        ([1.0, 2.0], [0.26894142, 0.73105858], [1.26894142, 0.73105858]),
        ([INF, 1.0], [1.0, 0.0], [2.0, 0.0]),
        ([1.0, INF, 2.0], [0.0, 1.0, 0.0], [1.0, 2.0, 0.0]),
        ([INF, INF], [0.5, 0.5], [1.5, 0.5]),
        ([-INF, 2.0], [0.0, 1.0], [0.0, 1.0]),
        ([-INF, -INF], [0.5, 0.5], [0.0, 0.0]),
        ([1.0, NAN], [NAN, NAN], [NAN, NAN]),
    ],
)
def test_the_gradient_is_the_softmax(values, whole, running, dtype):
    kind = getattr(torch, dtype)
    rough = 0.01 if kind.itemsize == 2 else 1e-6
    found = slopes(lambda x: torch.logsumexp(x, 0), values, kind)
    np.testing.assert_allclose(found, whole, rtol=rough)
    found = slopes(lambda x: torch.logcumsumexp(x, 0), values, kind)
    np.testing.assert_allclose(found, running, rtol=rough)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["logsumexp", "logcumsumexp"])
def test_large_elements_in_float32(name, dim):
    """As float64 gives them; what is subtracted from an element must not be rounded."""
    x = (np.arange(60) * 0.25).reshape(3, 20) % 7 - 3e4
    want = slopes(lambda x: getattr(torch, name)(x, dim), x)
    got = slopes(lambda x: getattr(torch, name)(x, dim), x, torch.float32)
    np.testing.assert_allclose(got, want, rtol=2e-6)


def test_the_second_derivative_of_large_elements():
    x = torch.tensor([1e9, 1e9 + 1, 1e9 - 2], dtype=torch.float64)
    near = torch.func.hessian(lambda x: torch.logcumsumexp(x, 0)[2])(x - 1e9)
    far = torch.func.hessian(lambda x: torch.logcumsumexp(x, 0)[2])(x)
    share = torch.softmax(x, 0)
    want = torch.diag(share) - torch.outer(share, share)
    for found in (near, far, torch.func.hessian(lambda x: torch.logsumexp(x, 0))(x)):
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-15)


def test_tangents_of_large_elements():
    x, step = torch.full((4,), 1e5), torch.tensor([1.0, 0, 0, 0])
    _, tangent = torch.func.jvp(lambda x: torch.logcumsumexp(x, 0), (x,), (step,))
    np.testing.assert_allclose(tangent, [1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-6)


def test_it_goes_back_through_empty_and_single_rows():
    for shape in ((0, 3), (3, 0), (1, 2), ()):
        x = torch.ones(shape, requires_grad=True)
        torch.logcumsumexp(x, 0).sum().backward()
        np.testing.assert_array_equal(x.grad, np.ones(shape))


PHASES = [
    (1 + 3j, 1 - 3j, 1.6830892654862524 + math.pi * 1j, 1.6830892654862524 - math.pi * 1j),
    (1 - 3j, 1 + 3j, 1.6830892654862524 - math.pi * 1j, 1.6830892654862524 + math.pi * 1j),
    (complex(-INF, 1), 2 + 10j, 2 + 10j, 2 + 10j),
    (100 + 7j, 1 + 100j, 100 + 7j, 100 + 7j),
    (complex(INF, 1), 1 + 2j, complex(INF, 1), complex(INF, 1)),
    (complex(-INF, 1), complex(-INF, 2), complex(-INF, 2), complex(-INF, 0)),
]
"""Two numbers, their logaddexp and logcumsumexp, recorded from PyTorch."""


@pytest.mark.parametrize(("x", "y", "both", "running"), PHASES)
def test_the_phase_of_complex_numbers(x, y, both, running):
    x, y = (torch.tensor([v], dtype=torch.complex128) for v in (x, y))
    for got, want in (
        (torch.logaddexp(x, y), both),
        (torch.logcumsumexp(torch.cat([x, y]), 0)[1:], running),
    ):
        np.testing.assert_allclose([got.item().real, got.item().imag], [want.real, want.imag])


def test_complex_gradients_agree_with_differences(assert_differences):
    def turned(x):
        return 2 * x + 3j * x.flip(0)

    assert_differences(lambda t, x, y: t.logaddexp(turned(x), -turned(y)), [(3, 2), (3, 1)])
    assert_differences(lambda t, x: t.logcumsumexp(turned(x), 1), [(2, 4)])
