"""Batch, instance and group norm: values recorded from PyTorch, gradients of two orders, layouts."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F

# y's first two and last two elements, the gradients of x (four elements), weight and bias, running statistics
RECORDED = {
    "batch": (
        [-1.045482492, -1.002117376, 3.494638725, 3.593172923],
        [0.025368575, 0.005277184, -0.036485578, -0.035537786],
        [0.499473529, -0.386338273, 0.296144718, -0.206988464],
        [6.027209021, 9.023501589, 12.686414418, 16.86804211],
        [160.279206807, 239.916811542, 316.313468254, 391.801945788],
    ),
    "instance": (
        [-1.089697294, -0.235797827, 2.995359916, 3.6146792],
        [-0.014659484, 0.022684076, -0.008024591, 0.075383366],
        [-2.641237631, 2.173311072, -1.677798249, 1.151595526],
        [6.027209021, 9.023501589, 12.686414418, 16.86804211],
        [4.662045258, 6.36945523, 8.059053885, 9.747439697],
    ),
    "group": (
        [-1.197790303, -0.942985753, 3.436821354, 3.743639434],
        [0.224860479, 0.128513845, -0.077187276, -0.426443797],
        [-3.561950588, -1.654865193, -3.920753221, -2.762159293],
        [0.0] * 4,
        [1.0] * 4,
    ),
    "fixed": (
        [0.0, 0.999995, 54.594315387, 58.15178676],
        [0.999995, 0.540299604, -0.416144756, -1.979975093],
        [84.137921173, -131.912255554, 193.591104477, -265.640509437],
        [0.0] * 4,
        [1.0] * 4,
    ),
}
BIAS_GRADIENT = [3.012193428, -3.352484663, 3.625675895, -3.8262992]
CALLS = {
    "batch": lambda x, w, b, rm, rv: F.batch_norm(x, rm, rv, w, b, True, 0.25),
    "instance": lambda x, w, b, rm, rv: F.instance_norm(x, rm, rv, w, b, True, 0.25),
    "group": lambda x, w, b, rm, rv: F.group_norm(x, 2, w, b),
    "fixed": lambda x, w, b, rm, rv: F.batch_norm(x, rm, rv, w, b),
}


def running():
    return torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name):
    counted = torch.arange(24.0, dtype=torch.float64).reshape(2, 4, 3)
    x = (counted**1.5).requires_grad_()
    w = torch.tensor([1.0, 2, -1, 0.5], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.0, 1, 2, 3], dtype=torch.float64, requires_grad=True)
    mean, var = running()
    y = CALLS[name](x, w, b, mean, var)
    y.backward(torch.cos(counted))
    values = y.flatten().tolist()
    found = values[:2] + values[-2:], x.grad.flatten()[:4].tolist(), w.grad.tolist()
    for own, recorded in zip((*found, mean.tolist(), var.tolist()), RECORDED[name]):
        np.testing.assert_allclose(own, recorded, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(b.grad.tolist(), BIAS_GRADIENT, rtol=1e-7)
    changed = name in ("batch", "instance")
    assert mean._version == var._version == int(changed)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_gradients_of_two_orders(name, affine):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(2, 4, 3, 2)), requires_grad=True)
    rest = [torch.tensor(rng.normal(size=4), requires_grad=True) for _ in range(affine)]

    def call(x, w=None, b=None):
        return CALLS[name](x, w, b, *running())

    assert torch.autograd.gradcheck(call, (x, *rest))
    assert torch.autograd.gradgradcheck(call, (x, *rest))


@pytest.mark.parametrize("name", CALLS)
def test_channels_that_lie_last(name):
    rng = np.random.default_rng(1)
    plain = torch.tensor(rng.normal(size=(3, 4, 5, 2)) + 3, requires_grad=True)
    w, b = (torch.tensor(rng.normal(size=4)) for _ in range(2))
    expected = CALLS[name](plain, w, b, *running())
    (slope,) = torch.autograd.grad((expected**3).sum(), plain)
    y = CALLS[name](plain.to(memory_format=torch.channels_last), w, b, *running())
    (again,) = torch.autograd.grad((y**3).sum(), plain)
    np.testing.assert_allclose(y.tolist(), expected.tolist(), rtol=1e-10)
    np.testing.assert_allclose(again.tolist(), slope.tolist(), rtol=1e-9, atol=1e-12)
    if name != "instance":
        assert y.stride() == (40, 1, 8, 4)


def test_operands_of_two_layouts():
    rng = np.random.default_rng(4)
    plain, g = (torch.tensor(rng.normal(size=(2, 3, 4, 5))) for _ in range(2))
    last = plain.to(memory_format=torch.channels_last).requires_grad_()
    F.batch_norm(last, None, None, training=True).backward(g)
    plain.requires_grad_()
    F.batch_norm(plain, None, None, training=True).backward(g)
    np.testing.assert_allclose(last.grad.tolist(), plain.grad.tolist(), rtol=1e-9, atol=1e-12)


def test_far_from_zero_no_digits_are_lost():
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(4, 3, 50)) + 3000).astype(np.float32)
    wide = x.astype(np.float64)
    mean, var = (f(wide, axis=(0, 2), keepdims=True) for f in (np.mean, np.var))
    y = F.batch_norm(torch.tensor(x), None, None, training=True)
    np.testing.assert_allclose(y.numpy(), (wide - mean) / np.sqrt(var + 1e-5), atol=2e-3)


def test_running_statistics_that_want_a_gradient():
    mean, var = running()
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'running_"):
        F.batch_norm(torch.ones(2, 4, 3, dtype=torch.float64), mean, var.requires_grad_())


def test_names_of_nodes():
    x = torch.ones(2, 4, 3, requires_grad=True)
    assert F.batch_norm(x, None, None, training=True).grad_fn.name() == "NativeBatchNormBackward0"
    assert F.batch_norm(x, *torch.ones(2, 4)).grad_fn.name() == "NativeBatchNormBackward0"
    assert F.group_norm(x, 2).grad_fn.name() == "NativeGroupNormBackward0"


def test_inputs_without_a_dimension_of_channels():
    ones = torch.ones(3)
    for call in (
        lambda: F.batch_norm(ones, None, None, training=True),
        lambda: F.instance_norm(ones, ones[:0], ones[:0], use_input_stats=False),
    ):
        with pytest.raises(IndexError, match="Dimension out of range"):
            call()
    with pytest.raises(RuntimeError, match="running_mean should contain 0 elements not 3"):
        F.batch_norm(ones, ones, ones)
    with pytest.raises(ValueError, match="Expected more than 1 spatial element"):
        F.instance_norm(ones)
    assert F.batch_norm(ones[:0], ones, ones, training=True).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_epsilon_of_half_types_is_that_of_float32(dtype):
    x = torch.tensor([[0.01]], dtype=dtype)
    assert F.rms_norm(x, (1,)).item() == pytest.approx(0.9994, abs=4e-3)


def test_statistics_of_groups_of_any_scale():
    """Beside float64 of the same numbers, gradients too."""
    rng = np.random.default_rng(5)
    x, g = rng.normal(size=(4, 3, 20)).astype(np.float32), rng.normal(size=(4, 3, 20))
    wanted = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = F.batch_norm(wanted, None, None, training=True, eps=0.0)
    y.backward(torch.tensor(g))
    for scale in (1e-30, 1e-20, 1e20, 1e30):
        own = torch.tensor(x * np.float32(scale), requires_grad=True)
        found = F.batch_norm(own, None, None, training=True, eps=0.0)
        found.backward(torch.tensor(g, dtype=torch.float32))
        np.testing.assert_allclose(found.tolist(), y.tolist(), rtol=1e-4, atol=1e-5)
        slope = np.array(own.grad.tolist()) * scale
        np.testing.assert_allclose(slope, wanted.grad.tolist(), rtol=1e-3, atol=1e-4)
