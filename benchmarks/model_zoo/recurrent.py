"""Sequences step by step: recurrent language models, and a scan with states."""

from __future__ import annotations

from typing import Any

from .registry import Step, integers, model, normal, training

VOCABULARY = 512


def recurrent(T: Any, body: Any, width: int, batch: int, length: int) -> Step:
    """The training step of a language model with a recurrent body, cut off after so many steps."""
    nn, F = T.nn, T.nn.functional
    token, head = nn.Embedding(VOCABULARY, width), nn.Linear(width, VOCABULARY)
    net = nn.ModuleList([token, body, head])
    tokens = integers(T, VOCABULARY, batch, length + 1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        made, _ = body(token(tokens[:, :-1]))
        value = F.cross_entropy(head(made).reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1))
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        optimizer.step()
        return value.detach()

    return step


@model("LSTM language model, training")
def lstm(T: Any) -> Step:
    return recurrent(T, T.nn.LSTM(160, 160, 2, batch_first=True), 160, 16, 32)


@model("GRU language model, training")
def gru(T: Any) -> Step:
    return recurrent(T, T.nn.GRU(160, 160, 2, batch_first=True), 160, 16, 32)


@model("tagger with a bidirectional LSTM, training")
def tagger(T: Any) -> Step:
    nn, F = T.nn, T.nn.functional
    token = nn.Embedding(VOCABULARY, 64)
    body, head = nn.LSTM(64, 96, bidirectional=True, batch_first=True), nn.Linear(192, 12)
    net = nn.ModuleList([token, body, head])
    x, y = integers(T, VOCABULARY, 32, 40), integers(T, 12, 32, 40, seed=1)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)
    return training(optimizer, lambda: F.cross_entropy(head(body(token(x))[0]).mT, y))


@model("LSTM cell in a loop, training")
def cell(T: Any) -> Step:
    """A forecast by a cell that the program steps itself."""
    nn, F = T.nn, T.nn.functional
    one, two, head = nn.LSTMCell(8, 64), nn.LSTMCell(64, 64), nn.Linear(64, 8)
    net = nn.ModuleList([one, two, head])
    x = normal(T, 32, 41, 8)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)

    def loss() -> Any:
        a, b, made = None, None, []
        for i in range(40):
            a = one(x[:, i], a)
            b = two(a[0], b)
            made.append(head(b[0]))
        return F.mse_loss(T.stack(made, 1), x[:, 1:])

    return training(optimizer, loss)


@model("selective scan, training")
def selective(T: Any) -> Step:
    """A state space whose steps depend on the input, as in Mamba, walked through in Python."""
    nn, F, width, inner, states = T.nn, T.nn.functional, 64, 128, 16

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(width)
            self.enter = nn.Linear(width, 2 * inner, bias=False)
            self.conv = nn.Conv1d(inner, inner, 4, groups=inner, padding=3)
            self.select = nn.Linear(inner, 4 + 2 * states, bias=False)
            self.speed = nn.Linear(4, inner)
            rates = T.arange(1, states + 1).float().repeat(inner, 1)
            self.rates, self.skip = nn.Parameter(T.log(rates)), nn.Parameter(T.ones(inner))
            self.leave = nn.Linear(inner, width, bias=False)

        def scan(self, x: Any) -> Any:
            speed, b, c = self.select(x).split([4, states, states], -1)
            delta = F.softplus(self.speed(speed))
            kept = T.exp(T.einsum("bld,dn->bldn", delta, -T.exp(self.rates)))
            added = T.einsum("bld,bln,bld->bldn", delta, b, x)
            state, made = T.zeros(x.shape[0], inner, states), []
            for i in range(x.shape[1]):
                state = kept[:, i] * state + added[:, i]
                made.append(T.einsum("bdn,bn->bd", state, c[:, i]))
            return T.stack(made, 1) + x * self.skip

        def forward(self, x: Any) -> Any:
            y, gate = self.enter(self.norm(x)).chunk(2, -1)
            y = self.conv(y.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)
            return x + self.leave(self.scan(F.silu(y)) * F.silu(gate))

    token, blocks = nn.Embedding(VOCABULARY, width), nn.Sequential(Block(), Block())
    head = nn.Linear(width, VOCABULARY)
    net, tokens = nn.ModuleList([token, blocks, head]), integers(T, VOCABULARY, 4, 49)
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-3)
    return training(
        optimizer, lambda: F.cross_entropy(head(blocks(token(tokens[:, :-1]))).mT, tokens[:, 1:])
    )
