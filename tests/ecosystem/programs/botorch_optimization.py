"""botorch: fitted surrogates, acquisition functions and their optimisation."""

import warnings

import torch
from botorch.acquisition import (
    ExpectedImprovement,
    LogExpectedImprovement,
    UpperConfidenceBound,
    qExpectedImprovement,
    qKnowledgeGradient,
)
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.transforms import Normalize, Standardize
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from botorch.test_functions import Branin
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood
from report import TRAINING, show

warnings.filterwarnings("ignore")
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
x = torch.rand(12, 2)
y = 1 - (x - 0.5).norm(dim=-1, keepdim=True)
bounds = torch.tensor([[0.0, 0.0], [1.0, 1.0]])

model = SingleTaskGP(x, y, input_transform=Normalize(d=2), outcome_transform=Standardize(m=1))
fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
points = torch.tensor([[0.3, 0.4], [0.9, 0.1]])
posterior = model.posterior(points)
show("posterior", [posterior.mean, posterior.variance], TRAINING)
best = y.max()
sampler = SobolQMCNormalSampler(sample_shape=torch.Size([16]), seed=1)
show("ei", ExpectedImprovement(model, best)(points[:, None]), TRAINING)
show("log ei", LogExpectedImprovement(model, best)(points[:, None]), 1e-2)
show("q ei", qExpectedImprovement(model, 0.5, sampler=sampler)(points[None]), TRAINING)
gradient = qKnowledgeGradient(model, num_fantasies=4)
show("fantasies", model.fantasize(points, sampler=sampler).posterior(points).mean.shape)
show("knowledge", gradient.get_augmented_q_batch_size(1))

torch.manual_seed(1)
candidate, value = optimize_acqf(
    UpperConfidenceBound(model, beta=0.1), bounds, q=1, num_restarts=3, raw_samples=16
)
show("candidate", [candidate, value], TRAINING)

objectives = torch.cat([y, -x.sum(-1, keepdim=True)], -1)
parts = ModelListGP(*(SingleTaskGP(x, objectives[:, i : i + 1]) for i in range(2)))
fit_gpytorch_mll(SumMarginalLogLikelihood(parts.likelihood, parts))
show("list", parts.posterior(points).mean, TRAINING)
front = objectives[is_non_dominated(objectives)]
show("front", [len(front), Hypervolume(torch.tensor([-2.0, -2.0])).compute(front)])
show("branin", Branin()(torch.tensor([[0.0, 0.0], [1.0, 2.0]])))
