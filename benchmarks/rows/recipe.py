"""Arguments of functions whose sizes the fuzzer's recipes draw for themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..fuzz.arguments import Call, DType
from ..fuzz.operand import DTYPES, Operand, operand, plain
from ..fuzz.recipes.neural import LAYER
from .size import Sized

Recipe = Callable[[Sized], Call]
F = "nn.functional."
SOLVED = ("float32", "float64")


def _dtype(s: Sized, names: tuple[str, ...] = LAYER) -> np.dtype:
    return DTYPES[s.one(names)]


def _tensor(s: Sized, *shape: int, dtype: Any = None, kind: str = "normal") -> Operand:
    return operand(s, shape, _dtype(s) if dtype is None else np.dtype(dtype), kind)


def _index(s: Sized, bound: int, *shape: int) -> Operand:
    return plain(s.rng.integers(0, bound, shape))


def of(*shapes: str, kind: str = "normal", **options: Any) -> Recipe:
    """Operands whose sizes are named: n and m of the shape, b the batch, k the order, c the channels."""

    def recipe(s: Sized) -> Call:
        (n, m), names = s.given.shape, {}
        rows = max(2, round((s.given.count / s.given.batch) ** 0.5))
        names = {"n": n, "m": m, "b": s.given.batch, "k": s.given.order, "c": s.given.channels}
        names |= {"r": rows, "3": 3, "2": 2, "s": s.small(), "l": n * m}
        made = (_tensor(s, *(names[i] for i in shape), kind=kind) for shape in shapes)
        return Call(tuple(made), dict(options))

    return recipe


def with_arguments(recipe: Recipe, *more: Any, **options: Any) -> Recipe:
    def longer(s: Sized) -> Call:
        args, kwargs = recipe(s)
        return Call((*args, *more), {**kwargs, **options})

    return longer


matrix = of("nm")


# ----------------------------------------------------------------------------- layers of images


def convolution(dims: int, transposed: bool = False, groups: bool = False) -> Recipe:
    def recipe(s: Sized) -> Call:
        x = _tensor(s, *s.given.image(dims))
        c = s.given.channels
        shape = (c, 1 if groups else c, *(3,) * dims)
        options = {"padding": 1, "groups": c if groups else 1}
        return Call((x, _tensor(s, *shape), _tensor(s, c)), options)

    return recipe


def pooling(dims: int, *args: Any, **options: Any) -> Recipe:
    return lambda s: Call((_tensor(s, *s.given.image(dims)), *args), dict(options))


def unpool(dims: int) -> Recipe:
    def recipe(s: Sized) -> Call:
        shape = s.given.image(dims)
        small = tuple(max(n // 2, 1) for n in shape[2:])
        grid = np.arange(int(np.prod([2 * n for n in small]))).reshape([2 * n for n in small])
        index = np.broadcast_to(grid[(slice(None, None, 2),) * dims], (*shape[:2], *small))
        return Call((_tensor(s, *shape[:2], *small), plain(index), 2), {})

    return recipe


def fold(s: Sized) -> Call:
    b, c, h, w = s.given.image(2)
    return Call((_tensor(s, b, 9 * c, h * w), (h, w), 3), {"padding": 1})


def batch_norm(s: Sized) -> Call:
    x, c = _tensor(s, *s.given.image(2)), s.given.channels
    means = _tensor(s, c), _tensor(s, c, kind="positive")
    options = {"weight": _tensor(s, c), "bias": _tensor(s, c), "training": True}
    return Call((x, *means), options)


def old_batch_norm(s: Sized) -> Call:
    x, c = _tensor(s, *s.given.image(2)), s.given.channels
    parts = [_tensor(s, c), _tensor(s, c), _tensor(s, c), _tensor(s, c, kind="positive")]
    return Call((x, *parts, True, 0.1, 1e-5, False), {})


def instance_norm(s: Sized) -> Call:
    c = s.given.channels
    return Call((_tensor(s, *s.given.image(2)),), {"weight": _tensor(s, c), "bias": _tensor(s, c)})


def group_norm(s: Sized) -> Call:
    c = s.given.channels
    return Call((_tensor(s, *s.given.image(2)), 2, _tensor(s, c), _tensor(s, c)), {})


def layer_norm(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m), (m,), _tensor(s, m), _tensor(s, m)), {})


def rms_norm(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m), (m,), _tensor(s, m)), {})


def grid_sample(s: Sized) -> Call:
    b, c, h, w = s.given.image(2)
    grid = _tensor(s, b, h, w, 2)
    grid.block[...] = np.clip(grid.block / 2, -1, 1)
    return Call((_tensor(s, b, c, h, w), grid), {"align_corners": False})


def grid_sampler(s: Sized) -> Call:
    return Call((*grid_sample(s).args, 0, 0, False), {})


def affine_grid(s: Sized) -> Call:
    shape = s.given.image(2)
    return Call((_tensor(s, shape[0], 2, 3), shape), {"align_corners": False})


def attention(s: Sized) -> Call:
    b, length = s.given.batch, max(3, round((s.given.count / s.given.batch / 64) ** 0.5) * 4)
    e = max(4, min(64, s.given.count // (b * length)))
    heads = max(1, s.given.count // (b * length * e))
    return Call(tuple(_tensor(s, b, heads, length, e) for _ in range(3)), {})


def heads_forward(s: Sized) -> Call:
    e, heads = 16 * s.given.channels, 4
    length = max(3, s.given.count // (e * s.given.batch))
    q, k, v = (_tensor(s, length, s.given.batch, e) for _ in range(3))
    weight, bias = _tensor(s, 3 * e, e), _tensor(s, 3 * e)
    args = (
        q,
        k,
        v,
        e,
        heads,
        weight,
        bias,
        None,
        None,
        False,
        0.0,
        _tensor(s, e, e),
        _tensor(s, e),
    )
    return Call(args, {"need_weights": False})


# --------------------------------------------------------------------------------------- losses


def classes(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m), _index(s, m, n)), {})


def multilabel(s: Sized) -> Call:
    n, m = s.given.shape
    target = np.stack([s.rng.permutation(m) for _ in range(n)])
    target[:, m // 2 :] = -1
    return Call((_tensor(s, n, m), plain(target)), {})


def ctc(s: Sized) -> Call:
    n, m = s.given.shape
    t, c, count = max(4, n // 4), max(4, m // 20), s.given.batch
    scores = s.rng.normal(size=(t, count, c))
    scores -= np.log(np.exp(scores).sum(-1, keepdims=True))
    targets = plain(s.rng.integers(1, c, (count, max(1, t // 4))))
    lengths = np.full(count, t), np.full(count, max(1, t // 4))
    x = plain(scores.astype(_dtype(s, SOLVED)))
    return Call((x, targets, *(plain(a) for a in lengths), 0, 1), {})


def linear_cross_entropy(s: Sized) -> Call:
    n, m = s.given.shape
    c = s.given.channels * 4
    return Call((_tensor(s, n, m), _tensor(s, c, m), _index(s, c, n)), {})


# --------------------------------------------------------------------------------------- places


def embedding(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_index(s, n, n), _tensor(s, n, m)), {})


def embedding_of_rows(s: Sized) -> Call:
    index, weight = embedding(s).args
    return Call((weight, index), {})


def embedding_bag(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_index(s, n, max(1, n // 4), 4), _tensor(s, n, m)), {})


def index_put(s: Sized) -> Call:
    n, m = s.given.shape
    return Call(
        (_tensor(s, n, m, dtype=_any(s)), (_index(s, n, n),), _tensor(s, n, m, dtype=_any(s))), {}
    )


def getitem(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m, dtype=_any(s)), _index(s, n, n)), {})


def places(s: Sized) -> Call:
    """Flat places of elements."""
    n, m = s.given.shape
    return Call((_tensor(s, n, m, dtype=_any(s)), _index(s, n * m, n, m)), {})


def put(s: Sized) -> Call:
    return Call((*places(s).args, _tensor(s, *s.given.shape, dtype=_any(s))), {})


def along(*more: str) -> Recipe:
    """Places along the last dimension, one for each element."""

    def recipe(s: Sized) -> Call:
        n, m = s.given.shape
        x = _tensor(s, n, m, dtype=_any(s), kind="eighths")
        source = [_tensor(s, n, m, dtype=_any(s), kind="eighths")] if "source" in more else []
        return Call((x, 1, _index(s, m, n, m), *source, *(m for m in more if m != "source")), {})

    return recipe


def take_along_dim(s: Sized) -> Call:
    x, dim, index = along()(s).args
    return Call((x, index, dim), {})


def rows(*more: str) -> Recipe:
    """Places of rows, as many as there are."""

    def recipe(s: Sized) -> Call:
        n, m = s.given.shape
        x = _tensor(s, n, m, dtype=_any(s), kind="eighths")
        source = [_tensor(s, n, m, dtype=_any(s), kind="eighths")] if "source" in more else []
        index = plain(s.rng.permutation(n))
        return Call((x, 0, index, *source, *(m for m in more if m != "source")), {})

    return recipe


def _any(s: Sized) -> np.dtype:
    return DTYPES[s.dtype]


def sorted_rows(s: Sized) -> Call:
    n, m = s.given.shape
    edges = np.sort(_tensor(s, n, m, dtype=_any(s)).array, axis=-1)
    return Call((plain(edges), _tensor(s, n, m, dtype=_any(s))), {})


def bucketize(s: Sized) -> Call:
    n, m = s.given.shape
    edges = np.sort(_tensor(s, m, dtype=_any(s)).array)
    return Call((_tensor(s, n, m, dtype=_any(s)), plain(edges)), {})


def bincount(s: Sized) -> Call:
    return Call((_index(s, s.given.shape[1], s.given.count),), {})


def one_hot(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_index(s, m, n), m), {})


def unravel_index(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_index(s, n * m, n, m), (n, m)), {})


# ------------------------------------------------------------------------------- linear algebra


def _random(s: Sized, *shape: int) -> np.ndarray:
    return s.rng.normal(size=shape).astype(_dtype(s, SOLVED))


def regular(*more: Any, scale: float = 3.0) -> Recipe:
    """A matrix far from a singular one."""

    def recipe(s: Sized) -> Call:
        k = s.given.order
        made = _random(s, k, k) / k + scale * np.eye(k)
        return Call((plain(made.astype(_dtype(s, SOLVED))), *more), {})

    return recipe


def definite(s: Sized) -> Call:
    k = s.given.order
    x = _random(s, k, k)
    return Call((plain((x @ x.T + k * np.eye(k)).astype(x.dtype)),), {})


def square(s: Sized) -> Call:
    return Call((plain(_random(s, s.given.order, s.given.order)),), {})


def solve(s: Sized) -> Call:
    (a,), _ = regular()(s)
    return Call((a, plain(_random(s, s.given.order, s.given.order))), {})


def triangular(s: Sized) -> Call:
    return Call(solve(s).args, {"upper": True})


def old_triangular(s: Sized) -> Call:
    a, b = solve(s).args
    return Call((b, a), {})


def factored(s: Sized) -> Call:
    a, b = solve(s).args
    return Call((b, a, plain(np.arange(1, a.shape[0] + 1, dtype=np.int32))), {})


def lu_solve(s: Sized) -> Call:
    b, lu, pivots = factored(s).args
    return Call((lu, pivots, b), {})


def lu_unpack(s: Sized) -> Call:
    _, lu, pivots = factored(s).args
    return Call((lu, pivots), {})


def lower(s: Sized) -> Call:
    (a,), _ = regular()(s)
    return Call((plain(np.tril(a.array)),), {})


def cholesky_solve(s: Sized) -> Call:
    a, b = solve(s).args
    return Call((b, plain(np.tril(a.array))), {})


def lstsq(s: Sized) -> Call:
    k = s.given.order
    return Call((plain(_random(s, 2 * k, k)), plain(_random(s, 2 * k, 3))), {})


def householder(s: Sized) -> Call:
    k = s.given.order
    return Call((plain(_random(s, 2 * k, k)), plain(_random(s, k))), {})


def ormqr(s: Sized) -> Call:
    a, tau = householder(s).args
    return Call((a, tau, plain(_random(s, a.shape[0], 3))), {})


def einsum(equation: str, *shapes: str) -> Recipe:
    return lambda s: Call((equation, *of(*shapes)(s).args), {})


# ------------------------------------------------------------------------------------ structure


def several(count: int = 3) -> Recipe:
    return lambda s: Call(
        (tuple(_tensor(s, *s.given.shape, dtype=_any(s)) for _ in range(count)),), {}
    )


def block_diag(s: Sized) -> Call:
    k = s.given.order
    return Call(tuple(_tensor(s, k, k, dtype=_any(s)) for _ in range(2)), {})


def vectors(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n), _tensor(s, m)), {})


def shape_only(*more: Any) -> Recipe:
    return lambda s: Call((s.given.shape, *more), {})


def count_only(s: Sized) -> Call:
    return Call((s.given.count,), {})


def range_of(s: Sized) -> Call:
    return Call((0, s.given.count, 1), {"dtype": DType(s.dtype)})


def space(s: Sized) -> Call:
    return Call((0, 1, s.given.count), {})


def to(s: Sized) -> Call:
    dtype = {"float32": "bfloat16"}.get(s.dtype, "float32")
    return Call((_tensor(s, *s.given.shape, dtype=_any(s)), DType(dtype)), {})


def expand(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, m, dtype=_any(s)), (n, m)), {})


def expand_as(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, m, dtype=_any(s)), _tensor(s, n, m, dtype=_any(s))), {})


def reshaped(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m, dtype=_any(s)), (m, n)), {})


def general(*more: Any, **options: Any) -> Recipe:
    """A tensor of any dtype and more arguments."""
    return lambda s: Call((_tensor(s, *s.given.shape, dtype=_any(s)), *more), dict(options))


def image_of(*more: Any, **options: Any) -> Recipe:
    return lambda s: Call((_tensor(s, *s.given.image(2), dtype=_any(s)), *more), dict(options))


def shuffled(s: Sized) -> Call:
    b, c, h, w = s.given.image(2)
    return Call((_tensor(s, b, 4 * max(1, c // 4), h, w), 2), {})


def unshuffled(s: Sized) -> Call:
    b, c, h, w = s.given.image(2)
    return Call((_tensor(s, b, c, 2 * max(1, h // 2), 2 * max(1, w // 2)), 2), {})


def where(s: Sized) -> Call:
    shape = s.given.shape
    mask = operand(s, shape, np.dtype(bool))
    n = s.narrower(shape)
    return Call((mask, _tensor(s, *shape, dtype=_any(s)), _tensor(s, *n, dtype=_any(s))), {})


def multinomial(s: Sized) -> Call:
    n, m = s.given.shape
    return Call((_tensor(s, n, m, kind="positive"), max(1, m // 4), True), {})


def stft(s: Sized) -> Call:
    n = max(4, round(s.given.count**0.5) // 2)
    return Call((_tensor(s, s.given.count), n), {"return_complex": True})


def _small(s: Sized, n: int, m: int) -> Operand:
    """A matrix whose products are about as large as what it multiplies: what is repeated stays near."""
    dtype = _dtype(s)
    return plain((s.rng.normal(size=(n, m)) / m).astype(dtype))


def recurrent(gates: int, cell: bool, states: int = 1) -> Recipe:
    """A layer of as many features as there are channels, four times."""

    def recipe(s: Sized) -> Call:
        h, b = 4 * s.given.channels, s.given.batch
        weights = [_small(s, gates * h, h), _small(s, gates * h, h)]
        weights += [_tensor(s, gates * h), _tensor(s, gates * h)]
        shape = (b, h) if cell else (1, b, h)
        hidden = [_tensor(s, *shape) for _ in range(states)]
        state = tuple(hidden) if states > 1 else hidden[0]
        if cell:
            return Call((_tensor(s, b, h), state, *weights), {})
        x = _tensor(s, max(3, s.given.count // (b * h)), b, h)
        return Call((x, state, weights, True, 1, 0.0, False, False, False), {})

    return recipe


BY_PATHS: dict[str, Recipe] = {
    **{f"conv{n}d {F}conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d {F}conv_transpose{n}d": convolution(n, True) for n in (1, 2, 3)},
    **{f"max_pool{n}d {F}max_pool{n}d {F}max_pool{n}d_with_indices": pooling(n, 2) for n in (1, 2, 3)},
    **{f"avg_pool{n}d {F}avg_pool{n}d": pooling(n, 2) for n in (1, 2, 3)},
    **{f"{F}lp_pool{n}d": pooling(n, 2, 2) for n in (1, 2, 3)},
    **{
        f"adaptive_{k}_pool{n}d {F}adaptive_{k}_pool{n}d": pooling(n, 2)
        for n in (1, 2, 3) for k in ("max", "avg")
    },
    **{f"{F}adaptive_max_pool{n}d_with_indices": pooling(n, 2) for n in (1, 2, 3)},
    **{
        f"{F}fractional_max_pool{n}d {F}fractional_max_pool{n}d_with_indices": pooling(n, 2, output_size=2)
        for n in (2, 3)
    },
    **{f"{F}max_unpool{n}d": unpool(n) for n in (1, 2, 3)},
    f"{F}upsample {F}interpolate": pooling(2, scale_factor=2, mode="bilinear"),
    f"{F}upsample_bilinear {F}upsample_nearest": pooling(2, scale_factor=2),
    f"{F}unfold": pooling(2, 3, padding=1), f"{F}fold": fold, f"layer_norm {F}layer_norm": layer_norm,
    f"rms_norm {F}rms_norm": rms_norm, f"{F}batch_norm": batch_norm, "batch_norm": old_batch_norm,
    f"{F}instance_norm": instance_norm, f"group_norm {F}group_norm": group_norm,
    f"{F}local_response_norm": pooling(2, 3), f"{F}scaled_dot_product_attention": attention,
    f"{F}multi_head_attention_forward": heads_forward, f"{F}grid_sample": grid_sample,
    "grid_sampler grid_sampler_2d": grid_sampler, f"affine_grid_generator {F}affine_grid": affine_grid,
    f"{F}cross_entropy {F}nll_loss {F}multi_margin_loss": classes,
    f"{F}multilabel_margin_loss": multilabel, "ctc_loss": ctc, f"{F}ctc_loss": lambda s: Call(ctc(s).args[:4], {}),
    f"{F}linear_cross_entropy": linear_cross_entropy,
    f"prelu {F}prelu": of("nm", "m"), f"{F}glu": of("nn"),
    f"{F}triplet_margin_loss": of("nm", "nm", "nm"),
    f"dropout feature_dropout alpha_dropout feature_alpha_dropout {F}dropout {F}alpha_dropout "
    f"{F}feature_alpha_dropout native_dropout": general(0.5, True),
    f"{F}dropout1d": pooling(1, 0.5, True), f"{F}dropout2d": pooling(2, 0.5, True),
    f"{F}dropout3d": pooling(3, 0.5, True),
    "rnn_tanh rnn_relu": recurrent(1, False), "gru": recurrent(3, False), "lstm": recurrent(4, False, 2),
    "rnn_tanh_cell rnn_relu_cell": recurrent(1, True), "gru_cell": recurrent(3, True),
    "lstm_cell": recurrent(4, True, 2),
    f"{F}embedding": embedding, "embedding": embedding_of_rows, f"{F}embedding_bag": embedding_bag,
    "index_put index_put_": index_put, "Tensor.__getitem__": getitem, "take": places, "put": put,
    "gather": along(), "take_along_dim": take_along_dim, "scatter scatter_add": along("source"),
    "scatter_reduce": along("source", "sum"), "index_select": rows(), "index_add index_copy": rows("source"),
    "index_reduce": rows("source", "amax"), "searchsorted": sorted_rows, "bucketize": bucketize,
    "bincount": bincount, f"{F}one_hot": one_hot, "unravel_index": unravel_index, "where": where,
    "mm": of("nm", "mn"), "mv": of("nm", "m"), "dot vdot inner": of("l", "l"), "bmm": of("brr", "brr"),
    "matmul linalg.matmul": of("nm", "mn"), "addmm": of("nn", "nm", "mn"), "addmv": of("n", "nm", "m"),
    "addr": of("nm", "n", "m"), "addbmm": of("rr", "brr", "brr"), "baddbmm": of("brr", "brr", "brr"),
    "outer ger": of("n", "m"), "chain_matmul": of("nm", "mn", "nm"),
    "linalg.multi_dot": lambda s: Call((list(of("nm", "mn", "nm")(s).args),), {}),
    "einsum": einsum("bij,bjk->bik", "brr", "brr"), "tensordot": with_arguments(of("nm", "mn"), 1),
    f"{F}linear": of("nm", "nm", "n"), f"bilinear {F}bilinear": of("nk", "nk", "ckk", "c"),
    "kron": of("ss", "2k"), "cross linalg.cross": of("l3", "l3", dim=-1), "cdist": of("nk", "mk"),
    "linalg.vecdot": of("nm", "nm"), "cov corrcoef": of("nm"),
    "inverse linalg.inv linalg.inv_ex linalg.det det logdet slogdet linalg.slogdet lu linalg.lu "
    "linalg.lu_factor linalg.lu_factor_ex": regular(),
    "matrix_power linalg.matrix_power": regular(3), "linalg.eigvals linalg.eig": square,
    "matrix_exp linalg.matrix_exp": regular(scale=0.1),
    "cholesky linalg.cholesky linalg.cholesky_ex linalg.eigh linalg.eigvalsh linalg.ldl_factor "
    "linalg.ldl_factor_ex linalg.matrix_sqrth linalg.polar": definite,
    "linalg.svd linalg.svdvals svd linalg.qr qr geqrf linalg.pinv pinverse linalg.matrix_rank "
    "linalg.cond pca_lowrank svd_lowrank linalg.matrix_norm": square,
    "linalg.solve linalg.solve_ex": solve, "linalg.solve_triangular": triangular,
    "triangular_solve": old_triangular, "cholesky_solve": cholesky_solve, "cholesky_inverse": lower,
    "linalg.lstsq": lstsq, "lu_solve": factored, "linalg.lu_solve": lu_solve, "lu_unpack": lu_unpack,
    "linalg.householder_product orgqr": householder, "ormqr": ormqr,
    "linalg.vector_norm linalg.norm norm": of("nm"), "renorm": with_arguments(of("nm"), 2, 0, 1.0),
    "cat concat concatenate stack hstack vstack dstack column_stack row_stack": several(),
    "unfold_copy Tensor.unfold": general(1, 3, 2), "pdist": of("kk"),
    "kl_div binary_cross_entropy_with_logits hinge_embedding_loss": with_arguments(
        of("nm", "nm", kind="unit"), reduction=1
    ),
    "margin_ranking_loss triplet_margin_loss": with_arguments(of("nm", "nm", "nm"), reduction=1),
    "diagflat": of("n"), "diag_embed": of("bk"), "_sample_dirichlet": of("nm", kind="positive"),
    "block_diag": block_diag, "cartesian_prod meshgrid": vectors,
    "split split_copy unsafe_split": lambda s: general(max(1, s.given.shape[0] // 4))(s),
    "chunk unsafe_chunk tensor_split": general(4),
    "hsplit vsplit": general((1, 2)), "dsplit": lambda s: Call((_tensor(s, 2, *s.given.shape), (1, 2)), {}),
    "Tensor.repeat tile": general((2, 2)), "roll": general(2, 1), "flip": general((0, 1)),
    "rot90": general(1, (0, 1)), "tril triu": general(0), "repeat_interleave": general(2, 1),
    "unflatten": lambda s: Call((_tensor(s, s.given.count, dtype=_any(s)), 0, s.given.shape), {}),
    f"{F}pad": image_of((1, 1, 1, 1)), "constant_pad_nd": image_of((1, 1, 1, 1), 0.0),
    f"channel_shuffle native_channel_shuffle {F}channel_shuffle {F}native_channel_shuffle": image_of(2),
    f"pixel_shuffle {F}pixel_shuffle": shuffled, f"pixel_unshuffle {F}pixel_unshuffle": unshuffled,
    "reshape view_copy Tensor.view": reshaped, "Tensor.to": to,
    "Tensor.expand expand_copy broadcast_to": expand, "Tensor.expand_as": expand_as,
    "permute permute_copy": general((1, 0)), "movedim moveaxis": general(0, 1),
    "transpose transpose_copy swapaxes swapdims": general(0, 1),
    "clamp": general(-0.5, 0.5), "clamp_min": general(0), "clamp_max": general(0),
    "zeros ones rand randn": shape_only(), "full": shape_only(1.5), "randint": lambda s: Call((0, 100, s.given.shape), {}),
    "randperm bartlett_window blackman_window hamming_window hann_window kaiser_window fft.fftfreq "
    "fft.rfftfreq": count_only,
    "eye": lambda s: Call(s.given.shape, {}), "tril_indices triu_indices": lambda s: Call(s.given.shape, {}),
    "arange": range_of, "linspace logspace": space, "multinomial": multinomial, "stft": stft,
    "randint_like": general(0, 100), "Tensor.new_full": lambda s: Call((*general()(s).args, s.given.shape, 2), {}),
    "Tensor.new_ones Tensor.new_zeros": lambda s: Call((*general()(s).args, s.given.shape), {}),
    "topk": lambda s: general(max(1, s.given.shape[1] // 20))(s),
    "kthvalue": lambda s: general(max(1, s.given.shape[1] // 2))(s),
    "histc": of("nm"), "diff": general(), "quantile nanquantile": of("nm"),
    "Tensor.fill_diagonal_": general(2), "narrow narrow_copy": lambda s: general(1, 1, max(1, s.given.shape[1] // 2))(s),
}  # fmt: skip
RECIPES = {path: recipe for paths, recipe in BY_PATHS.items() for path in paths.split()}
RECIPES["quantile"] = RECIPES["nanquantile"] = with_arguments(of("nm"), 0.5)
