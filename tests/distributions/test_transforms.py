"""Transforms: inverses, stretching against differences, shapes, caches, and the sets they lead to."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau.distributions import constraints

D = torch.distributions
X = torch.tensor([0.3, -0.7, 1.2], dtype=torch.float64)

ELEMENTWISE = {
    "exp": D.ExpTransform(),
    "affine": D.AffineTransform(1.0, -2.0),
    "affine tensors": D.AffineTransform(X + 1, X.abs()),
    "sigmoid": D.SigmoidTransform(),
    "tanh": D.TanhTransform(),
    "softplus": D.SoftplusTransform(),
    "power": D.ComposeTransform([D.ExpTransform(), D.PowerTransform(torch.tensor(2.5).double())]),
    "cdf": D.CumulativeDistributionTransform(D.Normal(0.0, torch.tensor(2.0).double())),
    "inverse": D.ComposeTransform([D.SigmoidTransform(), D.ExpTransform().inv]),
    "identity": D.identity_transform,
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_transforms_go_back_and_know_their_slope(name: str) -> None:
    transform = ELEMENTWISE[name]
    y = transform(X)
    np.testing.assert_allclose(transform.inv(y).numpy(), X.numpy(), rtol=1e-9)
    step = 1e-6
    slope = (transform(X + step) - transform(X - step)) / (2 * step)
    stretch = transform.log_abs_det_jacobian(X, y)
    np.testing.assert_allclose(stretch.numpy(), slope.abs().log().numpy(), atol=1e-7)
    back = transform.inv.log_abs_det_jacobian(y, X)
    np.testing.assert_allclose(back.numpy(), -stretch.numpy())
    assert bool(transform.codomain.check(y).all())
    assert bool((torch.sign(slope) == torch.as_tensor(transform.sign)).all())
    assert transform.inv.inv is transform


def test_sticks_are_broken_into_points_of_the_simplex() -> None:
    transform = D.StickBreakingTransform()
    y = transform(X)
    # recorded from PyTorch
    np.testing.assert_allclose(
        y.numpy(), [0.31032244, 0.13718087, 0.4246074, 0.12788929], rtol=1e-6
    )
    np.testing.assert_allclose(transform.inv(y).numpy(), X.numpy(), rtol=1e-9)
    jacobian = torch.func.jacrev(transform)(X)[:-1]
    want = torch.linalg.slogdet(jacobian).logabsdet.item()
    assert transform.log_abs_det_jacobian(X, y).item() == pytest.approx(want)
    assert transform.forward_shape((2, 3)) == (2, 4)
    assert transform.inverse_shape((2, 4)) == (2, 3)


def test_matrices() -> None:
    x = torch.arange(9, dtype=torch.float64).reshape(3, 3) / 9
    lower = D.LowerCholeskyTransform()
    assert bool(constraints.lower_cholesky.check(lower(x)))
    np.testing.assert_allclose(lower.inv(lower(x)).numpy(), x.tril().numpy(), atol=1e-12)
    definite = D.PositiveDefiniteTransform()
    assert bool(constraints.positive_definite.check(definite(x)))
    np.testing.assert_allclose(definite.inv(definite(x)).numpy(), x.tril().numpy(), atol=1e-10)


def test_shapes() -> None:
    reshape = D.ReshapeTransform((4,), (2, 2))
    x = torch.arange(8.0).reshape(2, 4)
    assert reshape(x).shape == (2, 2, 2)
    assert reshape.inv(reshape(x)).tolist() == x.tolist()
    assert reshape.log_abs_det_jacobian(x, reshape(x)).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="different numbers of elements"):
        D.ReshapeTransform((4,), (3,))
    summed = D.IndependentTransform(D.ExpTransform(), 1)
    assert summed.log_abs_det_jacobian(x, summed(x)).tolist() == [6.0, 22.0]
    assert summed.domain.event_dim == 1


def test_caches_give_the_very_value_back() -> None:
    transform = D.TanhTransform(cache_size=1)
    x = torch.tensor([20.0])  # tanh loses it
    y = transform(x)
    assert transform.inv(y) is x
    assert transform(x) is y
    assert D.TanhTransform().inv(D.TanhTransform()(x)).item() == float("inf")
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        D.ExpTransform(2)
    assert transform.with_cache(0)._cache_size == 0


SETS = {
    "real": constraints.real,
    "positive": constraints.positive,
    "greater_than": constraints.greater_than(2.0),
    "less_than": constraints.less_than(-1.0),
    "unit_interval": constraints.unit_interval,
    "interval": constraints.interval(-2.0, 3.0),
    "simplex": constraints.simplex,
    "real_vector": constraints.real_vector,
}


@pytest.mark.parametrize("name", SETS)
def test_transforms_lead_to_the_sets(name: str) -> None:
    constraint = SETS[name]
    for registry in (D.biject_to, D.transform_to):
        transform = registry(constraint)
        y = transform(X)
        assert bool(constraint.check(y).all())
        again = transform(transform.inv(y))
        np.testing.assert_allclose(again.numpy(), y.numpy(), rtol=1e-7)


def test_sets_without_a_transform() -> None:
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        D.biject_to(constraints.boolean)


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (constraints.boolean, [0.0, 1.0], [0.5, 2.0]),
        (constraints.nonnegative_integer, [0.0, 3.0], [-1.0, 0.5]),
        (constraints.positive_integer, [1.0, 3.0], [0.0, 1.5]),
        (constraints.integer_interval(1, 3), [1.0, 3.0], [0.0, 2.5]),
        (constraints.real, [0.0, float("inf")], [float("nan"), float("nan")]),
        (constraints.positive, [0.1, 3.0], [0.0, -1.0]),
        (constraints.nonnegative, [0.0, 3.0], [-0.1, -1.0]),
        (constraints.less_than(1.0), [0.9, -3.0], [1.0, 2.0]),
        (constraints.half_open_interval(0.0, 1.0), [0.0, 0.9], [1.0, -0.1]),
    ],
)
def test_sets_of_numbers(constraint, inside, outside) -> None:
    assert constraint.check(torch.tensor(inside)).tolist() == [True, True]
    assert constraint.check(torch.tensor(outside)).tolist() == [False, False]


def test_sets_of_vectors_and_matrices() -> None:
    eye = torch.eye(2)
    assert bool(constraints.one_hot.check(eye).all())
    assert bool(constraints.simplex.check(torch.tensor([0.4, 0.6])))
    assert not bool(constraints.simplex.check(torch.tensor([0.4, 0.7])))
    assert constraints.positive_definite.check(torch.stack([eye, -eye])).tolist() == [True, False]
    assert constraints.positive_semidefinite.check(torch.stack([0 * eye, -eye])).tolist() == [
        True,
        False,
    ]
    assert not bool(constraints.symmetric.check(torch.tensor([[1.0, 2], [3, 1]])))
    assert bool(constraints.corr_cholesky.check(eye))
    pair = constraints.stack([constraints.positive, constraints.real])
    assert pair.check(torch.tensor([[1.0, -1], [-1, -1]])).tolist() == [[True, False], [True, True]]
    joined = constraints.cat([constraints.positive, constraints.real], lengths=[1, 2])
    assert joined.check(torch.tensor([-1.0, -1, -1])).tolist() == [False, True, True]
    assert repr(constraints.greater_than(2.0)) == "GreaterThan(lower_bound=2.0)"
    assert repr(constraints.independent(constraints.real, 1)) == "Independent(Real(), 1)"
