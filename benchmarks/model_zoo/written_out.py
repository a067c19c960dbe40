"""Models whose layers their authors wrote out: cells, attention and norms of single operations, loops of decoding."""

from __future__ import annotations

import math
from typing import Any

from .registry import Step, inference, integers, model, normal, training


@model("LSTM of single operations, training")
def lstm(T: Any) -> Step:
    nn, F, hidden = T.nn, T.nn.functional, 64
    enter, again, leave = (
        nn.Linear(32, 4 * hidden),
        nn.Linear(hidden, 4 * hidden),
        nn.Linear(hidden, 32),
    )
    net, x = nn.ModuleList([enter, again, leave]), normal(T, 16, 30, 32)

    def loss() -> Any:
        h, c, made = T.zeros(16, hidden), T.zeros(16, hidden), []
        for t in range(29):
            i, f, g, o = (enter(x[:, t]) + again(h)).chunk(4, 1)
            c = T.sigmoid(f) * c + T.sigmoid(i) * T.tanh(g)
            h = T.sigmoid(o) * T.tanh(c)
            made.append(leave(h))
        return F.mse_loss(T.stack(made, 1), x[:, 1:])

    return training(T.optim.Adam(net.parameters(), lr=1e-3), loss)


@model("transformer by einsum with its own norm, training")
def transformer(T: Any) -> Step:
    nn, F, width, heads = T.nn, T.nn.functional, 128, 4

    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(T.ones(width)), nn.Parameter(T.zeros(width))

        def forward(self, x: Any) -> Any:
            mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
            return self.scale * (x - mean) / T.sqrt(var + 1e-5) + self.shift

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = Norm(), Norm()
            self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
            self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def attend(self, x: Any) -> Any:
            b, t, _ = x.shape
            q, k, v = (f(x).reshape(b, t, heads, -1) for f in (self.query, self.key, self.value))
            scores = T.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(width // heads)
            scores = scores.masked_fill(T.tril(T.ones(t, t)) == 0, float("-inf"))
            mixed = T.einsum("bhqk,bkhd->bqhd", F.softmax(scores, dim=-1), v)
            return self.out(mixed.reshape(b, t, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            y = self.grow(self.norm2(x))
            y = 0.5 * y * (1 + T.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * T.pow(y, 3))))
            return x + self.shrink(y)

    net, x = nn.Sequential(Block(), Block()), normal(T, 8, 48, width)
    return training(T.optim.AdamW(net.parameters(), lr=1e-3), lambda: (net(x) ** 2).mean())


@model("beam search by an LSTM cell, inference")
def beam(T: Any) -> Step:
    """Five hypotheses of twenty words, each step sorted by what the words add to them."""
    nn, words, width = T.nn, 200, 5
    cell, token, out = nn.LSTMCell(64, 128), nn.Embedding(words, 64), nn.Linear(128, words)

    def run() -> Any:
        h, c = T.zeros(width, 128), T.zeros(width, 128)
        last, found = T.zeros(width, dtype=T.long), T.zeros(width, 0, dtype=T.long)
        score = T.tensor([0.0] + [-1e9] * (width - 1))
        for _ in range(20):
            h, c = cell(token(last), (h, c))
            score, place = (T.log_softmax(out(h), -1) + score[:, None]).view(-1).topk(width)
            row, last = T.div(place, words, rounding_mode="floor"), place % words
            h, c, found = h[row], c[row], T.cat([found[row], last[:, None]], 1)
        return score

    return inference(T, run)


@model("critic with a penalty on its gradient, training")
def critic(T: Any) -> Step:
    """What a Wasserstein GAN's critic learns from: the gradient of a gradient."""
    nn, act = T.nn, lambda: T.nn.LeakyReLU(0.2)
    net = nn.Sequential(nn.Linear(64, 256), act(), nn.Linear(256, 256), act(), nn.Linear(256, 1))
    real, fake, share = (normal(T, 64, n, seed=seed) for seed, n in enumerate((64, 64, 1)))

    def loss() -> Any:
        mixed = (T.sigmoid(share) * (real - fake) + fake).requires_grad_()
        value = net(mixed)
        (slope,) = T.autograd.grad(value, mixed, T.ones_like(value), create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        return net(fake).mean() - net(real).mean() + 10 * penalty

    return training(T.optim.Adam(net.parameters(), lr=1e-4, betas=(0.5, 0.9)), loss)


@model("coupling flow, training")
def flow(T: Any) -> Step:
    """Half of the numbers say how the other half is scaled and shifted (real NVP)."""
    nn = T.nn
    nets = nn.ModuleList([
        nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 16))
        for _ in range(6)
    ])  # fmt: skip
    x = normal(T, 256, 16)

    def loss() -> Any:
        z, volume = x, 0
        for net in nets:
            kept, moved = z.chunk(2, -1)
            scale, shift = net(kept).chunk(2, -1)
            scale = T.tanh(scale)
            z = T.cat([moved * T.exp(scale) + shift, kept], -1)
            volume = volume + scale.sum(-1)
        return (0.5 * (z**2).sum(-1) - volume).mean()

    return training(T.optim.Adam(nets.parameters(), lr=1e-3), loss)


@model("convolutional LSTM, training")
def convolutional_lstm(T: Any) -> Step:
    nn, F = T.nn, T.nn.functional
    gates, out = nn.Conv2d(1 + 16, 64, 3, padding=1), nn.Conv2d(16, 1, 1)
    net, x = nn.ModuleList([gates, out]), normal(T, 4, 8, 1, 24, 24)

    def loss() -> Any:
        h = x.new_zeros(4, 16, 24, 24)
        c, total = T.zeros_like(h), 0.0
        for t in range(7):
            i, f, g, o = T.split(gates(T.cat([x[:, t], h], 1)), 16, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            total = total + F.mse_loss(out(h), x[:, t + 1])
        return total

    return training(T.optim.Adam(net.parameters(), lr=1e-3), loss)


@model("graph attention by scatter, training")
def graph_attention(T: Any) -> Step:
    nn, F, nodes, edges, heads = T.nn, T.nn.functional, 500, 4000, 4
    begin, end = integers(T, nodes, edges), integers(T, nodes, edges, seed=1)
    x, y = normal(T, nodes, 32), integers(T, 8, nodes)

    class Layer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight = nn.Linear(width, 8 * heads, bias=False)
            self.source, self.target = (nn.Parameter(T.randn(heads, 8) * 0.1) for _ in range(2))

        def forward(self, x: Any) -> Any:
            z = self.weight(x).view(nodes, heads, 8)
            score = (z * self.source).sum(-1)[begin] + (z * self.target).sum(-1)[end]
            score = F.leaky_relu(score, 0.2)
            score = (score - score.max()).exp()
            share = score / (T.zeros(nodes, heads).index_add_(0, end, score)[end] + 1e-9)
            place = end[:, None, None].expand(edges, heads, 8)
            return T.zeros(nodes, heads, 8).scatter_add_(0, place, z[begin] * share.unsqueeze(-1))

    one, two = Layer(32), Layer(8 * heads)
    optimizer = T.optim.Adam([*one.parameters(), *two.parameters()], lr=0.01, weight_decay=5e-4)
    return training(optimizer, lambda: F.cross_entropy(two(F.elu(one(x).flatten(1))).mean(1), y))


@model("samples of a diffusion by a perceptron, inference")
def samples(T: Any) -> Step:
    """Fifty steps back from noise; the noise of each step is drawn once, so that both libraries see the same."""
    nn = T.nn
    net = nn.Sequential(
        nn.Linear(3, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 2)
    )
    beta = T.linspace(1e-4, 0.02, 50)
    alpha, product = 1 - beta, T.cumprod(1 - beta, 0)
    noise = normal(T, 50, 256, 2)

    def run() -> Any:
        x = noise[0]
        for t in range(49, -1, -1):
            guess = net(T.cat([x, T.full((256, 1), t / 50)], 1))
            x = (x - beta[t] / T.sqrt(1 - product[t]) * guess) / T.sqrt(alpha[t])
            if t:
                x = x + T.sqrt(beta[t]) * noise[t]
        return x

    return inference(T, run)


@model("packed GRU, training")
def packed(T: Any) -> Step:
    """Sequences of different lengths."""
    nn, F = T.nn, T.nn.functional
    token, body, head = nn.Embedding(300, 32), nn.GRU(32, 64, batch_first=True), nn.Linear(64, 5)
    net = nn.ModuleList([token, body, head])
    x, y = integers(T, 300, 16, 30), integers(T, 5, 16)
    lengths = T.tensor([30, 29, 28, 27, 25, 24, 20, 20, 18, 15, 12, 10, 9, 8, 6, 5])

    def loss() -> Any:
        given = nn.utils.rnn.pack_padded_sequence(token(x), lengths, batch_first=True)
        return F.cross_entropy(head(body(given)[1][-1]), y)

    return training(T.optim.Adam(net.parameters(), lr=1e-3), loss)
