"""pyro: variational inference with guides of all kinds, enumeration, Monte Carlo, flows."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints, transforms
from pyro.infer import (
    HMC,
    MCMC,
    NUTS,
    SVI,
    Predictive,
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from pyro.infer.autoguide import (
    AutoDelta,
    AutoDiagonalNormal,
    AutoIAFNormal,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)
from pyro.nn import PyroModule, PyroSample
from pyro.optim import Adam, ClippedAdam
from report import TRAINING, show

x = torch.linspace(-1, 1, 20)
y = 2 * x + 0.3 + 0.1 * torch.cos(9 * x)


def fit(name, model, guide, *data, loss=None, steps=6, optimizer=None):
    pyro.clear_param_store()
    pyro.set_rng_seed(1)
    svi = SVI(model, guide, optimizer or Adam({"lr": 0.03}), loss or Trace_ELBO())
    show(name, [svi.step(*data) for _ in range(steps)], TRAINING)


# A coin, with a guide of its own.
flips = torch.tensor([1.0, 1, 0, 1, 1, 0, 1, 1, 1, 0])


def coin(data):
    fairness = pyro.sample("fairness", dist.Beta(10.0, 10.0))
    with pyro.plate("flips", len(data)):
        pyro.sample("flip", dist.Bernoulli(fairness), obs=data)


def coin_guide(data):
    heads = pyro.param("heads", torch.tensor(15.0), constraint=constraints.positive)
    tails = pyro.param("tails", torch.tensor(15.0), constraint=constraints.positive)
    pyro.sample("fairness", dist.Beta(heads, tails))


fit("coin", coin, coin_guide, flips, steps=15)
show("coin's parameters", [pyro.param("heads"), pyro.param("tails")], TRAINING)
pyro.get_param_store().save("store.pt")
pyro.clear_param_store()
pyro.get_param_store().load("store.pt")
show("store", sorted(pyro.get_param_store().keys()))


def line(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 10.0))
    start = pyro.sample("start", dist.Normal(0.0, 1.0))
    noise = pyro.sample("noise", dist.LogNormal(0.0, 1.0))
    with pyro.plate("points", len(x)):
        return pyro.sample("y", dist.Normal(slope * x + start, noise), obs=y)


for kind in (
    AutoNormal,
    AutoDiagonalNormal,
    AutoMultivariateNormal,
    AutoLowRankMultivariateNormal,
    AutoIAFNormal,
    AutoDelta,
):
    guide = kind(line)
    fit(kind.__name__, line, guide, x, y)
show("median", guide.median())
for loss in (
    TraceMeanField_ELBO(),
    TraceGraph_ELBO(),
    RenyiELBO(num_particles=2),
    Trace_ELBO(num_particles=4, vectorize_particles=True),
):
    fit(
        f"{type(loss).__name__} {loss.num_particles}",
        line,
        guide := AutoNormal(line),
        x,
        y,
        loss=loss,
        optimizer=ClippedAdam({"lr": 0.05, "lrd": 0.99}),
    )
show("predictions", Predictive(line, guide=guide, num_samples=3)(x)["y"], TRAINING)
trace = poutine.trace(poutine.condition(line, {"slope": torch.tensor(1.0)})).get_trace(x)
show("trace", [trace.log_prob_sum(), trace.format_shapes()])


# Classes that are summed over.
@config_enumerate
def mixture(data):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("classes", 2):
        means = pyro.sample("means", dist.Normal(0.0, 10.0))
    with pyro.plate("data", len(data)):
        which = pyro.sample("which", dist.Categorical(weights))
        pyro.sample("value", dist.Normal(means[which], 1.0), obs=data)


guide = AutoDelta(poutine.block(mixture, expose=["weights", "means"]))
values = torch.tensor([0.0, 1.0, 10.0, 11.0])
fit("mixture", mixture, guide, values, loss=TraceEnum_ELBO(max_plate_nesting=1))


# A network with random weights.
class Net(PyroModule):
    def __init__(self):
        super().__init__()
        self.hidden = PyroModule[torch.nn.Linear](1, 4)
        self.hidden.weight = PyroSample(dist.Normal(0.0, 1.0).expand([4, 1]).to_event(2))
        self.out = PyroModule[torch.nn.Linear](4, 1)

    def forward(self, x, y=None):
        mean = self.out(torch.tanh(self.hidden(x[:, None]))).squeeze(-1)
        with pyro.plate("data", len(x)):
            return pyro.sample("y", dist.Normal(mean, 0.5), obs=y)


torch.manual_seed(0)
net = Net()
fit("network", net, AutoDiagonalNormal(net), x, y)
show("its parameters", sorted(pyro.get_param_store().keys()))

pyro.set_rng_seed(2)
kernel = HMC(line, step_size=0.05, num_steps=4, adapt_step_size=False, adapt_mass_matrix=False)
chain = MCMC(kernel, num_samples=5, warmup_steps=0, disable_progbar=True)
chain.run(x, y)
show("hmc", chain.get_samples()["slope"], TRAINING)
chain = MCMC(NUTS(line), num_samples=20, warmup_steps=20, disable_progbar=True)
chain.run(x, y)
samples = chain.get_samples()
show("nuts", [abs(samples["slope"].mean().item() - 2) < 0.5, *samples["start"].shape])

pyro.set_rng_seed(0)
base = dist.Normal(torch.zeros(2), 1.0).to_event(1)
for name, flow in {
    "planar": transforms.planar(2),
    "coupling": transforms.affine_coupling(2, hidden_dims=[4]),
    "autoregressive": transforms.affine_autoregressive(2, hidden_dims=[4]),
    "spline": transforms.spline(2, count_bins=4),
}.items():
    flowed = dist.TransformedDistribution(base, [flow])
    sample = flowed.rsample((3,))
    show(name, [sample, flowed.log_prob(sample)], 1e-4)
