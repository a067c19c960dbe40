"""Probability distributions: torch.distributions."""

import sys as _sys

from . import constraints, kl, kl_pairs, transforms
from .bernoulli import Bernoulli, Geometric
from .binomial import Binomial, Multinomial, NegativeBinomial
from .categorical import Categorical, OneHotCategorical, OneHotCategoricalStraightThrough
from .cauchy import Cauchy
from .constraint_registry import biject_to, transform_to
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Beta, Dirichlet
from .distribution import Distribution, ExponentialFamily
from .exponential import Exponential
from .fisher_snedecor import FisherSnedecor
from .gamma import Chi2, Gamma
from .generalized_pareto import GeneralizedPareto
from .independent import Independent
from .kl import kl_divergence, register_kl
from .kumaraswamy import Kumaraswamy
from .laplace import Laplace
from .lkj_cholesky import LKJCholesky
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .mixture_same_family import MixtureSameFamily
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .poisson import Poisson
from .relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from .student_t import StudentT
from .transformed_distribution import TransformedDistribution
from .transformed_family import (
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogisticNormal,
    LogNormal,
    Pareto,
    Weibull,
)
from .transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from .uniform import Uniform
from .von_mises import VonMises
from .wishart import Wishart

_FILES = {
    "beta": "dirichlet",
    "chi2": "gamma",
    "exp_family": "distribution",
    "fishersnedecor": "fisher_snedecor",
    "geometric": "bernoulli",
    "gumbel": "transformed_family",
    "half_cauchy": "transformed_family",
    "half_normal": "transformed_family",
    "inverse_gamma": "transformed_family",
    "log_normal": "transformed_family",
    "logistic_normal": "transformed_family",
    "multinomial": "binomial",
    "negative_binomial": "binomial",
    "one_hot_categorical": "categorical",
    "pareto": "transformed_family",
    "relaxed_bernoulli": "relaxed",
    "relaxed_categorical": "relaxed",
    "studentT": "student_t",
    "weibull": "transformed_family",
}
"""PyTorch's names of the files that families are in, and ours."""
for _name, _file in _FILES.items():
    globals()[_name] = _sys.modules[f"{__name__}.{_name}"] = _sys.modules[f"{__name__}.{_file}"]

__all__ = [name for name, value in globals().items() if name[0].isupper() or callable(value)]
