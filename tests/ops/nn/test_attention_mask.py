"""Attention where masks leave some queries no key at all: they mix nothing, in every layer."""

import itertools
import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.ops.nn import attention

F = torch.nn.functional
LENGTH, SOURCE, BATCH, HEADS, SIZE = 3, 4, 2, 2, 3
E = HEADS * SIZE


def filled(*shape, start=0.0, dtype=torch.float64):
    """Numbers between -1 and 1 without a pattern."""
    return torch.sin(torch.arange(math.prod(shape), dtype=dtype) * 1.7 + start).view(shape)


def set_up(module):
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(filled(*parameter.shape, start=i, dtype=parameter.dtype))
    return module


def padding(whole=1, size=SOURCE, dtype=torch.bool):
    """Hides the last key of every sequence, and all keys of one."""
    hidden = torch.zeros(BATCH, size, dtype=torch.bool)
    hidden[:, -1] = hidden[whole] = True
    return as_mask(hidden, dtype)


def pairs(dtype=torch.bool, lead=()):
    """Hides all keys from the query in the middle, and one from the first."""
    hidden = torch.zeros(*lead, LENGTH, SOURCE, dtype=torch.bool)
    hidden[..., 1, :] = hidden[..., 0, 2] = True
    return as_mask(hidden, dtype)


def as_mask(hidden, dtype):
    if dtype is torch.bool:
        return hidden
    return torch.zeros(hidden.shape, dtype=dtype).masked_fill(hidden, -math.inf)


def masked_softmax(scores, hidden):
    """exp(x) / sum(exp(x)) of what is not hidden, 0 elsewhere, in float64."""
    shares = np.where(hidden, 0.0, np.exp(scores))
    total = shares.sum(-1, keepdims=True)
    return shares / np.where(total == 0, 1, total)


def reference(layer, query, key, value, hidden):
    """Attention of several heads with NumPy; arrays (length, batch, features), hidden (N, 1, L, S)."""
    numbers = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    if "in_proj_weight" in numbers:
        weights = np.split(numbers["in_proj_weight"], 3)
    else:
        weights = [numbers[f"{name}_proj_weight"] for name in "qkv"]
    biases = np.split(numbers["in_proj_bias"], 3)
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), weights, biases))
    if layer.bias_k is not None:
        wide = np.broadcast_to
        k = np.concatenate([k, wide(numbers["bias_k"], (1, *k.shape[1:]))])
        v = np.concatenate([v, wide(numbers["bias_v"], (1, *v.shape[1:]))])
    if layer.add_zero_attn:
        k, v = (np.concatenate([x, np.zeros((1, *x.shape[1:]))]) for x in (k, v))
    more = len(k) - hidden.shape[-1]
    hidden = np.concatenate([hidden, np.zeros((*hidden.shape[:-1], more), bool)], -1)

    def split(x):
        return x.reshape(len(x), BATCH, HEADS, SIZE).transpose(1, 2, 0, 3)

    q, k, v = split(q), split(k), split(v)
    shares = masked_softmax(q @ k.swapaxes(-1, -2) / math.sqrt(SIZE), hidden)
    mixed = (shares @ v).transpose(2, 0, 1, 3).reshape(len(query), BATCH, E)
    return mixed @ numbers["out_proj.weight"].T + numbers["out_proj.bias"], shares


LAYERS = {
    "plain": {},
    "bias_kv": {"add_bias_kv": True},
    "zero": {"add_zero_attn": True},
    "sizes": {"kdim": 5, "vdim": 4},
}


@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("kind", [torch.bool, torch.float64], ids=["bool", "float"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_multihead_attention_mixes_nothing_where_all_is_hidden(options, kind, batch_first):
    layer = nn.MultiheadAttention(E, HEADS, batch_first=batch_first, dtype=torch.float64, **options)
    set_up(layer)
    x = filled(LENGTH, BATCH, E, start=1)
    k, v = filled(SOURCE, BATCH, layer.kdim, start=2), filled(SOURCE, BATCH, layer.vdim, start=3)
    own = [t.transpose(0, 1) if batch_first else t for t in (x, k, v)]
    for train, need, average in itertools.product([True, False], repeat=3):
        layer.train(train)
        for pad, mask in itertools.product((padding(dtype=kind), None), (pairs(kind), None)):
            got, shares = layer(
                *own, key_padding_mask=pad, attn_mask=mask, need_weights=need,
                average_attn_weights=average,
            )  # fmt: skip
            hidden = np.zeros((BATCH, 1, LENGTH, SOURCE), bool)
            if pad is not None:
                hidden |= padding().numpy()[:, None, None]
            if mask is not None:
                hidden |= pairs().numpy()
            right, weights = reference(layer, *(t.numpy() for t in (x, k, v)), hidden)
            got = got.transpose(0, 1) if batch_first else got
            np.testing.assert_allclose(got.detach().numpy(), right, atol=1e-12)
            assert (shares is not None) == need
            if need:
                weights = weights.mean(1) if average else weights
                np.testing.assert_allclose(shares.detach().numpy(), weights, atol=1e-12)


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("kind", [torch.bool, torch.float32], ids=["bool", "float"])
def test_padding_alone_gives_the_bias_and_no_gradient_that_is_not_finite(need, kind):
    layer = set_up(nn.MultiheadAttention(4, 2, batch_first=True))
    x = filled(2, 3, 4, dtype=torch.float32).requires_grad_()
    hidden = as_mask(torch.tensor([[False, False, True], [True, True, True]]), kind)
    out, _ = layer(x, x, x, key_padding_mask=hidden, need_weights=need)
    assert out[1].tolist() == [layer.out_proj.bias.tolist()] * 3
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())
    assert x.grad[1].tolist() == [[0.0] * 4] * 3


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("kind", [torch.bool, torch.float64], ids=["bool", "float"])
def test_derivatives_of_both_orders_where_all_is_hidden(need, kind):
    layer = set_up(nn.MultiheadAttention(E, HEADS, dtype=torch.float64))
    hidden = pairs(kind)

    def run(q, k):
        return layer(q, k, k, padding(dtype=kind), need, hidden)[0]

    inputs = [filled(n, BATCH, E, start=n).requires_grad_() for n in (LENGTH, SOURCE)]
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_transformer_layers(train, norm_first):
    options = {"dropout": 0.0, "dtype": torch.float64, "norm_first": norm_first}
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, 8, **options), 2)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(E, HEADS, 8, **options), 2)
    x, y = filled(SOURCE, BATCH, E), filled(LENGTH, BATCH, E, start=1)
    set_up(encoder), set_up(decoder)
    encoder.train(train), decoder.train(train)
    memory = encoder(x, src_key_padding_mask=padding())
    out = decoder(
        y, memory, tgt_key_padding_mask=padding(size=LENGTH), memory_key_padding_mask=padding(),
        memory_mask=pairs(),
    )  # fmt: skip
    assert torch.isfinite(out).all()
    alone = encoder(x[:, :1], src_key_padding_mask=padding()[:1])  # no neighbour matters
    np.testing.assert_allclose(memory[:, 0].detach(), alone[:, 0].detach(), atol=1e-12)
    out[:, 0].sum().backward()
    for name, p in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert torch.isfinite(p.grad).all(), name


def test_transformer():
    model = set_up(nn.Transformer(E, HEADS, 1, 1, 8, dropout=0.0, dtype=torch.float64))
    out = model(
        filled(SOURCE, BATCH, E), filled(LENGTH, BATCH, E, start=1),
        src_key_padding_mask=padding(), memory_key_padding_mask=padding(),
    )  # fmt: skip
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.fixture(params=["whole", "in one pass"], autouse=True)
def _way(request, monkeypatch):
    """Few keys are attended to by whole products and a softmax, unless told otherwise."""
    monkeypatch.setattr(attention, "SHORT", 0 if request.param == "in one pass" else 64)


HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALVES])
@pytest.mark.parametrize("kind", ["bool", "float", "float with gradient"])
@pytest.mark.parametrize("causal", [False, True])
def test_rows_of_scaled_dot_product_attention_without_a_key(dtype, kind, causal):
    q, k, v = (filled(1, 2, n, 4, start=n).to(dtype) for n in (LENGTH, SOURCE, SOURCE))
    mask = pairs(torch.bool if kind == "bool" else dtype)
    hidden = pairs().numpy() | (causal & ~np.tri(LENGTH, SOURCE, dtype=bool))
    wide = [x.double().numpy() for x in (q, k, v)]
    right = masked_softmax(wide[0] @ wide[1].swapaxes(-1, -2) / 2, hidden) @ wide[2]
    q, k, v = (x.requires_grad_() for x in (q, k, v))
    mask = (~mask if kind == "bool" else mask).requires_grad_("gradient" in kind)
    out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
    close = {torch.float32: 1e-6, torch.float64: 1e-12}.get(dtype, 2e-2)
    np.testing.assert_allclose(out.detach().double(), right, atol=close)
    assert out[:, :, 1].tolist() == [[[0.0] * 4] * 2]
    out.sum().backward()
    assert all(torch.isfinite(x.grad).all() for x in (q, k, v))
    assert q.grad[:, :, 1].tolist() == [[[0.0] * 4] * 2]


def test_grouped_queries_without_a_key():
    q, k, v = (filled(1, h, n, 4).requires_grad_() for h, n in ((4, 3), (2, 4), (2, 4)))

    def run(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, ~pairs(), enable_gqa=True)

    assert run(q, k, v)[:, :, 1].abs().sum().item() == 0
    assert torch.autograd.gradcheck(run, (q, k, v))
    assert torch.autograd.gradgradcheck(run, (q, k, v))


def test_a_causal_mask_takes_part_beside_another():
    """PyTorch 2.13.0, float64: what either of the masks hides is hidden."""
    q, k, v = (filled(1, 1, n, 2, start=n) for n in (3, 4, 4))
    seen = torch.tensor([[True] * 4, [False, True, True, True], [True, False, True, True]])
    both = F.scaled_dot_product_attention(q, k, v, seen & torch.ones(3, 4).tril().bool())
    added = torch.zeros(3, 4, dtype=q.dtype).masked_fill(~seen, -math.inf)
    for mask in (seen, added, added.clone().requires_grad_()):
        out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=True)
        np.testing.assert_allclose(out.detach(), both, atol=1e-12)


def test_a_number_that_is_none_still_shows():
    """Only rows of nothing but -inf are empty; NaN and inf in the scores stay what they are."""
    q, k, v = (filled(1, 1, n, 2, start=n, dtype=torch.float32) for n in (3, 4, 4))
    q[0, 0, 1, 0] = math.nan
    mask = torch.zeros(3, 4, requires_grad=True)
    out = F.scaled_dot_product_attention(q, k, v, mask)
    assert torch.isnan(out[0, 0]).all(-1).tolist() == [False, True, False]


@pytest.mark.parametrize("need", [True, False])
def test_functional_form_without_a_batch(need):
    layer = set_up(nn.MultiheadAttention(E, HEADS, dtype=torch.float64))
    x = filled(LENGTH, E)
    out, shares = layer(x, x, x, torch.ones(LENGTH, dtype=torch.bool), need)
    np.testing.assert_allclose(out.detach(), [layer.out_proj.bias.tolist()] * LENGTH)
    assert not need or shares.abs().sum().item() == 0


@pytest.mark.parametrize("dtype", [torch.float64, *HALVES])
def test_a_mask_may_be_of_float32(dtype):
    """As in PyTorch 2.13.0; -1e5 is no infinity, though float16 has no such number."""
    q, k, v = (filled(1, 1, n, 4, start=n).to(dtype) for n in (LENGTH, SOURCE, SOURCE))
    mask = torch.zeros(LENGTH, SOURCE)
    mask[1], mask[2] = -1e5, -math.inf
    out = F.scaled_dot_product_attention(q, k, v, mask)
    assert out.dtype is dtype
    assert out[0, 0, 2].tolist() == [0.0] * 4
    wide = [x.double() for x in (q, k, v)]
    right = F.scaled_dot_product_attention(*wide, mask.double())
    np.testing.assert_allclose(out.double(), right, atol=1e-6 if dtype is torch.float64 else 2e-2)


@pytest.mark.parametrize("name", ["key_padding_mask", "attn_mask"])
def test_masks_of_integers_are_refused(name):
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = filled(2, 3, 4, dtype=torch.float32)
    sizes = (2, 3) if name == "key_padding_mask" else (3, 3)
    for dtype in (torch.int64, torch.uint8):
        with pytest.raises(AssertionError, match=f"only bool and floating types of {name}"):
            layer(x, x, x, **{name: torch.zeros(sizes, dtype=dtype)})
    for sizes in ((2, 4), (3, 3)):
        with pytest.raises(AssertionError, match="Expected key_padded_mask"):
            layer(x, x, x, key_padding_mask=torch.zeros(sizes, dtype=torch.bool))
