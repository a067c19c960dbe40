"""Registries, modules and private names that packages use, against PyTorch 2.14.1."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

import flambeau as torch
from flambeau import distributions as D
from flambeau.distributions import constraints as C

DIVERGENCES = json.loads((Path(__file__).parents[1] / "data" / "divergences.json").read_text())


def t(*values):
    return torch.tensor(values, dtype=torch.float64)


PAIRS = {
    "Bernoulli": (D.Bernoulli(t(0.3, 0.6)), D.Bernoulli(t(0.5, 0.2))),
    "Beta": (D.Beta(t(1.5, 2.0), t(2.0, 0.7)), D.Beta(t(0.5, 3.0), t(1.0, 1.2))),
    "ContinuousBernoulli": (D.ContinuousBernoulli(t(0.3, 0.5)), D.ContinuousBernoulli(t(0.9, 0.4))),
    "Exponential": (D.Exponential(t(1.5, 0.3)), D.Exponential(t(0.7, 2.0))),
    "Gamma": (D.Gamma(t(1.5, 0.8), t(2.0, 0.5)), D.Gamma(t(0.5, 3.0), t(1.0, 1.2))),
    "Gumbel": (D.Gumbel(t(1.5, -0.8), t(2.0, 0.5)), D.Gumbel(t(0.5, 3.0), t(1.0, 1.2))),
    "Laplace": (D.Laplace(t(1.5, -0.8), t(2.0, 0.5)), D.Laplace(t(0.5, 3.0), t(1.0, 1.2))),
    "Normal": (D.Normal(t(1.5, -0.8), t(2.0, 0.5)), D.Normal(t(0.5, 3.0), t(1.0, 1.2))),
    "Pareto": (D.Pareto(t(1.5, 0.8), t(3.0, 1.5)), D.Pareto(t(0.2, 0.3), t(1.0, 2.2))),
    "Uniform": (D.Uniform(t(0.1, -0.5), t(0.8, 0.9)), D.Uniform(t(0.0, -1.0), t(1.0, 2.0))),
    "Poisson": (D.Poisson(t(1.0, 3.0)), D.Poisson(t(2.0, 0.5))),
    "Binomial": (D.Binomial(5, t(0.3, 0.4)), D.Binomial(5, t(0.2, 0.6))),
    "Geometric": (D.Geometric(t(0.3, 0.4)), D.Geometric(t(0.2, 0.6))),
    "LowRankMultivariateNormal": (
        D.LowRankMultivariateNormal(t(1.0, 2.0), t(0.5, 0.3).reshape(2, 1), t(1.0, 0.4)),
        D.LowRankMultivariateNormal(t(0.0, 2.0), t(0.1, 0.9).reshape(2, 1), t(0.3, 0.6)),
    ),
    "MultivariateNormal": (
        D.MultivariateNormal(t(1.0, 2.0), t(2.0, 0.3, 0.3, 1.0).reshape(2, 2)),
        D.MultivariateNormal(t(0.0, 1.0), t(1.0, -0.3, -0.3, 1.0).reshape(2, 2)),
    ),
    "Chi2": (D.Chi2(t(1.0, 3.0)), D.Chi2(t(2.0, 4.0))),
    "HalfNormal": (D.HalfNormal(t(1.0, 3.0)), D.HalfNormal(t(2.0, 4.0))),
    "Cauchy": (D.Cauchy(t(1.5, -0.8), t(2.0, 0.5)), D.Cauchy(t(0.5, 3.0), t(1.0, 1.2))),
    "Dirichlet": (D.Dirichlet(t(1.0, 2.0, 0.5)), D.Dirichlet(t(2.0, 2.0, 1.5))),
}


def test_every_divergence():
    """PyTorch's, but for that of a ContinuousBernoulli from a uniform distribution on [0, 1], which is finite."""
    for p in PAIRS:
        for q in PAIRS:
            wanted = DIVERGENCES.get(f"{p} {q}")
            if wanted is None:
                with pytest.raises(NotImplementedError):
                    D.kl_divergence(PAIRS[p][0], PAIRS[q][1])
                continue
            found = D.kl_divergence(PAIRS[p][0], PAIRS[q][1]).numpy()
            np.testing.assert_allclose(
                found, np.array(wanted, float), rtol=1e-9, err_msg=f"{p} {q}"
            )


@pytest.mark.parametrize(
    "name", ["Bernoulli", "ContinuousBernoulli", "Exponential", "Gamma", "Normal", "Chi2"]
)
def test_exponential_families_know_their_normalizer(name):
    p, q = PAIRS[name]
    np.testing.assert_allclose(D.ExponentialFamily.entropy(p).detach().numpy(), p.entropy().numpy())
    general = D.kl._dispatch_kl(D.ExponentialFamily, D.ExponentialFamily)
    np.testing.assert_allclose(
        general(p, q).detach().numpy(), D.kl_divergence(p, q).numpy(), rtol=1e-9
    )


MODULES = {
    "beta": "Beta", "chi2": "Chi2", "exp_family": "ExponentialFamily", "fishersnedecor": "FisherSnedecor",
    "geometric": "Geometric", "gumbel": "Gumbel", "half_cauchy": "HalfCauchy", "half_normal": "HalfNormal",
    "inverse_gamma": "InverseGamma", "log_normal": "LogNormal", "logistic_normal": "LogisticNormal",
    "multinomial": "Multinomial", "negative_binomial": "NegativeBinomial",
    "one_hot_categorical": "OneHotCategorical", "pareto": "Pareto", "relaxed_bernoulli": "RelaxedBernoulli",
    "relaxed_categorical": "RelaxedOneHotCategorical", "studentT": "StudentT", "weibull": "Weibull",
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_modules_under_pytorchs_names(module):
    found = importlib.import_module(f"flambeau.distributions.{module}")
    assert getattr(found, MODULES[module]) is getattr(D, MODULES[module])
    assert getattr(D, module) is found


X = t(0.1, -0.5, 1.2, 0.3, 0.7, -2.0)


def assert_transforms(transform, x, y, stretch):
    found = transform(x)
    np.testing.assert_allclose(found.numpy().ravel(), y, atol=1e-9)
    np.testing.assert_allclose(transform.inv(found).numpy(), x.numpy(), atol=1e-12)
    logs = transform.log_abs_det_jacobian(x, found)
    np.testing.assert_allclose(logs.numpy().ravel(), stretch, atol=1e-9)


def test_correlation_matrices_from_real_numbers():
    transform = D.biject_to(C.corr_cholesky)
    wanted = [1.0, 0.0, 0.0, 0.0, 0.0996679946, 0.995020749, 0.0, 0.0, -0.4621171573, 0.7393006482,
              0.489777791, 0.0, 0.2913126125, 0.5781550846, -0.7347342763, 0.2025813496]  # fmt: skip
    assert_transforms(transform, X, wanted, [-5.0668841042])
    assert transform.forward_shape((5, 6)) == (5, 4, 4)
    assert transform.inverse_shape((4, 4)) == (6,)
    with pytest.raises(ValueError, match="flattened"):
        transform.forward_shape((5,))
    with pytest.raises(ValueError, match="event_dim"):
        _ = transform.event_dim
    assert D.ExpTransform().event_dim == 0


def test_transforms_of_parts():
    affine = D.AffineTransform(1.0, 2.0)
    cat = D.CatTransform([D.ExpTransform(), affine, D.ExpTransform()], dim=-1, lengths=[2, 3, 1])
    wanted = [1.1051709181, 0.6065306597, 3.4, 1.6, 2.4, 0.1353352832]
    two = math.log(2)
    assert_transforms(cat, X, wanted, [0.1, -0.5, two, two, two, -2.0])
    stack = D.StackTransform([D.ExpTransform(), affine])
    wanted = [1.1051709181, 0.6065306597, 3.3201169227, 1.6, 2.4, -3.0]
    assert_transforms(stack, X.reshape(2, 3), wanted, [0.1, -0.5, 1.2, two, two, two])
    whole = D.biject_to(C.cat([C.positive, C.unit_interval], dim=0, lengths=[2, 4]))(X)
    wanted = [1.1051709181, 0.6065306597, 0.7685247835, 0.5744425168, 0.6681877722, 0.119202922]
    np.testing.assert_allclose(whole.numpy(), wanted, atol=1e-9)
    rows = D.transform_to(C.stack([C.positive, C.real]))(X.reshape(2, 3))
    np.testing.assert_allclose(rows[1].numpy(), X[3:].numpy())
    with pytest.raises(AssertionError, match="must equal 6"):
        cat(X[:5])


def test_constraints_take_their_bounds_by_name():
    assert repr(type(C.positive)(lower_bound=2.0)) == "GreaterThan(lower_bound=2.0)"
    assert repr(C.less_than(upper_bound=1.0)) == "LessThan(upper_bound=1.0)"
    assert repr(C.MixtureSameFamilyConstraint(C.real)) == "MixtureSameFamilyConstraint(Real())"
    assert set(C.__all__) <= set(dir(C))
    assert C.dependent(event_dim=1).event_dim == 1
    for name in ("event_dim", "is_discrete"):
        with pytest.raises(NotImplementedError, match=f".{name} cannot be determined"):
            getattr(C.dependent, name)


def test_triangles_as_vectors():
    matrix = D.utils.vec_to_tril_matrix(X)
    assert matrix.tolist() == [[0.1, 0, 0], [-0.5, 1.2, 0], [0.3, 0.7, -2.0]]
    assert torch.equal(D.utils.tril_matrix_to_vec(matrix), X)
    with pytest.raises(ValueError, match="lower triangular part"):
        D.utils.vec_to_tril_matrix(X[:4])
    with pytest.raises(ValueError, match="outside"):
        D.utils.tril_matrix_to_vec(matrix, 5)


class Shifted(D.Normal):
    def __init__(self, loc):
        self.start = loc
        super().__init__(loc, 1.0)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Shifted, _instance)
        new.start = self.start
        return super().expand(batch_shape, _instance=new)


class Further(Shifted):
    def __init__(self, loc, more):
        super().__init__(loc)


def test_subclasses_expand_what_they_made():
    large = Shifted(t(1.0, 2.0)).expand((3, 2))
    assert (type(large), large.batch_shape, large.loc.shape) == (Shifted, (3, 2), (3, 2))
    assert large.start.tolist() == [1.0, 2.0]
    with pytest.raises(NotImplementedError, match=r"must also define a custom .expand\(\)"):
        Further(t(1.0), 2).expand((3,))


def test_normal_vectors_keep_the_factor_that_was_given():
    factor = torch.eye(2)
    normal = D.MultivariateNormal(torch.zeros(3, 2), scale_tril=factor)
    assert normal._unbroadcasted_scale_tril is factor
    assert normal.scale_tril.shape == (3, 2, 2)
    with pytest.warns(FutureWarning, match="sample_n"):
        assert normal.sample_n(4).shape == (4, 3, 2)
