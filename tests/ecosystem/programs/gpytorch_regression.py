"""gpytorch: exact and approximate Gaussian processes."""

import gpytorch
import torch
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from gpytorch.kernels import (
    GridInterpolationKernel,
    LinearKernel,
    MaternKernel,
    MultitaskKernel,
    PeriodicKernel,
    RBFKernel,
    RQKernel,
    ScaleKernel,
    SpectralMixtureKernel,
)
from gpytorch.likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    MultitaskGaussianLikelihood,
)
from gpytorch.means import ConstantMean, MultitaskMean
from gpytorch.mlls import ExactMarginalLogLikelihood, VariationalELBO
from gpytorch.variational import CholeskyVariationalDistribution, VariationalStrategy
from report import TRAINING, show, train

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
x = torch.linspace(0, 1, 20)
y = torch.sin(6 * x) + 0.05 * torch.cos(40 * x)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, targets, likelihood, mean, kernel):
        super().__init__(x, targets, likelihood)
        self.mean, self.kernel = mean, kernel

    def forward(self, inputs):
        kind = MultivariateNormal
        if isinstance(self.likelihood, MultitaskGaussianLikelihood):
            kind = MultitaskMultivariateNormal
        return kind(self.mean(inputs), self.kernel(inputs))


def fit(name, model, targets, loss=ExactMarginalLogLikelihood, inputs=x, **options):
    likelihood = options.pop("likelihood", None) or model.likelihood
    objective = loss(likelihood, model, **options)
    steps = train(objective.parameters(), lambda: -objective(model(inputs), targets).sum(), lr=0.1)
    show(name, steps, TRAINING)
    model.eval()
    likelihood.eval()
    with torch.no_grad(), gpytorch.settings.fast_pred_var():
        points = torch.linspace(0.1, 1.2, 5)
        prediction = likelihood(model(points if inputs.ndim == 1 else points[:, None]))
        show(f"{name} predicts", [prediction.mean, prediction.variance], TRAINING)
    return model, likelihood


mixture = SpectralMixtureKernel(num_mixtures=2)
mixture.initialize_from_data(x, y)
kernels = {
    "rbf": ScaleKernel(RBFKernel(lengthscale_prior=gpytorch.priors.GammaPrior(3.0, 6.0))),
    "matern": ScaleKernel(MaternKernel(nu=1.5)),
    "rational": ScaleKernel(RQKernel()) + ScaleKernel(LinearKernel()),
    "periodic": RBFKernel() * PeriodicKernel(),
    "mixture": mixture,
    "interpolated": GridInterpolationKernel(RBFKernel(), grid_size=30, num_dims=1),
}
for name, kernel in kernels.items():
    model, likelihood = fit(name, Exact(y, GaussianLikelihood(), ConstantMean(), kernel), y)
sample = model(x[:5]).rsample(torch.Size([2]))
show("samples", sample.shape)

several = torch.stack([y, y.cos()], -1)
tasks = Exact(
    several,
    MultitaskGaussianLikelihood(num_tasks=2),
    MultitaskMean(ConstantMean(), num_tasks=2),
    MultitaskKernel(RBFKernel(), num_tasks=2, rank=1),
)
fit("tasks", tasks, several)


class Approximate(gpytorch.models.ApproximateGP):
    def __init__(self):
        points = torch.linspace(0, 1, 6)[:, None]
        strategy = VariationalStrategy(self, points, CholeskyVariationalDistribution(6))
        super().__init__(strategy)
        self.mean, self.kernel = ConstantMean(), ScaleKernel(RBFKernel())

    def forward(self, inputs):
        return MultivariateNormal(self.mean(inputs), self.kernel(inputs))


elbo = {"loss": VariationalELBO, "inputs": x[:, None], "num_data": 20}
fit("inducing points", Approximate(), y, likelihood=GaussianLikelihood(), **elbo)
fit("classes", Approximate(), (y > 0).double(), likelihood=BernoulliLikelihood(), **elbo)

matrix = RBFKernel()(x[:, None]).add_jitter(0.1)
with gpytorch.settings.max_cholesky_size(1), gpytorch.settings.cg_tolerance(1e-4):
    show("conjugate gradients", matrix.solve(y), 1e-3)
show("logdet", matrix.logdet())
