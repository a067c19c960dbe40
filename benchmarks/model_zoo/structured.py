"""What is chosen among many: tags of a chain, entries of a codebook, messages of a graph, words of a distribution."""

from __future__ import annotations

from typing import Any

from .registry import Step, inference, integers, model, normal, training


@model("conditional random field, training")
def chain(T: Any) -> Step:
    """Scores of tags and of their neighbours, against all sequences of tags; sequences have different lengths."""
    nn, tags, batch, time = T.nn, 9, 16, 30
    score, change = nn.Linear(32, tags), nn.Parameter(T.randn(tags, tags) * 0.1)
    x, y = normal(T, batch, time, 32), integers(T, tags, batch, time)
    there = T.arange(time)[None] < (integers(T, 15, batch, seed=1) + 16)[:, None]

    def loss() -> Any:
        given = score(x)
        total = given[:, 0]
        for t in range(1, time):
            more = T.logsumexp(total[:, :, None] + change[None] + given[:, t, None], 1)
            total = T.where(there[:, t, None], more, total)
        path = (given.gather(2, y[..., None]).squeeze(-1) * there).sum(1)
        path = path + (change[y[:, :-1], y[:, 1:]] * there[:, 1:]).sum(1)
        return (T.logsumexp(total, 1) - path).mean()

    return training(T.optim.Adam([*score.parameters(), change], lr=1e-3), loss)


@model("autoencoder with a codebook, training")
def codebook(T: Any) -> Step:
    """Each place of the code becomes the nearest of 128 vectors, through which the gradient passes unchanged (VQ-VAE)."""
    nn, F, width = T.nn, T.nn.functional, 32
    encoder = nn.Sequential(
        nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(64, width, 1),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Conv2d(width, 64, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1),
        nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1),
    )  # fmt: skip
    book = nn.Embedding(128, width)
    net, x = nn.ModuleList([encoder, decoder, book]), normal(T, 8, 3, 32, 32)

    def loss() -> Any:
        z = encoder(x).permute(0, 2, 3, 1).contiguous()
        rows = z.view(-1, width)
        apart = rows.pow(2).sum(1, keepdim=True) + book.weight.pow(2).sum(1)
        nearest = book((apart - 2 * rows @ book.weight.t()).argmin(1)).view_as(z)
        bound = F.mse_loss(nearest, z.detach()) + 0.25 * F.mse_loss(nearest.detach(), z)
        passed = z + (nearest - z).detach()
        return F.mse_loss(decoder(passed.permute(0, 3, 1, 2)), x) + bound

    return training(T.optim.Adam(net.parameters(), lr=1e-3), loss)


@model("messages between atoms, training")
def messages(T: Any) -> Step:
    """Three rounds of messages along edges, which a GRU cell takes in; twenty molecules in one graph."""
    nn, F, nodes, edges = T.nn, T.nn.functional, 200, 1200
    begin, end = integers(T, nodes, edges), integers(T, nodes, edges, seed=1)
    molecule, y = integers(T, 20, nodes, seed=2), normal(T, 20, seed=3)
    x, bond = normal(T, nodes, 32), normal(T, edges, 8)
    message = nn.Sequential(nn.Linear(72, 64), nn.ReLU(), nn.Linear(64, 32))
    cell, out = nn.GRUCell(32, 32), nn.Linear(32, 1)
    net = nn.ModuleList([message, cell, out])

    def loss() -> Any:
        h = x
        for _ in range(3):
            sent = message(T.cat([h[begin], h[end], bond], -1))
            h = cell(T.zeros(nodes, 32).index_add(0, end, sent), h)
        place = molecule[:, None].expand(-1, 32)
        mean = T.zeros(20, 32).scatter_reduce(0, place, h, "mean", include_self=False)
        return F.mse_loss(out(mean).squeeze(-1), y)

    return training(T.optim.Adam(net.parameters(), lr=1e-3), loss)


@model("words by their cumulative share, inference")
def nucleus(T: Any) -> Step:
    """Of the fifty likeliest words those that make up nine tenths, ten times over (top-k and top-p)."""
    F, scores = T.nn.functional, normal(T, 4, 1000)

    def run() -> Any:
        for _ in range(10):
            x = scores / 0.8
            least = T.topk(x, 50)[0][:, [-1]]
            x = x.masked_fill(x < least, -float("inf"))
            ordered, place = T.sort(x, descending=True)
            beyond = T.cumsum(F.softmax(ordered, -1), -1) > 0.9
            beyond[..., 1:] = beyond[..., :-1].clone()
            beyond[..., 0] = False
            x = x.masked_fill(beyond.scatter(1, place, beyond), -float("inf"))
        return F.softmax(x, -1)

    return inference(T, run)
