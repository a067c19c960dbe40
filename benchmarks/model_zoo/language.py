"""Language models without recurrence: GPT, Llama, BERT, nn.Transformer, a mixture of experts."""

from __future__ import annotations

import math
from typing import Any

from .registry import Step, inference, integers, model, normal, training

VOCABULARY = 512


def gpt(T: Any, width: int, heads: int, depth: int, length: int) -> Any:
    """GPT-2's layout. `forward` takes tokens, and keys and values of what was before, if there are any."""
    nn, F = T.nn, T.nn.functional

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any, past: Any = None) -> Any:
            b, t, _ = x.shape
            q, k, v = (
                part.view(b, t, heads, -1).transpose(1, 2) for part in self.qkv(x).split(width, -1)
            )
            if past is not None:
                if past:
                    k, v = T.cat([past[0], k], 2), T.cat([past[1], v], 2)
                past[:] = [k, v]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
            return self.out(y.transpose(1, 2).reshape(b, t, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(width), Attention()
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any, past: Any = None) -> Any:
            x = x + self.attention(self.norm1(x), past)
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = (
                nn.Embedding(VOCABULARY, width),
                nn.Embedding(length, width),
            )
            self.blocks = nn.ModuleList([Block() for _ in range(depth)])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, VOCABULARY, bias=False)

        def forward(self, tokens: Any, cache: Any = None, begin: int = 0) -> Any:
            places = T.arange(begin, begin + tokens.shape[1])
            x = self.token(tokens) + self.place(places)
            for i, block in enumerate(self.blocks):
                x = block(x, None if cache is None else cache[i])
            return self.head(self.norm(x))

    return GPT()


def next_token(T: Any, logits: Any, tokens: Any) -> Any:
    """The loss of each token's prediction from those before it."""
    return T.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1)
    )


@model("GPT, training")
def gpt_training(T: Any) -> Step:
    net, tokens = gpt(T, 128, 4, 4, 128), integers(T, VOCABULARY, 4, 128)
    optimizer = T.optim.AdamW(net.parameters(), lr=3e-4)

    def step() -> Any:
        optimizer.zero_grad()
        value = next_token(T, net(tokens), tokens)
        value.backward()
        T.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return value.detach()

    return step


@model("character GPT with written-out attention, training")
def small_gpt(T: Any) -> Step:
    """As in teaching code: a head at a time in one product, a mask, a softmax, dropouts."""
    nn, F, width, heads = T.nn, T.nn.functional, 96, 6

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.key, self.query, self.value = (
                nn.Linear(width, width, bias=False) for _ in range(3)
            )
            self.out, self.drop = nn.Linear(width, width), nn.Dropout(0.1)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
            )
            self.register_buffer("mask", T.tril(T.ones(64, 64)))

        def attend(self, x: Any) -> Any:
            b, t, _ = x.shape
            q, k, v = (
                layer(x).view(b, t, heads, width // heads).transpose(1, 2)
                for layer in (self.query, self.key, self.value)
            )
            score = q @ k.transpose(-2, -1) / math.sqrt(width // heads)
            score = score.masked_fill(self.mask[:t, :t] == 0, float("-inf"))
            y = self.drop(F.softmax(score, -1)) @ v
            return self.drop(self.out(y.transpose(1, 2).contiguous().view(b, t, width)))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    token, place = nn.Embedding(VOCABULARY, width), nn.Embedding(64, width)
    blocks = nn.Sequential(*[Block() for _ in range(3)])
    norm, head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)
    net = nn.ModuleList([token, place, blocks, norm, head])
    tokens = integers(T, VOCABULARY, 8, 64)
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-3)

    def loss() -> Any:
        x = token(tokens) + place(T.arange(64))
        return next_token(T, head(norm(blocks(x))), tokens)

    return training(optimizer, loss)


@model("GPT, decoding without a cache")
def gpt_decoding(T: Any) -> Step:
    net, prompt = gpt(T, 192, 6, 4, 128).eval(), integers(T, VOCABULARY, 1, 32)

    def run() -> Any:
        tokens = prompt
        for _ in range(8):
            logits = net(tokens)[:, -1]
            tokens = T.cat([tokens, logits.argmax(-1, keepdim=True)], 1)
        return logits

    return inference(T, run)


@model("GPT, decoding with a cache")
def gpt_cached(T: Any) -> Step:
    net, prompt = gpt(T, 192, 6, 4, 128).eval(), integers(T, VOCABULARY, 1, 32)

    def run() -> Any:
        cache: list[list[Any]] = [[] for _ in net.blocks]
        logits, begin = net(prompt, cache)[:, -1], 32
        for _ in range(16):
            chosen = logits.argmax(-1, keepdim=True)
            logits = net(chosen, cache, begin)[:, -1]
            begin += 1
        return logits

    return inference(T, run)


def llama(T: Any, width: int, heads: int, groups: int, depth: int) -> Any:
    """RMSNorm, rotary places, grouped queries and SwiGLU, with room for keys and values."""
    nn, F, size, length = T.nn, T.nn.functional, width // heads, 128

    class RMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(T.ones(width))

        def forward(self, x: Any) -> Any:
            return x * T.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    def rotated(x: Any, cos: Any, sin: Any) -> Any:
        a, b = x.chunk(2, -1)
        return x * cos + T.cat([-b, a], -1) * sin

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q = nn.Linear(width, width, bias=False)
            self.k = nn.Linear(width, groups * size, bias=False)
            self.v = nn.Linear(width, groups * size, bias=False)
            self.o = nn.Linear(width, width, bias=False)
            self.register_buffer("keys", T.zeros(1, groups, length, size))
            self.register_buffer("values", T.zeros(1, groups, length, size))

        def forward(self, x: Any, cos: Any, sin: Any, begin: int) -> Any:
            b, t, _ = x.shape
            q = rotated(self.q(x).view(b, t, heads, size).transpose(1, 2), cos, sin)
            k = rotated(self.k(x).view(b, t, groups, size).transpose(1, 2), cos, sin)
            v = self.v(x).view(b, t, groups, size).transpose(1, 2)
            self.keys[:, :, begin : begin + t] = k
            self.values[:, :, begin : begin + t] = v
            k = self.keys[:, :, : begin + t].repeat_interleave(heads // groups, 1)
            v = self.values[:, :, : begin + t].repeat_interleave(heads // groups, 1)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
            return self.o(y.transpose(1, 2).reshape(b, t, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            hidden = 8 * width // 3
            self.norm1, self.norm2, self.attention = RMSNorm(), RMSNorm(), Attention()
            self.gate = nn.Linear(width, hidden, bias=False)
            self.up = nn.Linear(width, hidden, bias=False)
            self.down = nn.Linear(hidden, width, bias=False)

        def forward(self, x: Any, cos: Any, sin: Any, begin: int) -> Any:
            x = x + self.attention(self.norm1(x), cos, sin, begin)
            y = self.norm2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    class Llama(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(VOCABULARY, width)
            self.blocks = nn.ModuleList([Block() for _ in range(depth)])
            self.norm, self.head = RMSNorm(), nn.Linear(width, VOCABULARY, bias=False)
            speed = 1.0 / 10000 ** (T.arange(0, size, 2).float() / size)
            angle = T.outer(T.arange(length).float(), speed)
            angle = T.cat([angle, angle], -1)
            self.register_buffer("cos", angle.cos())
            self.register_buffer("sin", angle.sin())

        def forward(self, tokens: Any, begin: int) -> Any:
            t = tokens.shape[1]
            cos, sin = self.cos[begin : begin + t], self.sin[begin : begin + t]
            x = self.token(tokens)
            for block in self.blocks:
                x = block(x, cos, sin, begin)
            return self.head(self.norm(x))

    return Llama()


@model("Llama, prompt and decoding")
def llama_inference(T: Any) -> Step:
    net, prompt = llama(T, 256, 8, 2, 4).eval(), integers(T, VOCABULARY, 1, 64)

    def run() -> Any:
        logits = net(prompt, 0)[:, -1]
        for place in range(64, 76):
            logits = net(logits.argmax(-1, keepdim=True), place)[:, -1]
        return logits

    return inference(T, run)


@model("Llama, prompt")
def llama_prompt(T: Any) -> Step:
    net, prompt = llama(T, 256, 8, 2, 4).eval(), integers(T, VOCABULARY, 1, 128)
    return inference(T, lambda: net(prompt, 0))


@model("BERT, training")
def bert(T: Any) -> Step:
    """Norms behind the residuals, a mask of what is padding, a loss of the tokens that were hidden."""
    nn, F, width, heads = T.nn, T.nn.functional, 128, 4

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
            self.out = nn.Linear(width, width)
            self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, x: Any, mask: Any) -> Any:
            b, t, _ = x.shape
            q, k, v = (
                layer(x).view(b, t, heads, -1).permute(0, 2, 1, 3)
                for layer in (self.query, self.key, self.value)
            )
            score = T.matmul(q, k.transpose(-1, -2)) / math.sqrt(width // heads) + mask
            y = T.matmul(T.softmax(score, -1), v).permute(0, 2, 1, 3).reshape(b, t, width)
            x = self.norm1(x + self.out(y))
            return self.norm2(x + self.shrink(F.gelu(self.grow(x))))

    tokens, hidden = integers(T, VOCABULARY, 8, 64), integers(T, 100, 8, 64, seed=1) < 15
    token, place = nn.Embedding(VOCABULARY, width), nn.Embedding(64, width)
    layers = nn.ModuleList([Layer() for _ in range(3)])
    norm, head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)
    net = nn.ModuleList([token, place, layers, norm, head])
    lengths = integers(T, 24, 8, seed=2) + 41
    seen = T.arange(64)[None] < lengths[:, None]
    mask = (1.0 - seen.float())[:, None, None] * -1e4
    inputs = T.where(hidden, T.zeros_like(tokens), tokens)
    wanted = T.where(hidden, tokens, T.full_like(tokens, -100))
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-4)

    def loss() -> Any:
        x = norm(token(inputs) + place(T.arange(64)))
        for layer in layers:
            x = layer(x, mask)
        return F.cross_entropy(head(x).view(-1, VOCABULARY), wanted.view(-1))

    return training(optimizer, loss)


@model("seq2seq by nn.Transformer, training")
def seq2seq(T: Any) -> Step:
    nn, F, width = T.nn, T.nn.functional, 128
    source, target = nn.Embedding(VOCABULARY, width), nn.Embedding(VOCABULARY, width)
    body = nn.Transformer(width, 4, 2, 2, 256, dropout=0.0, batch_first=True)
    head = nn.Linear(width, VOCABULARY)
    net = nn.ModuleList([source, target, body, head])
    x, y = integers(T, VOCABULARY, 8, 40), integers(T, VOCABULARY, 8, 33, seed=1)
    place = normal(T, 1, 40, width) * 0.1
    mask = nn.Transformer.generate_square_subsequent_mask(32)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-4)

    def loss() -> Any:
        given = target(y[:, :-1]) * math.sqrt(width) + place[:, :32]
        made = body(source(x) * math.sqrt(width) + place, given, tgt_mask=mask)
        return F.cross_entropy(head(made).transpose(1, 2), y[:, 1:], label_smoothing=0.1)

    return training(optimizer, loss)


@model("mixture of experts, training")
def mixture(T: Any) -> Step:
    """Each token goes to the two of eight experts that a gate prefers."""
    nn, F, width, experts = T.nn, T.nn.functional, 128, 8

    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Linear(width, experts)
            self.experts = nn.ModuleList([
                nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
                for _ in range(experts)
            ])  # fmt: skip

        def forward(self, x: Any) -> Any:
            share, chosen = T.topk(F.softmax(self.gate(x), -1), 2, -1)
            share = share / share.sum(-1, keepdim=True)
            y = T.zeros_like(x)
            for i, expert in enumerate(self.experts):
                rows, which = T.where(chosen == i)
                y = y.index_add(0, rows, expert(x[rows]) * share[rows, which].unsqueeze(-1))
            return y

    layers = nn.ModuleList([Mixture() for _ in range(2)])
    norm, head = nn.LayerNorm(width), nn.Linear(width, 16)
    net = nn.ModuleList([layers, norm, head])
    x, y = normal(T, 512, width), integers(T, 16, 512)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)

    def loss() -> Any:
        z = x
        for layer in layers:
            z = z + layer(norm(z))
        return F.cross_entropy(head(z), y)

    return training(optimizer, loss)
