"""Normalisation of small float32 arrays, against the same in double, which other code computes."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.nn import normalization
from flambeau.ops.nn import normalized
from flambeau.ops.nn.normalized import BATCH, GROUP, groups_of

F = torch.nn.functional
SHAPES = [(4, 6), (2, 6, 5), (3, 6, 4, 17), (1, 6, 3, 2, 2)]


def calls(shape):
    def batch(x, w, b):
        return F.batch_norm(x, None, None, w, b, True, eps=1e-3)

    def given(x, w, b):
        mean = torch.linspace(-1, 1, 6).to(x.dtype)
        return F.batch_norm(x, mean, mean + 2, w, b, False)

    def group(x, w, b):
        return F.group_norm(x, 3, w, b)

    found = [batch, given, group]
    if len(shape) > 2:
        found.append(lambda x, w, b: F.instance_norm(x, None, None, w, b))
    return found


def operands(shape, dtype, affine):
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape) * 3 + 5]
    arrays += [rng.standard_normal(6), rng.standard_normal(6)] if affine else []
    made = [torch.tensor(a.astype(np.float32)).to(dtype).requires_grad_() for a in arrays]
    return made + [None] * (3 - len(made))


def close(found, expected):
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_of_two_orders(shape, affine):
    for call in calls(shape):
        results = []
        for dtype in (torch.float32, torch.float64):
            given = operands(shape, dtype, affine)
            wanted = [x for x in given if x is not None]
            y = call(*given)
            g = torch.linspace(-1, 2, y.numel(), dtype=dtype).reshape(y.shape)
            first = torch.autograd.grad(y, wanted, g, retain_graph=True)
            again = torch.autograd.grad(y, wanted, g, create_graph=True)
            total = sum((part**2).sum() for part in again)
            linear = total.grad_fn is None
            second = [] if linear else torch.autograd.grad(total, wanted[0])
            results.append([y.detach(), *first, *[p.detach() for p in again], *second])
        for found, expected in zip(*results):
            assert found.dtype == torch.float32
            scale = max(1.0, float(expected.abs().max()))
            close(found / scale, expected / scale)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_statistics(shape):
    found = []
    for dtype in (torch.float32, torch.float64):
        x = operands(shape, dtype, False)[0].detach()
        mean, var = torch.zeros(6, dtype=dtype), torch.ones(6, dtype=dtype)
        versions = mean._version
        F.batch_norm(x, mean, var, None, None, True, 0.3)
        assert mean._version == versions + 1
        F.batch_norm(x, mean, None, None, None, True, 0.3)
        found.append((mean, var))
    for own, expected in zip(*found):
        close(own, expected)


def test_running_statistics_are_written_where_that_is_allowed_only():
    x = torch.randn(4, 6)
    twice = torch.zeros(6, 2)[:, 0]
    F.batch_norm(x, twice, torch.ones(6), None, None, True, 1.0)
    close(twice, x.mean(0))
    with pytest.raises(RuntimeError):
        F.batch_norm(x, torch.zeros(1).expand(6), torch.ones(6), None, None, True)


@pytest.mark.parametrize(("axis", "groups"), [(BATCH, 6), (GROUP, 3), (GROUP, 6), (GROUP, 1)])
def test_kernel_and_numpy_agree(axis, groups):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, g = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        told = groups_of(shape, axis, groups)
        for weight in (None, rng.standard_normal(6).astype(np.float32)):
            y, mean, var = normalization.normalized(x, weight, weight, None, None, 0.1, *told)
            plain = normalized._normalized(x, weight, weight, None, None, 0.1, *told)
            for found, expected in zip((y, mean, var), plain):
                assert found.dtype == expected.dtype
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
            for given in (False, True):
                facts = g, x, weight, mean, var, 0.1, given, *told
                for found, expected in zip(normalization.back(*facts), normalized._back(*facts)):
                    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_large_offsets_cost_no_digits():
    x = (torch.randn(8, 6, 5, generator=torch.Generator().manual_seed(0)) + 1e4).float()
    y = F.batch_norm(x, None, None, None, None, True)
    close(y, F.batch_norm(x.double(), None, None, None, None, True))


def test_what_does_not_fit_is_refused():
    x = np.zeros((2, 6, 4), np.float32)
    told = groups_of(x.shape, BATCH, 6)
    assert normalization.normalized(x, None, None, None, None, 1e-5, *told) is not NotImplemented
    for wrong in (
        (7, *told[1:]),
        (*told[:2], 3, *told[3:]),
        (told[0], 40, *told[2:]),
        (-6, *told[1:]),
    ):
        found = normalization.normalized(x, None, None, None, None, 1e-5, *wrong)
        assert found is NotImplemented
    short = np.zeros(5, np.float32)
    assert normalization.normalized(x, short, None, None, None, 1e-5, *told) is NotImplemented
    assert (
        normalization.normalized(x[..., ::2], None, None, None, None, 0.1, *told) is NotImplemented
    )
