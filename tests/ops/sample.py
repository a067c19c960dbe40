"""Sample calls for the generic tests.

A formula is called with arrays between 0.2 and 0.8, one for each operand, unless `RANGES` says
otherwise; what cannot be called so has a program. A program is a call of public functions and the shapes
(or arrays) of its inputs; which operations it records is found by running it, and an operation that
no program reaches fails a test.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import flambeau as torch
from flambeau.nn import functional as F
from flambeau.ops.nn.moments import scaled_rows
from flambeau.ops.nn.rnn import recurrence

RANGES = {
    "acosh": (1.2, 3.0),
    "hardshrink": (0.6, 0.9),
    "softshrink": (0.6, 0.9),
    "lgamma": (1.2, 3.0),
    "ndtri": (0.2, 0.8),
    "threshold": (0.6, 0.9),
}
"""Where to sample an operation that has no derivative, or a kink, between 0.2 and 0.8."""

UNREAL = {
    "gcd": "integers only",
    "lcm": "integers only",
    "bitwise_and": "integers only",
    "bitwise_or": "integers only",
    "bitwise_xor": "integers only",
    "bitwise_not": "integers only",
    "bitwise_left_shift": "integers only",
    "bitwise_right_shift": "integers only",
    "nextafter": "it steps",
    "real_part": "complex numbers only",
    "imag_part": "complex numbers only",
    "row_moments": "one part is what rounding took from another, and has no derivative",
    "joined_moments": "the same",
}
"""Formulas that cannot be differentiated at real numbers, each with its reason."""

UNDERIVED = {"igamma": 1, "igammac": 1, "step_at_zero": 2}
"""Formulas without a derivative by their first operands, and by how many: asking for it raises."""


def _classes(*shape: int, count: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.arange(int(np.prod(shape))).reshape(shape) % count)


def _spd(x: torch.Tensor) -> torch.Tensor:
    return x @ x.mT + 2 * torch.eye(x.shape[-1], dtype=x.dtype)


def _distinct(*shape: int) -> np.ndarray:
    """Numbers far enough apart that a small step changes no order."""
    size = int(np.prod(shape))
    return ((np.arange(size) * 7 % size + 1) / size).reshape(shape)


APART = torch.arange(3.0, dtype=torch.float64) * 4 * torch.eye(3, dtype=torch.float64)
WEIGHT = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

Program = tuple[Callable[..., Any], tuple]


ROWS = torch.tensor([2, 0, 2])
"""Indices of which one occurs twice."""
PLACES = torch.tensor([2, 0, 3])


def _beta(call: Callable[[], torch.Tensor]) -> torch.Tensor:
    """A call of what warns that it may change."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in beta.*")
        return call()


class Tagged(torch.Tensor):
    """A subclass, which becomes a plain tensor again."""


PROGRAMS: dict[str, Program] = {
    "cummax": (lambda x: torch.cummax(x, 1).values, (_distinct(2, 4),)),
    "cummin": (lambda x: torch.cummin(x, 1).values, (_distinct(2, 4),)),
    "cumprod": (lambda x: torch.cumprod(x, 1), ((2, 4),)),
    "logcumsumexp": (lambda x: torch.logcumsumexp(x, 1), ((2, 4),)),
    "pixel_shuffle": (lambda x: torch.pixel_shuffle(x, 2), ((1, 4, 2, 3),)),
    "pixel_unshuffle": (lambda x: torch.pixel_unshuffle(x, 2), ((1, 4, 4),)),
    "channel_shuffle": (lambda x: torch.channel_shuffle(x, 2), ((1, 4, 3),)),
    "diag_embed": (lambda x: torch.diag_embed(x, 1), ((2, 3),)),
    "index_select": (lambda x: torch.index_select(x, 1, ROWS), ((2, 4),)),
    "index_add": (lambda x, y: torch.index_add(x, 1, ROWS, y, alpha=2), ((2, 4), (2, 3))),
    "index_copy": (lambda x, y: torch.index_copy(x, 1, PLACES, y), ((2, 4), (2, 3))),
    "index_fill": (lambda x: torch.index_fill(x, 1, PLACES, 2.0), ((2, 4),)),
    "select_scatter": (lambda x, y: torch.select_scatter(x, y, 1, 2), ((2, 4), (2,))),
    "slice_scatter": (lambda x, y: torch.slice_scatter(x, y, 1, 1, 4, 2), ((2, 4), (2, 2))),
    "as_strided_scatter": (
        lambda x, y: x.contiguous().as_strided_scatter(y, (2, 2), (3, 2), 1) ** 2,
        ((2, 4), (2, 2)),
    ),
    "diagonal_scatter": (lambda x, y: torch.diagonal_scatter(x, y, 1), ((2, 4), (2,))),
    "index_reduce": (
        lambda x, y: _beta(lambda: torch.index_reduce(x, 1, PLACES, y, "prod")),
        ((2, 4), (2, 3)),
    ),
    "masked_scatter": (
        lambda x, y: torch.masked_scatter(x, _classes(2, 4) > 0, y),
        ((2, 4), (6,)),
    ),
    "masked_select": (lambda x: torch.masked_select(x, _classes(2, 4) > 0), ((2, 4),)),
    "put": (lambda x, y: torch.put(x, PLACES, y), ((2, 4), (3,))),
    "put, accumulated": (lambda x, y: torch.put(x, ROWS, y, True), ((2, 4), (3,))),
    "scatter": (lambda x, y: torch.scatter(x, 1, PLACES[None], y), ((2, 4), (2, 3))),
    "scatter_add": (lambda x, y: torch.scatter_add(x, 1, ROWS[None], y), ((2, 4), (2, 3))),
    "scatter_reduce": (
        lambda x, y: torch.scatter_reduce(x, 1, ROWS[None], y, "mean"),
        ((2, 4), (2, 3)),
    ),
    "segment_reduce": (
        lambda x: torch.segment_reduce(x, "max", lengths=torch.tensor([1, 0, 3]), initial=0.5),
        (_distinct(4, 2),),
    ),
    "sort": (lambda x: torch.sort(x, 1).values, (_distinct(2, 4),)),
    "topk": (lambda x: torch.topk(x, 2).values, (_distinct(2, 4),)),
    "take": (lambda x: torch.take(x, ROWS), ((2, 4),)),
    "median": (lambda x: torch.median(x), (_distinct(5),)),
    "repeat": (lambda x: x.repeat(2, 3), ((2, 2),)),
    "as_subclass": (lambda x: (x * x).as_subclass(Tagged).as_subclass(torch.Tensor), ((2, 3),)),
    "where": (lambda x, y: torch.where(_classes(2, 3) > 0, x, y), ((2, 3), (3,))),
    "clamp by tensors": (lambda x, a, b: torch.clamp(x, a, b + 1), ((2, 3), (3,), (2, 1))),
    "clamp_min": (lambda x, a: torch.clamp(x, min=a), ((2, 3), (3,))),
    "cross_entropy": (lambda x: F.cross_entropy(x, _classes(2)), ((2, 3),)),
    "cross_entropy of images": (
        lambda x: F.cross_entropy(x, _classes(2, 2), reduction="none"),
        ((2, 3, 2),),
    ),
    "cross_entropy smoothed": (
        lambda x: F.cross_entropy(x, _classes(2), weight=WEIGHT, label_smoothing=0.1),
        ((2, 3),),
    ),
    "cross_entropy of probabilities": (lambda x, y: F.cross_entropy(x, y), ((2, 3), (2, 3))),
    "cross_entropy smoothed alike": (
        lambda x: F.cross_entropy(x, _classes(2), label_smoothing=0.1),
        ((2, 3),),
    ),
    "cross_entropy weighed": (
        lambda x: F.cross_entropy(x, _classes(4), weight=WEIGHT, ignore_index=1) ** 2,
        ((4, 3),),
    ),
    "nll_loss": (
        lambda x, w: F.nll_loss(x, _classes(4), w, ignore_index=1, reduction="sum"),
        ((4, 3), (3,)),
    ),
    "multi_margin_loss": (lambda x: F.multi_margin_loss(x, _classes(2), p=2), (_distinct(2, 3),)),
    "multilabel_margin_loss": (
        lambda x: F.multilabel_margin_loss(x, torch.tensor([[2, 0, -1], [1, -1, 0]])),
        (_distinct(2, 3),),
    ),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        ((2, 3, 2), (3,), (3,)),
    ),
    "recurrence": (
        lambda x, w, b, h: recurrence(x, w, b, h, None, "GRU")[0],
        ((2, 2, 6), (6, 2), (6,), (2, 2)),
    ),
    "scaled_rows": (
        lambda x, *rows: scaled_rows(x, *rows, dim=-1),
        ((2, 3), (2, 1), (2, 1), (2, 1), (2, 1)),
    ),
    "batch_norm without weights": (
        lambda x: F.batch_norm(x, None, None, training=True),
        ((4, 3, 5),),
    ),
    "batch_norm without rows": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        ((4, 3), (3,), (3,)),
    ),
    "batch_norm by given statistics": (
        lambda x, w, b: F.batch_norm(x, *torch.full((2, 3), 0.5, dtype=x.dtype), w, b),
        ((2, 3, 2), (3,), (3,)),
    ),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), ((2, 4, 2), (4,), (4,))),
    "instance_norm": (lambda x, w: F.instance_norm(x, weight=w), ((2, 2, 3), (2,))),
    "layer_norm plain": (lambda x: F.layer_norm(x, (3,)), ((2, 3),)),
    "layer_norm of two dims": (
        lambda x, w: F.layer_norm(x, (3, 2), w),
        ((2, 3, 2), (3, 2)),
    ),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2, alpha=0.5), ((2, 3, 2),)),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), ((4,),)),
    "poisson": (lambda x, y: F.poisson_nll_loss(x, y, full=True, log_input=False), ((3,), (3,))),
    "gaussian": (lambda x, y, v: F.gaussian_nll_loss(x, y, v, full=True), ((3,), (3,), (3,))),
    "kl_div": (lambda x, y: F.kl_div(x, y, reduction="batchmean", log_target=True), ((3,), (3,))),
    "cosine_embedding_loss": (
        lambda x, y: F.cosine_embedding_loss(x, y, torch.tensor([1, -1]), margin=-1.0),
        ((2, 3), (2, 3)),
    ),
    "triplet_margin_loss": (
        lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=5.0),
        ((2, 3), (2, 3), (2, 3)),
    ),
    "cosine_similarity": (lambda x, y: torch.cosine_similarity(x, y), ((2, 3), (1, 3))),
    "normalize": (lambda x: F.normalize(x), ((2, 3),)),
    "norms": (
        lambda x: [torch.linalg.vector_norm(x, p, 1) for p in (0.5, 1, 2, 3, -1, np.inf, -np.inf)],
        (_distinct(2, 3),),
    ),
    "prod at one zero": (lambda x: torch.prod(x, 1), (np.array([[2.0, 0.0, 3.0], [1, 2, 4]]),)),
    "prod at two zeros": (lambda x: torch.prod(x, 0), (np.array([2.0, 0.0, 0.0, 5.0]),)),
    "sum over dims": (lambda x: torch.sum(x, (0, 2), keepdim=True) ** 2, ((2, 3, 2),)),
    "mean of all": (lambda x: torch.mean(x) ** 2, ((2, 3),)),
    "var_mean": (lambda x: torch.var_mean(x, 1), ((2, 3),)),
    "aminmax": (lambda x: torch.aminmax(x, dim=0), (_distinct(2, 3),)),
    "max of all": (lambda x: torch.max(x) ** 2, (_distinct(2, 3),)),
    "max along": (lambda x: torch.max(x, 1)[0] ** 2, (_distinct(2, 3),)),
    "logsumexp of dims": (lambda x: torch.logsumexp(x, (0, 1)), ((2, 3),)),
    "frexp": (lambda x: torch.frexp(x)[0] ** 2, ((3,),)),
    "views": (
        lambda x: (
            x.view(6),
            x.permute(1, 0),
            x.transpose(0, 1),
            x.t(),
            x.unsqueeze(0).squeeze(0),
            x.expand(2, 2, 3),
            x[1:, ::2],
            x.select(0, 1),
            x.diagonal(),
            x.flip(0),
        ),
        ((2, 3),),
    ),
    "view then square": (
        lambda x: sum(
            (y * y).sum()
            for y in (
                x.view(6),
                x.t(),
                x.unsqueeze(0).squeeze(0),
                x.expand(2, 2, 3),
                x[1:, ::2],
                x.select(0, 1),
                x.diagonal(),
                x.flip(0),
                x.roll(1, 1),
                x.t().reshape(6),
                x.t().contiguous(),
                x.permute(1, 0),
                x.as_strided((2, 2), (1, 2)),
                x.unfold(1, 2, 1),
                x.clone(),
                x.tril(),
                x.triu(),
                x.cumsum(1),
                *x.unbind(0),
                *x.split(2, 1),
                torch.stack([x, x * x]),
                torch.cat([x, x * x], 1),
            )
        ),
        ((2, 3),),
    ),
    "complex views": (
        lambda x: torch.view_as_real(torch.view_as_complex(x) ** 2),
        ((3, 2),),
    ),
    "indexing": (
        lambda x: x[torch.tensor([0, 1, 1])] ** 2 + x[_classes(2, 3) > 2].sum() ** 2,
        ((2, 3),),
    ),
    "writing": (lambda x, y: _written(x, y), ((2, 3), (3,))),
    "index_put": (
        lambda x, v: x.index_put((torch.tensor([0, 1, 0]),), v, accumulate=True) ** 2,
        ((2, 3), (3, 3)),
    ),
    "gather": (lambda x: x.gather(1, _classes(2, 2)) ** 2, ((2, 3),)),
    "embedding": (lambda w: F.embedding(_classes(4), w) ** 2, ((3, 2),)),
    "products": (
        lambda a, b, v: (a @ b, a @ v, v @ b, v @ v, (a @ b)[None] @ b[None]),
        ((3, 3), (3, 3), (3,)),
    ),
    "linear": (lambda x, w, b: F.linear(x, w, b), ((2, 3), (4, 3), (4,))),
    "linear of vectors": (lambda x, w, b: F.linear(x, w, b), ((2, 2, 3), (4, 3), (4,))),
    "linear without bias": (lambda x, w: F.linear(x, w), ((2, 3), (4, 3))),
    "linear of vectors without bias": (lambda x, w: F.linear(x, w), ((2, 1, 3), (4, 3))),
    "addmm": (
        lambda t, a, b, v, w: (
            torch.addmm(t, a, b) ** 2,
            torch.addmm(t, a, b, beta=0.5, alpha=2.0) ** 2,
            torch.addmv(v, a, w) ** 2,
            torch.addmv(v, a, w, beta=0.5) ** 2,
        ),
        ((2, 3), (2, 4), (4, 3), (2,), (4,)),
    ),
    "baddbmm": (
        lambda t, s, a, b: (torch.baddbmm(t, a, b) ** 2, torch.addbmm(s, a, b) ** 2),
        ((2, 2, 3), (2, 3), (2, 2, 2), (2, 2, 3)),
    ),
    "einsum": (lambda x, y: torch.einsum("bij,jk->bik", x, y), ((2, 2, 3), (3, 2))),
    "cast": (lambda x: x.to(torch.complex128).real ** 2, ((3,),)),
    "drawn": (lambda x: tuple(x * x + drawn for drawn in _draws(x)), ((3,),)),
    "fill": (
        lambda x, v: (torch.fill(x, v) * x, (x * 1).fill_(v) * x, (x * 1).zero_() + x * x),
        ((2, 3), ()),
    ),
    "complex": (lambda x, y: (torch.complex(x, y) ** 2).real * x, ((2, 3), (3,))),
    "copy_": (lambda x, y: (x * 1).copy_(y) * x, ((2, 3), (3,))),
    "fourier": (
        lambda x: (
            torch.fft.fft(x) * torch.fft.ifft(x * x),
            torch.fft.irfft(torch.fft.rfft(x * x), 4) * x,
        ),
        ((2, 4),),
    ),
    "cdist": (lambda x, y: torch.cdist(x, y), ((2, 3), (3, 3))),
    "cdist of sums": (lambda x, y: torch.cdist(x, y, 1.0), ((2, 3), (3, 3))),
    "pdist": (lambda x: F.pdist(x), ((3, 2),)),
    "cross": (lambda x, y: torch.linalg.cross(x, y), ((2, 3), (1, 3))),
    "trace": (lambda x: torch.trace(x) ** 2, ((2, 3),)),
    "block_diag": (lambda x, y: torch.block_diag(x, y) ** 2, ((2, 3), (1, 2))),
    "nn.functional.embedding_bag": (
        lambda w: [
            F.embedding_bag(torch.tensor([[0, 2], [1, 1]]), w, mode=mode) ** 2
            for mode in ("sum", "mean")
        ],
        ((3, 2),),
    ),
    "triangular": (
        lambda a, b: torch.linalg.solve_triangular(
            a.tril() + torch.eye(3, dtype=torch.float64), b, upper=False
        ),
        ((3, 3), (3, 2)),
    ),
    "cholesky": (
        lambda a, b: (
            torch.linalg.cholesky(_spd(a)),
            torch.cholesky_solve(b, a.tril() + torch.eye(3, dtype=torch.float64)),
            torch.cholesky_inverse(a.tril() + torch.eye(3, dtype=torch.float64)),
        ),
        ((3, 3), (3, 2)),
    ),
    "inverse": (
        lambda a, b: (
            torch.linalg.inv(_spd(a)),
            torch.linalg.solve(_spd(a), b),
            torch.linalg.det(a),
            torch.linalg.slogdet(_spd(a))[1],
            torch.matrix_exp(a),
        ),
        ((3, 3), (3, 2)),
    ),
    "lu": (
        lambda a: (torch.linalg.lu_factor(_spd(a))[0], *torch.linalg.lu(_spd(a))[1:]),
        ((3, 3),),
    ),
    "reflections": (
        lambda a, tau, b: (
            torch.linalg.householder_product(a, tau),
            torch.ormqr(a, tau, b, True, True),
        ),
        ((4, 3), (3,), (4, 2)),
    ),
    "qr": (lambda a: torch.linalg.qr(a), (_distinct(4, 3) + np.eye(4, 3),)),
    "symmetric": (
        lambda a: torch.linalg.eigvalsh(a + a.mT + APART),
        ((3, 3),),
    ),
    "eig": (
        lambda a: (torch.linalg.eigvals(a + APART).real, torch.linalg.eig(a + APART)[0].real),
        ((3, 3),),
    ),
    "svd": (
        lambda a: (torch.linalg.svdvals(a), torch.linalg.svd(a, full_matrices=False)[1]),
        (_distinct(3, 2) + np.eye(3, 2),),
    ),
    "polar": (lambda a: torch.linalg.polar(a), (_distinct(3, 2) + np.eye(3, 2),)),
    "matrix_sqrth": (lambda a: torch.linalg.matrix_sqrth(_spd(a)), ((3, 3),)),
    "pinv": (lambda a: torch.linalg.pinv(a), (_distinct(3, 2) + np.eye(3, 2),)),
    "lstsq": (
        lambda a, b: (torch.linalg.lstsq(a, b)[0], torch.linalg.lstsq(a, b, driver="gelsd")[0]),
        (_distinct(3, 2) + np.eye(3, 2), (3, 1)),
    ),
}
"""Calls of public functions whose derivatives are checked to second order."""


INDEX = torch.tensor([2, 0, 1])
MASK = torch.tensor([[True, False, True], [False, True, True]])

OPTIONAL: dict[str, Program] = {
    "cumprod": (lambda x: x.cumprod(1) ** 2, ((2, 3),)),
    "cumprod at zeros": (lambda x: x.cumprod(0), (np.array([2.0, 0.0, 3.0, 4.0]),)),
    "logcumsumexp": (lambda x: x.logcumsumexp(1) ** 2, ((2, 3),)),
    "cummax": (lambda x: x.cummax(1)[0] ** 2, (_distinct(2, 3),)),
    "cummin": (lambda x: x.cummin(1)[0] ** 2, (_distinct(2, 3),)),
    "sort": (lambda x: torch.sort(x, 1)[0] ** 2, (_distinct(2, 3),)),
    "topk": (lambda x: torch.topk(x, 2, 1)[0] ** 2, (_distinct(2, 3),)),
    "kthvalue": (lambda x: torch.kthvalue(x, 2, 1)[0] ** 2, (_distinct(2, 3),)),
    "mode along": (lambda x: torch.mode(x, 1)[0] ** 2, (_distinct(2, 3),)),
    "min along": (lambda x: torch.min(x, 1, True)[0] ** 2, (_distinct(2, 3),)),
    "nanmedian along": (lambda x: torch.nanmedian(x, 0)[0] ** 2, (_distinct(2, 3),)),
    "median": (lambda x: (torch.median(x) ** 2, torch.median(x, 1)[0] ** 2), (_distinct(2, 3),)),
    "diag_embed": (lambda x: torch.diag_embed(x) ** 2, ((2, 3),)),
    "index_select": (lambda x: x.index_select(1, INDEX) ** 2, ((2, 3),)),
    "index_add": (lambda x, y: x.index_add(1, INDEX, y, alpha=2) ** 2, ((2, 3), (2, 3))),
    "index_copy": (lambda x, y: x.index_copy(1, INDEX, y) ** 2, ((2, 3), (2, 3))),
    "index_fill": (lambda x: x.index_fill(1, INDEX[:1], 2.0) ** 2, ((2, 3),)),
    "index_reduce": (lambda x, y: x.index_reduce(1, INDEX, y, "prod") ** 2, ((2, 3), (2, 3))),
    "masked_fill": (lambda x: x.masked_fill(MASK, 2.0) ** 2, ((2, 3),)),
    "masked_select": (lambda x: x.masked_select(MASK) ** 2, ((2, 3),)),
    "masked_scatter": (lambda x, y: x.masked_scatter(MASK, y) ** 2, ((2, 3), (4,))),
    "take": (lambda x: x.take(INDEX) ** 2, ((2, 3),)),
    "put": (lambda x, y: x.put(INDEX, y, accumulate=True) ** 2, ((2, 3), (3,))),
    "scatter": (lambda x, y: x.scatter(1, INDEX[None], y) ** 2, ((2, 3), (1, 3))),
    "scatter_add": (lambda x, y: x.scatter_add(1, INDEX[None], y) ** 2, ((2, 3), (1, 3))),
    "scatter_reduce": (
        lambda x, y: [
            x.scatter_reduce(1, INDEX[None], y, reduce) ** 2
            for reduce in ("sum", "prod", "mean", "amax", "amin")
        ],
        (_distinct(2, 3), _distinct(1, 3) + 0.01),
    ),
    "segment_reduce": (
        lambda x: [
            torch.segment_reduce(x, reduce, lengths=torch.tensor([1, 3]), initial=0.5) ** 2
            for reduce in ("sum", "prod", "mean", "max", "min")
        ],
        (_distinct(4, 2),),
    ),
    "alias_copy": (lambda x: torch.alias_copy(x) ** 2, ((2, 3),)),
    "repeat": (lambda x: x.repeat(2, 1, 2) ** 2, ((2, 3),)),
    "complex": (lambda x, y: torch.view_as_real(torch.complex(x, y) ** 2), ((3,), (3,))),
    "nn.functional.conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
        ((1, 2, 3, 3), (2, 2, 2, 2), (2,)),
    ),
    "nn.functional.conv_transpose2d": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2),
        ((1, 2, 2, 2), (2, 1, 2, 2)),
    ),
    "nn.functional.scaled_dot_product_attention": (
        F.scaled_dot_product_attention,
        ((2, 3, 2), (2, 4, 2), (2, 4, 3)),
    ),
    "nn.functional.avg_pool2d": (lambda x: F.avg_pool2d(x, 2, 1) ** 2, ((1, 1, 3, 3),)),
    "nn.functional.interpolate": (
        lambda x: [
            F.interpolate(x, size=(2, 4), mode=mode) ** 2 for mode in ("bilinear", "nearest")
        ],
        ((1, 1, 3, 3),),
    ),
    "nn.functional.grid_sample": (
        lambda x, g: F.grid_sample(x, g * 0.6, padding_mode="border", align_corners=False),
        ((1, 1, 3, 3), (1, 2, 2, 2)),
    ),
    "nn.functional.adaptive_avg_pool2d": (
        lambda x: F.adaptive_avg_pool2d(x, 2) ** 2,
        ((1, 1, 3, 3),),
    ),
    "nn.functional.adaptive_max_pool2d": (
        lambda x: F.adaptive_max_pool2d(x, 2) ** 2,
        (_distinct(1, 1, 3, 3),),
    ),
    "nn.functional.fractional_max_pool2d": (
        lambda x: (
            F.fractional_max_pool2d(
                x, 2, 2, _random_samples=torch.full((1, 1, 2), 0.4, dtype=torch.float64)
            )
            ** 2
        ),
        (_distinct(1, 1, 5, 5),),
    ),
    "nn.functional.max_pool2d": (lambda x: F.max_pool2d(x, 2, 1) ** 2, (_distinct(1, 1, 3, 3),)),
    "nn.functional.max_unpool2d": (
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2) ** 2,
        (_distinct(1, 1, 4, 4),),
    ),
    "nn.functional.unfold": (lambda x: F.unfold(x, 2) ** 2, ((1, 1, 3, 3),)),
    "nn.functional.fold": (lambda x: F.fold(x, (3, 3), 2) ** 2, ((1, 4, 4),)),
    "nn.functional.pad": (
        lambda x: [
            F.pad(x, (1, 1), mode=mode) ** 2
            for mode in ("constant", "reflect", "replicate", "circular")
        ],
        ((1, 2, 3),),
    ),
}
"""Programs of functions that a build may lack: they run where the function, or Tensor method, exists."""


def _exists(name: str) -> bool:
    place: Any = torch
    for part in name.split(" ")[0].split("."):
        if not hasattr(place, part):
            return "." not in name and hasattr(torch.Tensor, name.split(" ")[0])
        place = getattr(place, part)
    return True


PROGRAMS.update({name: program for name, program in OPTIONAL.items() if _exists(name)})


def _draws(x: torch.Tensor) -> list[torch.Tensor]:
    """Draws of every kind over a copy, or with rates that want a gradient."""
    torch.manual_seed(0)
    names = [
        "uniform_",
        "normal_",
        "log_normal_",
        "exponential_",
        "cauchy_",
        "bernoulli_",
    ]
    filled = [getattr(x * 1, name)() for name in names]
    filled += [(x * 1).geometric_(0.5), (x * 1).random_(10)]
    return [*filled, torch.bernoulli(x), torch.poisson(x)]


def _written(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Writes of every kind into a copy."""
    z = x * x
    z[0] = y
    z[:, 1:] *= 2
    z[torch.tensor([1])] = y * y
    z.t()[2].mul_(3)
    return z * z


def arrays_of(program: str) -> list[np.ndarray]:
    rng = np.random.default_rng(len(program))
    return [
        np.asarray(each, np.float64)
        if isinstance(each, np.ndarray)
        else rng.uniform(0.2, 0.8, each)
        for each in PROGRAMS[program][1]
    ]
