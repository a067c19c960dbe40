"""Layers: convolution, pooling, normalisation, attention, resampling, losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arguments import Call, Drawn, Hint
from ..draw import Draw
from ..operand import DTYPES, INTEGER, Operand, operand, with_values

LAYER = ("float32", "float32", "float32", "float64", "float16", "bfloat16")
Recipe = Callable[[Draw], Call]


def _dtype(draw: Draw) -> np.dtype:
    return DTYPES[draw.one(LAYER)]


def _image(draw: Draw, channels: int, dims: int, smallest: int = 1) -> Operand:
    """Images, in a batch or alone."""
    top = {1: 40, 2: 13, 3: 7}[dims]
    sizes = tuple(draw.integer(smallest, max(top, smallest)) for _ in range(dims))
    batch = () if draw.chance(0.2) else (0 if draw.has("empty", 0.05) else draw.integer(1, 3),)
    return operand(draw, (*batch, channels, *sizes), _dtype(draw))


def convolution(dims: int, transposed: bool = False) -> Recipe:
    def recipe(draw: Draw) -> Call:
        groups = draw.one((1, 1, 1, 2, 3))
        inward, outward = groups * draw.integer(1, 5), groups * draw.integer(1, 5)
        if draw.chance(0.15):
            groups = inward = draw.integer(2, 9)
            outward = inward
        kernel = tuple(draw.integer(1, 4) for _ in range(dims))
        x = _image(draw, inward, dims, 4)
        shape = (inward, outward // groups) if transposed else (outward, inward // groups)
        args = [x, operand(draw, (*shape, *kernel), x.dtype)]
        args.append(operand(draw, (outward,), x.dtype) if draw.chance(0.5) else None)
        options = {"stride": draw.integer(1, 3), "padding": draw.integer(0, 2)}
        options |= {"dilation": draw.integer(1, 2)} if draw.chance(0.3) else {}
        return Call(tuple(args), {**options, "groups": groups})

    return recipe


def pooling(dims: int, kind: str) -> Recipe:
    def recipe(draw: Draw) -> Call:
        kernel = draw.integer(1, 4)
        x = _image(draw, draw.integer(1, 5), dims, 4)
        options: dict[str, Any] = {}
        if draw.has("option", 0.7):
            options["stride"] = draw.integer(1, 4)
            options["ceil_mode"] = draw.chance(0.3)
            if kind != "lp":
                options["padding"] = draw.integer(0, kernel // 2)
        if kind == "max" and draw.has("option", 0.3):
            options["dilation"] = 1
            options["return_indices"] = True
        if kind == "avg" and draw.has("option", 0.4):
            options["count_include_pad"] = draw.chance(0.5)
        args = (x, draw.one((1, 2, 3)), kernel) if kind == "lp" else (x, kernel)
        return Call(args, options)

    return recipe


def adaptive(dims: int) -> Recipe:
    def recipe(draw: Draw) -> Call:
        x = _image(draw, draw.integer(1, 4), dims)
        return Call((x, draw.integer(1, 9) if draw.chance(0.7) else (3,) * dims), {})

    return recipe


def fractional(dims: int) -> Recipe:
    def recipe(draw: Draw) -> Call:
        return Call((_image(draw, 2, dims, 5), 2), {"output_size": draw.integer(1, 3)})

    return recipe


def unpool(dims: int) -> Recipe:
    def recipe(draw: Draw) -> Call:
        sizes = tuple(draw.integer(1, 4) for _ in range(dims))
        x = operand(draw, (2, 3, *sizes), _dtype(draw))
        places = int(np.prod([2 * n for n in sizes]))
        one = [draw.rng.permutation(places)[: int(np.prod(sizes))].reshape(sizes) for _ in range(6)]
        index = np.stack(one).reshape(x.shape)
        return Call((x, with_values(draw, index), 2), {})

    return recipe


def interpolate(draw: Draw) -> Call:
    dims = draw.integer(1, 3)
    modes = ("nearest", "nearest-exact", "area", ("linear", "bilinear", "trilinear")[dims - 1])
    x = operand(draw, (2, 3, *(draw.integer(1, 7) for _ in range(dims))), _dtype(draw))
    mode = "bicubic" if dims == 2 and draw.chance(0.25) else draw.one(modes)
    options: dict[str, Any] = {"mode": mode}
    if draw.chance(0.5):
        options["size"] = tuple(draw.integer(1, 12) for _ in range(dims))
    else:
        options["scale_factor"] = draw.one((0.5, 2, 1.5, 3))
    if "linear" in mode or mode == "bicubic":
        options["align_corners"] = draw.chance(0.5)
    return Call((x,), options)


def antialiased(draw: Draw) -> Call:
    call = interpolate(draw)
    if call.kwargs["mode"] in ("bilinear", "bicubic") and draw.chance(0.3):
        call.kwargs["antialias"] = True
    return call


def upsample_images(draw: Draw) -> Call:
    x = operand(draw, (2, 2, draw.integer(1, 6), draw.integer(1, 6)), _dtype(draw))
    return Call((x,), {"size": (draw.integer(1, 9), draw.integer(1, 9))})


def unfold(draw: Draw) -> Call:
    x = _image(draw, draw.integer(1, 3), 2, 4)
    return Call(
        (x, draw.integer(1, 3)), {"padding": draw.integer(0, 2), "stride": draw.integer(1, 2)}
    )


def fold(draw: Draw) -> Call:
    height, width, kernel = draw.integer(3, 7), draw.integer(3, 7), draw.integer(1, 3)
    blocks = (height - kernel + 1) * (width - kernel + 1)
    x = operand(draw, (2, 3 * kernel * kernel, blocks), _dtype(draw), "eighths")
    return Call((x, (height, width), kernel), {})


def _affine(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> dict[str, Operand]:
    if not draw.has("option", 0.6):
        return {}
    return {"weight": operand(draw, shape, dtype), "bias": operand(draw, shape, dtype)}


def layer_norm(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=1))
    x = d.begin()
    shape = d.shape[-draw.integer(1, d.ndim) :]
    return Call((x, shape), _affine(draw, shape, d.dtype))


def rms_norm(draw: Draw) -> Call:
    (x, shape), options = layer_norm(draw)
    options.pop("bias", None)
    return Call((x, shape), options)


def batch_norm(draw: Draw) -> Call:
    c = draw.integer(1, 5)
    x = operand(draw, (draw.integer(2, 5), c, *draw.shape(most=2, limit=100)), _dtype(draw))
    means = (
        operand(draw, (c,), x.dtype, own=True),
        operand(draw, (c,), x.dtype, "positive", own=True),
    )
    options = _affine(draw, (c,), x.dtype)
    if draw.chance(0.5):
        return Call((x, None, None), {**options, "training": True})
    return Call((x, *means), options)


def old_batch_norm(draw: Draw) -> Call:
    c = draw.integer(1, 5)
    x = operand(draw, (draw.integer(2, 5), c, *draw.shape(most=2, limit=100)), _dtype(draw))
    means = operand(draw, (c,), x.dtype), operand(draw, (c,), x.dtype, "positive")
    return Call((x, None, None, *means, False, 0.1, 1e-5, False), {})


def instance_norm(draw: Draw) -> Call:
    x = operand(draw, (2, 3, draw.integer(2, 9), draw.integer(2, 9)), _dtype(draw))
    return Call((x,), _affine(draw, (3,), x.dtype))


def old_instance_norm(draw: Draw) -> Call:
    x = operand(draw, (2, 3, draw.integer(2, 9), draw.integer(2, 9)), _dtype(draw))
    return Call((x, None, None, None, None, True, 0.1, 1e-5, False), {})


def group_norm(draw: Draw) -> Call:
    groups = draw.integer(1, 3)
    c = groups * draw.integer(1, 3)
    x = operand(draw, (draw.small(), c, draw.small(), draw.small()), _dtype(draw))
    return Call((x, groups), _affine(draw, (c,), x.dtype))


def local_norm(draw: Draw) -> Call:
    return Call((_image(draw, draw.integer(1, 7), draw.integer(1, 2)), draw.integer(1, 4)), {})


def attention(draw: Draw) -> Call:
    dtype, heads = _dtype(draw), draw.integer(1, 3)
    batch = (draw.integer(1, 2), heads)
    length, keys, e, v = (draw.one((1, 2, 5, 8, 17, 33)) for _ in range(4))
    made = [operand(draw, (*batch, *s), dtype) for s in ((length, e), (keys, e), (keys, v))]
    options: dict[str, Any] = {}
    choice = draw.integer(0, 4)
    if choice == 0:
        options["is_causal"] = True
    elif choice == 1:
        options["attn_mask"] = operand(draw, draw.narrower((*batch, length, keys)), np.dtype(bool))
    elif choice == 2:
        options["attn_mask"] = operand(draw, draw.narrower((*batch, length, keys)), dtype)
    return Call(tuple(made), options)


def heads_forward(draw: Draw) -> Call:
    n, length, keys, heads = (
        draw.integer(1, 3),
        draw.integer(1, 6),
        draw.integer(1, 6),
        draw.integer(1, 2),
    )
    e = heads * draw.integer(1, 5)
    dtype = DTYPES[draw.one(("float32", "float64"))]
    shapes = (length, n, e), (keys, n, e), (keys, n, e)
    q, k, v = (operand(draw, s, dtype) for s in shapes)
    weight, bias = operand(draw, (3 * e, e), dtype), operand(draw, (3 * e,), dtype)
    out = operand(draw, (e, e), dtype), operand(draw, (e,), dtype)
    args = (q, k, v, e, heads, weight, bias, None, None, False, 0.0, *out)
    return Call(args, {"need_weights": draw.chance(0.5)})


def grid_sample(draw: Draw) -> Call:
    dims, dtype = draw.integer(2, 3), DTYPES[draw.one(("float32", "float64"))]
    x = operand(draw, (2, 3, *(draw.integer(1, 6) for _ in range(dims))), dtype)
    grid = operand(draw, (2, *(draw.integer(1, 5) for _ in range(dims)), dims), dtype)
    modes = ("bilinear", "nearest", "bicubic") if dims == 2 else ("bilinear", "nearest")
    options = {"mode": draw.one(modes), "padding_mode": draw.one(("zeros", "border", "reflection"))}
    return Call((x, grid), {**options, "align_corners": draw.chance(0.5)})


def affine_grid(draw: Draw) -> Call:
    dims, dtype = draw.integer(2, 3), DTYPES[draw.one(("float32", "float64"))]
    size = (2, 3, *(draw.integer(1, 6) for _ in range(dims)))
    theta = operand(draw, (2, dims, dims + 1), dtype)
    return Call((theta, size), {"align_corners": draw.chance(0.5)})


# ----------------------------------------------------------------------------------------- losses


def _reduction(draw: Draw) -> dict[str, Any]:
    return {"reduction": draw.one(("none", "sum", "mean"))} if draw.has("option", 0.7) else {}


def classes(draw: Draw) -> Call:
    c, dtype = draw.integer(1, 9), DTYPES[draw.one(("float32", "float64", "float16", "bfloat16"))]
    rest = draw.shape(most=2, limit=60)
    n = 0 if draw.has("empty", 0.05) else draw.integer(1, 9)
    x = operand(draw, (n, c, *rest), dtype)
    target = draw.rng.integers(0, c, (n, *rest))
    if draw.has("option", 0.2):
        target[draw.rng.random(target.shape) < 0.3] = -100
    options = _reduction(draw)
    if draw.has("option", 0.3):
        options["weight"] = operand(draw, (c,), dtype, "positive")
    return Call((x, with_values(draw, target)), options)


def pairs(kind: str = "normal", target: str = "normal") -> Recipe:
    def recipe(draw: Draw) -> Call:
        dtype = _dtype(draw)
        shape = draw.shape()
        return Call(
            (operand(draw, shape, dtype, kind), operand(draw, shape, dtype, target)),
            _reduction(draw),
        )

    return recipe


def signs(count: int, least: int = 0, most: int = 3) -> Recipe:
    """Losses of so many operands and a target of -1 and 1."""

    def recipe(draw: Draw) -> Call:
        dtype, shape = _dtype(draw), draw.shape(least, most)
        target = with_values(draw, draw.rng.choice((-1.0, 1.0), shape).astype(dtype))
        return Call(
            (*(operand(draw, shape, dtype) for _ in range(count)), target), _reduction(draw)
        )

    return recipe


def cosine_loss(draw: Draw) -> Call:
    dtype, n, c = _dtype(draw), draw.integer(1, 9), draw.integer(1, 9)
    target = with_values(draw, draw.rng.choice((-1.0, 1.0), n).astype(dtype))
    return Call((*(operand(draw, (n, c), dtype) for _ in range(2)), target), _reduction(draw))


def triplet(draw: Draw) -> Call:
    dtype, n, c = _dtype(draw), draw.integer(1, 9), draw.integer(1, 9)
    return Call(tuple(operand(draw, (n, c), dtype) for _ in range(3)), _reduction(draw))


def gaussian(draw: Draw) -> Call:
    dtype, shape = _dtype(draw), draw.shape(least=1)
    made = [operand(draw, shape, dtype, k) for k in ("normal", "normal", "positive")]
    return Call(tuple(made), _reduction(draw))


def margins(draw: Draw) -> Call:
    dtype, n, c = _dtype(draw), draw.integer(1, 9), draw.integer(1, 9)
    x = operand(draw, (n, c), dtype)
    return Call((x, with_values(draw, draw.rng.integers(0, c, n))), _reduction(draw))


def multilabel(draw: Draw) -> Call:
    dtype, n, c = _dtype(draw), draw.integer(1, 9), draw.integer(1, 9)
    x = operand(draw, (n, c), dtype)
    target = np.stack([draw.rng.permutation(c) for _ in range(n)])
    for row in target:
        row[draw.integer(0, c) :] = -1
    return Call((x, with_values(draw, target)), _reduction(draw))


def ctc(draw: Draw) -> Call:
    t, n, c, s = draw.integer(1, 9), draw.integer(1, 3), draw.integer(2, 6), draw.integer(1, 4)
    scores = draw.rng.normal(size=(t, n, c))
    scores -= np.log(np.exp(scores).sum(-1, keepdims=True))
    x = with_values(draw, scores.astype(draw.one(("float32", "float64"))))
    targets = with_values(draw, draw.rng.integers(1, c, (n, s)))
    lengths = draw.rng.integers(1, t + 1, n), draw.rng.integers(0, s + 1, n)
    options = {**_reduction(draw), "zero_infinity": draw.chance(0.5)}
    return Call((x, targets, *(with_values(draw, a) for a in lengths)), options)


def linear_cross_entropy(draw: Draw) -> Call:
    n, k, c = draw.integer(1, 9), draw.integer(1, 9), draw.integer(1, 9)
    dtype = DTYPES[draw.one(("float32", "float64"))]
    x, weight = operand(draw, (n, k), dtype), operand(draw, (c, k), dtype)
    return Call((x, weight, with_values(draw, draw.rng.integers(0, c, n))), _reduction(draw))


# ---------------------------------------------------------------------------------------- others


def prelu(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=2))
    x = d.begin()
    return Call((x, d.tensor((draw.one((1, d.shape[1])),))), {})


def celu(draw: Draw) -> Call:
    x = Drawn(draw, Hint(LAYER)).begin()
    return Call((x,), {"alpha": draw.one((0.5, 2.0))} if draw.has("option", 0.5) else {})


def glu(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER))
    d.shape = (*draw.shape(most=2), 2 * draw.small())
    return Call((d.tensor(),), {})


def dropout(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=2))
    return Call((d.begin(), draw.one((0.0, 0.3, 0.5, 1.0)), draw.chance(0.7)), {})


def rows(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=1))
    x = d.begin()
    return Call((x,), {"dim": draw.integer(-d.ndim, d.ndim - 1)})


def similar(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=1))
    x = d.begin()
    return Call((x, d.tensor(draw.narrower(d.shape))), {"dim": -1})


def distance(draw: Draw) -> Call:
    d = Drawn(draw, Hint(LAYER, least=1))
    x = d.begin()
    return Call(
        (x, d.tensor()), {"p": draw.one((1.0, 2.0, 3.0))} if draw.has("option", 0.5) else {}
    )


def stft(draw: Draw) -> Call:
    n = draw.one((4, 7, 8, 16))
    x = operand(draw, (*((2,) if draw.chance(0.5) else ()), draw.integer(20, 90)), _wide(draw))
    return Call((x, n), {"return_complex": True})


def istft(draw: Draw) -> Call:
    n = draw.one((4, 8, 16))
    x = operand(draw, (n // 2 + 1, draw.integer(4, 9)), DTYPES["complex64"])
    window = with_values(draw, np.hanning(n + 1)[:n].astype("float32") + np.float32(0.1))
    return Call((x, n), {"window": window})


def _wide(draw: Draw) -> np.dtype:
    return DTYPES[draw.one(("float32", "float64"))]


def integers(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint(INTEGER)).begin(),), {})


F = "nn.functional."
RECIPES: dict[str, Recipe] = {
    **{f"conv{n}d {F}conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d {F}conv_transpose{n}d": convolution(n, True) for n in (1, 2, 3)},
    **{f"max_pool{n}d {F}max_pool{n}d {F}max_pool{n}d_with_indices": pooling(n, "max") for n in (1, 2, 3)},
    **{f"avg_pool{n}d {F}avg_pool{n}d": pooling(n, "avg") for n in (1, 2, 3)},
    **{f"{F}lp_pool{n}d": pooling(n, "lp") for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d {F}adaptive_avg_pool{n}d": adaptive(n) for n in (1, 2, 3)},
    **{
        f"adaptive_max_pool{n}d {F}adaptive_max_pool{n}d {F}adaptive_max_pool{n}d_with_indices": adaptive(n)
        for n in (1, 2, 3)
    },
    **{f"{F}fractional_max_pool{n}d {F}fractional_max_pool{n}d_with_indices": fractional(n) for n in (2, 3)},
    **{f"{F}max_unpool{n}d": unpool(n) for n in (1, 2, 3)},
    f"{F}upsample": interpolate,
    f"{F}interpolate": antialiased,
    f"{F}upsample_bilinear {F}upsample_nearest": upsample_images,
    f"{F}unfold": unfold, f"{F}fold": fold, f"layer_norm {F}layer_norm": layer_norm,
    f"rms_norm {F}rms_norm": rms_norm, f"{F}batch_norm": batch_norm, "batch_norm": old_batch_norm,
    f"{F}instance_norm": instance_norm, "instance_norm": old_instance_norm,
    f"group_norm {F}group_norm": group_norm, f"{F}local_response_norm": local_norm,
    f"{F}scaled_dot_product_attention": attention, f"{F}multi_head_attention_forward": heads_forward,
    f"{F}grid_sample": grid_sample, f"affine_grid_generator {F}affine_grid": affine_grid,
    f"{F}cross_entropy {F}nll_loss": classes,
    f"{F}binary_cross_entropy": pairs("unit", "unit"),
    f"{F}binary_cross_entropy_with_logits": pairs("normal", "unit"),
    f"{F}kl_div": pairs("normal", "positive"), f"{F}poisson_nll_loss": pairs("normal", "positive"),
    f"{F}mse_loss {F}l1_loss {F}smooth_l1_loss {F}huber_loss": pairs(),
    f"{F}multilabel_soft_margin_loss": pairs("normal", "unit"),
    f"{F}soft_margin_loss {F}hinge_embedding_loss": signs(1),
    f"{F}margin_ranking_loss": signs(2), f"{F}cosine_embedding_loss": cosine_loss,
    f"{F}triplet_margin_loss": triplet, f"{F}gaussian_nll_loss": gaussian,
    f"{F}multi_margin_loss": margins, f"{F}multilabel_margin_loss": multilabel,
    f"ctc_loss {F}ctc_loss": ctc, f"{F}linear_cross_entropy": linear_cross_entropy,
    f"prelu {F}prelu": prelu, f"celu {F}celu": celu, f"{F}glu": glu,
    "dropout feature_dropout alpha_dropout feature_alpha_dropout "
    f"{F}dropout {F}alpha_dropout {F}feature_alpha_dropout {F}dropout1d {F}dropout2d {F}dropout3d": dropout,
    f"{F}softmax {F}log_softmax {F}softmin {F}gumbel_softmax {F}normalize": rows,
    f"cosine_similarity {F}cosine_similarity": similar,
    f"pairwise_distance {F}pairwise_distance": distance, "stft": stft, "istft": istft,
}  # fmt: skip
