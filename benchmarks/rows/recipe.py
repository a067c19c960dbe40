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
