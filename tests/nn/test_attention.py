"""torch.nn.attention: which way attention is computed, biases, scores that a program changes."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F
from flambeau.nn.attention import SDPBackend, _cur_sdpa_kernel_backends, flex_attention, sdpa_kernel
from flambeau.nn.attention.bias import CausalBias, causal_lower_right, causal_upper_left
from flambeau.nn.attention.varlen import AuxRequest, varlen_attn

flex = flex_attention.flex_attention


def wave(*shape, step):
    n = math.prod(shape)
    return torch.sin(torch.arange(n, dtype=torch.float64) * step).reshape(shape)


Q, K, V = (
    wave(2, 4, 40, 8, step=0.37),
    wave(2, 4, 30, 8, step=0.53),
    wave(2, 4, 30, 8, step=0.71),
)
SLOPES = torch.tensor([0.5, 0.25, 0.125, 0.0625], dtype=torch.float64)
TABLE, CHAIN = wave(80, step=0.2), wave(2, 4, step=0.9)
DOCUMENT = torch.arange(40) // 13


def alibi(score, b, h, q, k):
    return score + SLOPES[h] * (k - q)


MODS = {
    "none": None,
    "alibi": alibi,
    "relative": lambda s, b, h, q, k: s + TABLE[q - k + 30],
    "cap": lambda s, b, h, q, k: 2 * torch.tanh(s / 2),
    "window": lambda s, b, h, q, k: torch.where((q - k).abs() < 9, s, -float("inf")),
    "chain": lambda s, b, h, q, k: s * CHAIN[b][h],
}
MASKS = {
    "causal": lambda b, h, q, k: q >= k,
    "document": lambda b, h, q, k: DOCUMENT[q] == DOCUMENT[k],
    "heads": lambda b, h, q, k: (q + 4 * h >= k) & (k >= 5 * b),
}

# out[1, 2, 7, 3], out.sum(), lse[0, 1, 20], the sum of finite lse; from PyTorch 2.13.0
RECORDED = {
    "none": (-0.020741210464, 0.193533006431, 3.888008638461, 1217.107944597061),
    "alibi": (0.087906893572, 1.372231113147, 4.254939026855, 1413.053222312126),
    "relative": (-0.030672246886, 0.13325337352, 4.108489231171, 1290.685450532004),
    "cap": (-0.021527931829, 0.203939006275, 3.808479351286, 1194.432101486663),
    "window": (-0.147102883036, 1.551704227396, 3.365193846423, None),
    "chain": (-0.069444873306, 0.165272341012, 3.719607567653, 1145.71172010885),
    "causal": (-0.054659647171, -0.763231444974, 1.856466364651, 527.610345819528),
    "document": (0.1868268072, 0.961135209966, 3.380563033493, 793.132073840149),
    "heads": (-0.148943192286, 9.610636483274, 2.81950372961, 700.080481250579),
}
SPARSITY = {"causal": 20.0, "document": 100 / 3, "heads": 35 / 3}


def block_mask(name, size=(8, 10)):
    batch, heads = (2, 4) if name == "heads" else (None, None)
    return flex_attention.create_block_mask(MASKS[name], batch, heads, 40, 30, BLOCK_SIZE=size)


@pytest.mark.parametrize("name", RECORDED)
def test_flex_attention_gives_pytorchs_numbers(name):
    mod, mask = (alibi, block_mask(name)) if name in MASKS else (MODS[name], None)
    if mask is not None:
        assert mask.sparsity() == pytest.approx(SPARSITY[name])
    out, aux = flex(Q, K, V, mod, mask, return_aux=flex_attention.AuxRequest(lse=True))
    finite = torch.nan_to_num(aux.lse, neginf=0.0).sum()
    got = [out[1, 2, 7, 3], out.sum(), aux.lse[0, 1, 20], finite]
    for value, wanted in zip(got, RECORDED[name]):
        assert wanted is None or float(value) == pytest.approx(wanted, abs=1e-10)
    fused = flex(Q, K, V, mod, mask)  # as one formula, where that can be
    np.testing.assert_allclose(fused.numpy(), out.numpy(), rtol=1e-12, atol=1e-13)


def test_heads_of_keys_serve_several_of_queries():
    mask = block_mask("heads")
    out = flex(Q, K[:, :2], V[:, :2], alibi, mask, enable_gqa=True)
    assert float(out[1, 2, 7, 3]) == pytest.approx(-0.105106630204, abs=1e-10)
    assert float(out.sum()) == pytest.approx(13.794323868484, abs=1e-10)


@pytest.mark.parametrize("name", [None, "causal", "heads"])
def test_gradients_reach_operands_and_what_scores_read(name):
    q, k, v = (x[:, :2, :12, :3].clone().requires_grad_() for x in (Q, K, V))
    slopes, table = (
        torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True),
        wave(24, step=0.4).requires_grad_(),
    )
    mask = name and flex_attention.create_block_mask(MASKS[name], 2, 2, 12, 12, BLOCK_SIZE=4)

    def attend(q, k, v, slopes, table):
        def mod(score, b, h, q_idx, kv_idx):
            return (
                3 * torch.tanh(score / 3)
                + slopes[h] * (q_idx - kv_idx)
                + table[q_idx - kv_idx + 12]
            )

        return flex(q, k, v, mod, mask)

    operands = (q, k, v, slopes, table)
    weights = wave(*attend(*operands).shape, step=1.7)
    (attend(*operands) * weights).sum().backward()
    for i, x in enumerate(operands):
        step = 1e-6 * wave(*x.shape, step=2.3)
        with torch.no_grad():
            up, down = (
                (attend(*operands[:i], x + sign * step, *operands[i + 1 :]) * weights).sum()
                for sign in (1, -1)
            )
        assert float((x.grad * step).sum()) == pytest.approx(float(up - down) / 2, rel=1e-5)


def test_blocks_that_a_mask_does_not_list_are_not_computed():
    computed = []

    def mod(score, b, h, q, k):
        computed.append(
            float(torch.ones_like(score).sum())
        )  # no formula: it gets the scores themselves
        return score

    wide = wave(1, 1, 64, 4, step=0.3)
    mask = flex_attention.create_block_mask(
        lambda b, h, q, k: (q - k).abs() < 4, None, None, 64, 64, BLOCK_SIZE=8
    )
    out = flex(wide, wide, wide, mod, mask)
    blocks = int(mask.to_dense().sum())
    assert blocks == 22
    assert sum(computed) == blocks * 64
    dense = mask.mask_mod(None, None, torch.arange(64)[:, None], torch.arange(64))
    wanted = F.scaled_dot_product_attention(wide, wide, wide, dense)
    np.testing.assert_allclose(out.numpy(), wanted.numpy(), rtol=1e-12)


def test_a_query_that_sees_nothing_gives_zeros():
    mask = flex_attention.create_block_mask(
        lambda b, h, q, k: (q >= 9) & (k < 3), None, None, 40, 30, BLOCK_SIZE=8
    )
    out, aux = flex(Q, K, V, None, mask, return_aux=flex_attention.AuxRequest(True, True))
    assert not out[:, :, :9].any()
    assert bool(torch.isneginf(aux.lse[:, :, :9]).all())
    scores = (Q[:, :, 9:] @ K[:, :, :3].mT) / math.sqrt(8)
    np.testing.assert_allclose(aux.max_scores[:, :, 9:].numpy(), scores.amax(-1).numpy())
    np.testing.assert_allclose(flex(Q, K, V, None, mask).numpy(), out.numpy(), rtol=1e-12)


PICTURE = """\
BlockMask(shape=(1, 2, 40, 30), sparsity=16.67%,\x20
(0, 0)
██   \x20
████ \x20
██████
██████
██████

(0, 1)
████ \x20
████ \x20
██████
██████
██████
)"""


def test_a_block_mask_shows_itself_as_in_pytorch():
    mask = flex_attention.create_block_mask(MASKS["heads"], 2, 2, 40, 30, BLOCK_SIZE=(8, 10))
    assert mask.kv_num_blocks[0].tolist() == [[1, 2, 2, 1, 0], [2, 1, 1, 1, 0]]
    assert mask.kv_num_blocks[1].tolist() == [[1, 2, 3, 2, 1], [2, 2, 2, 2, 1]]
    assert mask.full_kv_num_blocks[0].tolist() == [[0, 0, 1, 2, 3], [0, 1, 2, 2, 3]]
    assert mask.full_kv_num_blocks[1].tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 1, 2]]
    assert mask.kv_indices[0, 0].tolist() == [[0, 1, 2], [0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]
    assert mask.q_indices[0, 0].tolist() == [[0, 1, 2, 3, 4], [1, 2, 0, 3, 4], [2, 3, 0, 1, 4]]
    assert str(mask[1]) == PICTURE
    assert repr(mask).splitlines()[1:3] == [
        "    kv_num_blocks=torch.Size([2, 2, 5]),",
        "    kv_indices=torch.Size([2, 2, 5, 3]),",
    ]
    assert mask[0, 1].shape == (1, 1, 40, 30)
    assert mask.to_string(grid_size=1).splitlines()[:2] == ["(0, 0)", "░░"]
    cropped = mask._adjust(16, 20)
    assert cropped.shape == (2, 2, 16, 20)
    assert cropped.to_dense()[0, 0].tolist() == [[1, 0], [1, 1]]


def test_masks_are_joined():
    causal, near = MASKS["causal"], lambda b, h, q, k: (q - k).abs() < 3
    q, k = np.arange(9)[:, None], np.arange(7)
    both = flex_attention.create_mask(flex_attention.and_masks(causal, near), None, None, 9, 7)
    either = flex_attention.create_mask(flex_attention.or_masks(causal, near), None, None, 9, 7)
    np.testing.assert_array_equal(both[0, 0].numpy(), (q >= k) & (abs(q - k) < 3))
    np.testing.assert_array_equal(either[0, 0].numpy(), (q >= k) | (abs(q - k) < 3))
    with pytest.raises(RuntimeError, match="callable"):
        flex_attention.and_masks(causal, 3)
    nothing = flex_attention.create_block_mask(flex_attention.noop_mask, None, None, 40, 30)
    np.testing.assert_allclose(flex(Q, K, V, None, nothing).numpy(), flex(Q, K, V).numpy())


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="enable_gqa=True"):
        flex(Q, K[:, :2], V[:, :2])
    with pytest.raises(ValueError, match="same dtype"):
        flex(Q, K.float(), V)
    with pytest.raises(NotImplementedError, match="4D"):
        flex(Q[0], K[0], V[0])
    with pytest.raises(RuntimeError, match="sliced BlockMask"):
        flex(Q, K, V, None, block_mask("heads")[0])
    with pytest.raises(ValueError, match="_adjust"):
        flex(Q[:, :, :20], K, V, None, block_mask("causal"))
    with pytest.raises(AssertionError, match="4 or 5"):
        flex_attention.create_mask(lambda a, b: a, 1, 1, 2, 2)


def test_one_way_of_computing_attention_is_chosen():
    q = wave(1, 2, 70, 8, step=0.3).requires_grad_()
    name = lambda: F.scaled_dot_product_attention(q, q, q).grad_fn.name()  # noqa: E731
    with sdpa_kernel(SDPBackend.MATH):
        assert _cur_sdpa_kernel_backends() == [SDPBackend.MATH]
        assert not torch.backends.cuda.flash_sdp_enabled()
        assert "Flash" not in name()
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        assert "Flash" in name()
        with pytest.raises(RuntimeError, match="No available kernel"):
            F.scaled_dot_product_attention(q, q, q, dropout_p=0.5)
    with (
        sdpa_kernel([SDPBackend.CUDNN_ATTENTION]),
        pytest.raises(RuntimeError, match="No viable backend"),
    ):
        F.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION], set_priority=True):
        assert "Flash" not in name()
    assert len(_cur_sdpa_kernel_backends()) == 5
    assert "Flash" in name()
    with pytest.raises(AssertionError, match="SDPBackend"), sdpa_kernel("math"):
        pass
    assert torch.nn.attention.list_flash_attention_impls() == []
    with pytest.raises(ValueError, match="FA3"):
        torch.nn.attention.activate_flash_attention_impl("FA3")


def test_causal_biases():
    lower = causal_lower_right(3, 4)
    assert isinstance(lower, CausalBias)
    assert lower._materialize().tolist() == torch.ones(3, 4).tril(1).bool().tolist()
    q = Q[:, :, :30]
    full = F.scaled_dot_product_attention(q, K, V, is_causal=True)
    for bias in (causal_upper_left(30, 30), causal_lower_right(30, 30)):
        np.testing.assert_array_equal(
            F.scaled_dot_product_attention(q, K, V, bias).numpy(), full.numpy()
        )
    last = F.scaled_dot_product_attention(q[:, :, 25:], K, V, causal_lower_right(5, 30))
    np.testing.assert_allclose(last.numpy(), full[:, :, 25:].numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match="causal=True"):
        F.scaled_dot_product_attention(q, K, V, lower, is_causal=True)
    with pytest.warns(UserWarning, match="NaNs"):
        causal_lower_right(4, 3)


def test_sequences_of_different_lengths():
    x = Q[0].transpose(0, 1)  # (40, 4, 8)
    starts = torch.tensor([0, 7, 30, 40], dtype=torch.int32)
    out, lse = varlen_attn(
        x, x, x, starts, starts, 23, 23, window_size=(-1, 0), return_aux=AuxRequest(lse=True)
    )
    assert lse.shape == (40, 4)
    for a, b in ((0, 7), (7, 30), (30, 40)):
        part = x[a:b].transpose(0, 1)
        wanted = F.scaled_dot_product_attention(part, part, part, is_causal=True)
        np.testing.assert_allclose(out[a:b].numpy(), wanted.transpose(0, 1).numpy(), rtol=1e-11)
    near = varlen_attn(x, x, x, starts, starts, 23, 23, window_size=(2, 1))
    place = np.arange(23)
    seen = torch.tensor((place - place[:, None] >= -2) & (place - place[:, None] <= 1))
    part = x[7:30].transpose(0, 1)
    wanted = F.scaled_dot_product_attention(part, part, part, seen).transpose(0, 1)
    np.testing.assert_allclose(near[7:30].numpy(), wanted.numpy(), rtol=1e-11)
