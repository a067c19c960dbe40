"""Graphs, splines, differential equations, policies: models of small or unusual operations."""

from __future__ import annotations

from typing import Any

from .registry import Step, integers, model, normal, training


@model("spline network, training")
def spline(T: Any) -> Step:
    """Each edge has a function of its own, a sum of B-splines (a Kolmogorov-Arnold network)."""
    nn, F, order, cells = T.nn, T.nn.functional, 3, 8

    class Spline(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            step = 2.0 / cells
            knots = T.arange(-order, cells + order + 1).float() * step - 1.0
            self.register_buffer("knots", knots.repeat(before, 1))
            self.base = nn.Parameter(T.randn(after, before) * before**-0.5)
            self.weight = nn.Parameter(T.randn(after, before, cells + order) * 0.1)

        def bases(self, x: Any) -> Any:
            x, t = x.unsqueeze(-1), self.knots
            b = ((x >= t[:, :-1]) & (x < t[:, 1:])).to(x.dtype)
            for k in range(1, order + 1):
                left = (x - t[:, : -k - 1]) / (t[:, k:-1] - t[:, : -k - 1])
                right = (t[:, k + 1 :] - x) / (t[:, k + 1 :] - t[:, 1:-k])
                b = left * b[:, :, :-1] + right * b[:, :, 1:]
            return b

        def forward(self, x: Any) -> Any:
            curved = F.linear(self.bases(x).flatten(1), self.weight.flatten(1))
            return F.linear(F.silu(x), self.base) + curved

    net = nn.Sequential(Spline(32, 64), Spline(64, 64), Spline(64, 1))
    x, y = normal(T, 256, 32).tanh(), normal(T, 256, 1, seed=1)
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-3)
    return training(optimizer, lambda: F.mse_loss(net(x), y))


@model("neural ODE, training")
def ode(T: Any) -> Step:
    """Steps of Runge and Kutta through a small network."""
    nn, F = T.nn, T.nn.functional
    field = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
    )
    begin, path = normal(T, 64, 2), normal(T, 12, 64, 2, seed=1)
    optimizer = T.optim.Adam(field.parameters(), lr=1e-3)

    def loss() -> Any:
        y, made, h = begin, [], 0.1
        for _ in range(12):
            a = field(y)
            b = field(y + 0.5 * h * a)
            c = field(y + 0.5 * h * b)
            d = field(y + h * c)
            y = y + h / 6 * (a + 2 * b + 2 * c + d)
            made.append(y)
        return F.mse_loss(T.stack(made), path)

    return training(optimizer, loss)


@model("PPO, update")
def ppo(T: Any) -> Step:
    """Four passes over minibatches of a rollout, with a normal distribution of actions."""
    nn, dist = T.nn, T.distributions

    def mlp(after: int) -> Any:
        return nn.Sequential(
            nn.Linear(17, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, after)
        )

    actor, critic, log_std = mlp(6), mlp(1), nn.Parameter(T.zeros(6))
    weights = [*actor.parameters(), *critic.parameters(), log_std]
    optimizer = T.optim.Adam(weights, lr=3e-4, eps=1e-5)
    seen, acts, gains = normal(T, 512, 17), normal(T, 512, 6, seed=1), normal(T, 512, seed=2)
    with T.no_grad():
        before = dist.Normal(actor(seen), log_std.exp()).log_prob(acts).sum(-1)

    def loss(rows: Any) -> Any:
        policy = dist.Normal(actor(seen[rows]), log_std.exp())
        ratio = (policy.log_prob(acts[rows]).sum(-1) - before[rows]).exp()
        gain = gains[rows]
        gain = (gain - gain.mean()) / (gain.std() + 1e-8)
        value = critic(seen[rows]).squeeze(-1)
        clipped = T.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain)
        missed = (value - gains[rows]).pow(2).mean()
        return -clipped.mean() + 0.5 * missed - 0.01 * policy.entropy().sum(-1).mean()

    def step() -> Any:
        for _ in range(4):
            for rows in T.arange(512).split(128):
                optimizer.zero_grad()
                value = loss(rows)
                value.backward()
                nn.utils.clip_grad_norm_(weights, 0.5)
                optimizer.step()
        return value.detach()

    return step


def graph(T: Any, nodes: int, edges: int) -> tuple[Any, Any]:
    """Where edges begin and end."""
    return integers(T, nodes, edges), integers(T, nodes, edges, seed=1)


@model("GCN by index_add, training")
def gcn(T: Any) -> Step:
    """Each node takes the mean of what its neighbours send."""
    nn, F, nodes = T.nn, T.nn.functional, 2000
    begin, end = graph(T, nodes, 12000)
    count = T.zeros(nodes).index_add_(0, end, T.ones(12000)).clamp(min=1).unsqueeze(1)
    one, two, head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 7)
    net, x, y = nn.ModuleList([one, two, head]), normal(T, nodes, 64), integers(T, 7, nodes)
    optimizer = T.optim.Adam(net.parameters(), lr=0.01, weight_decay=5e-4)

    def gathered(z: Any) -> Any:
        return T.zeros_like(z).index_add(0, end, z[begin]) / count

    def loss() -> Any:
        z = F.relu(gathered(one(x)))
        z = F.relu(gathered(two(z)))
        return F.nll_loss(F.log_softmax(head(z), 1), y)

    return training(optimizer, loss)


@model("GCN by a sparse matrix, training")
def sparse_gcn(T: Any) -> Step:
    nn, F, nodes = T.nn, T.nn.functional, 3000
    begin, end = graph(T, nodes, 20000)
    adjacency = T.sparse_coo_tensor(T.stack([end, begin]), T.full((20000,), 0.15), (nodes, nodes))
    adjacency = adjacency.coalesce()
    one, two = nn.Linear(128, 64), nn.Linear(64, 7)
    net, x, y = nn.ModuleList([one, two]), normal(T, nodes, 128), integers(T, 7, nodes)
    optimizer = T.optim.Adam(net.parameters(), lr=0.01)

    def loss() -> Any:
        z = F.relu(T.sparse.mm(adjacency, one(x)))
        return F.cross_entropy(T.sparse.mm(adjacency, two(z)), y)

    return training(optimizer, loss)


@model("dense recommender, training")
def recommender(T: Any) -> Step:
    """Embedded users and items, a product of pairs of features, a dense head."""
    nn, F = T.nn, T.nn.functional
    tables = nn.ModuleList([nn.Embedding(2000, 16) for _ in range(8)])
    dense = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 16))
    head = nn.Sequential(nn.Linear(36 + 16, 128), nn.ReLU(), nn.Linear(128, 1))
    net = nn.ModuleList([tables, dense, head])
    x, keys = normal(T, 512, 13), integers(T, 2000, 512, 8)
    y = (integers(T, 2, 512, seed=1)).float()
    row, column = T.tril_indices(9, 9, -1)
    optimizer = T.optim.Adagrad(net.parameters(), lr=0.01)

    def loss() -> Any:
        z = dense(x)
        every = T.stack([z] + [table(keys[:, i]) for i, table in enumerate(tables)], 1)
        pairs = T.bmm(every, every.transpose(1, 2))[:, row, column]
        logits = head(T.cat([z, pairs], 1)).squeeze(1)
        return F.binary_cross_entropy_with_logits(logits, y)

    return training(optimizer, loss)


@model("Q-network, training")
def q_network(T: Any) -> Step:
    """A step of double Q-learning with a network that lags behind."""
    nn, F = T.nn, T.nn.functional

    def made() -> Any:
        return nn.Sequential(
            nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 4)
        )

    online, late = made(), made()
    late.load_state_dict(online.state_dict())
    seen, then = normal(T, 128, 8), normal(T, 128, 8, seed=1)
    acts, gains = integers(T, 4, 128), normal(T, 128, seed=2)
    optimizer = T.optim.Adam(online.parameters(), lr=1e-3)

    def step() -> Any:
        value = online(seen).gather(1, acts[:, None]).squeeze(1)
        with T.no_grad():
            best = online(then).argmax(1, keepdim=True)
            wanted = gains + 0.99 * late(then).gather(1, best).squeeze(1)
        told = F.smooth_l1_loss(value, wanted)
        optimizer.zero_grad()
        told.backward()
        optimizer.step()
        with T.no_grad():
            for slow, fast in zip(late.parameters(), online.parameters()):
                slow.mul_(0.995).add_(fast, alpha=0.005)
        return told.detach()

    return step
