"""vmap: what a sample shows, what it refuses, writes, random draws, Functions, and derivatives inside."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.func import (
    functional_call,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)
from flambeau.nn import functional as F
from tests.func.walk import sample_by_sample

X = torch.arange(6.0).reshape(3, 2)


def test_a_sample_shows_what_all_have_in_common() -> None:
    seen = []

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append((tuple(x.shape), x.ndim, x.dtype, len(x), x.numel(), x.requires_grad))
        seen.append(repr(x).splitlines()[0])
        return x

    assert vmap(look, in_dims=1, out_dims=1)(X).tolist() == X.tolist()
    assert seen == [((3,), 1, torch.float32, 3, 3, False), "BatchedTensor(bdim=0, value="]
    assert vmap(torch.sin)(torch.ones(0, 2)).shape == (0, 2)
    assert vmap(lambda x: torch.linalg.lstsq(x[None], x[:1])[0])(torch.ones(0, 2)).shape == (0, 2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.sum().item(), r"calling \.item\(\)"),
        (lambda x: float(x[0]), r"calling \.item\(\)"),
        (lambda x: x if x.sum() > 0 else -x, "data-dependent control flow"),
        (lambda x: x.tolist(), "Cannot access data pointer"),
        (torch.nonzero, "dynamic shape.*aten::nonzero"),
        (lambda x: x[x > 1], "boolean mask"),
        (lambda x: torch.zeros(2).copy_(x), "inplace arithmetic.*would write all samples into one"),
        (lambda x: torch.zeros(2).add_(x), "inplace arithmetic"),
        (lambda x: x.requires_grad_(), r"attempting to call Tensor\.requires_grad_\(\)"),
        (lambda x: x.resize_(1), "would change its memory"),
    ],
)
def test_what_a_sample_refuses(function, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        vmap(function)(X)


def test_a_sample_is_of_no_use_afterwards() -> None:
    kept = []
    vmap(lambda x: (kept.append(x), x)[1])(X)
    with pytest.raises(RuntimeError, match="used after its vmap"):
        kept[0] + 1


def test_dimensions_in_and_out() -> None:
    named = vmap(lambda d: {"s": d["a"] + d["b"]}, ({"a": 0, "b": None},), out_dims=1)
    assert named({"a": X, "b": X[0]})["s"].tolist() == (X + X[0]).t().tolist()
    table = vmap(vmap(torch.mul, (None, 0)), (0, None))(X[:, 0], X[:, 1])
    assert table.tolist() == torch.outer(X[:, 0], X[:, 1]).tolist()
    assert vmap(lambda x, *, w: x * w)(X, w=torch.tensor([2.0, 3.0])).tolist()[1] == [4.0, 9.0]
    for size in (1, 2, 3, 5):
        parts = vmap(lambda x: (x * 2, x.sum()), out_dims=(1, 0), chunk_size=size)(X)
        assert [p.tolist() for p in parts] == [(X * 2).t().tolist(), [1.0, 5.0, 9.0]]
    with pytest.raises(ValueError, match="can not return a BatchedTensor when out_dim is None"):
        vmap(lambda x: x, out_dims=None)(X)
    with pytest.raises(IndexError, match=r"range of \[-2, 1\], but got 5"):
        vmap(lambda x: x, out_dims=5)(X)
    with pytest.raises(ValueError, match="must only return Tensors"):
        vmap(lambda x: None)(X)
    with pytest.raises(ValueError, match="out_dims is not compatible"):
        vmap(lambda x: (x, x), out_dims=[0, 1])(X)


def test_writes_into_samples() -> None:
    def filled(x: torch.Tensor) -> torch.Tensor:
        y = x.new_zeros(2)
        y[0] = x[1]
        y[1:].add_(x[:1]).mul_(2)
        y.unsqueeze_(0).sub_(1)
        return y

    want = [[[1.0 - 1, 0.0 - 1]], [[3.0 - 1, 4.0 - 1]], [[5.0 - 1, 8.0 - 1]]]
    assert vmap(filled)(X).tolist() == want
    target = X.clone()
    assert vmap(lambda x: x.mul_(2))(target).tolist() == (X * 2).tolist()
    assert target.tolist() == (X * 2).tolist()


def test_memory_is_each_samples_own() -> None:
    """An offset counts for the first sample, as if there were no others; PyTorch has no rule for the second."""
    assert vmap(lambda x: x.as_strided((1,), (1,), 1))(X).tolist() == [[1.0], [3.0], [5.0]]
    scattered = vmap(lambda x: torch.as_strided_scatter(x, x[:1] + 9, (1,), (1,), 1))(X)
    assert scattered.tolist() == [[0.0, 9.0], [2.0, 11.0], [4.0, 13.0]]


def test_random_draws() -> None:
    for draw in (
        lambda x: x + torch.rand(2),
        torch.rand_like,
        F.dropout,
        lambda x: x.clone().normal_(),
    ):
        with pytest.raises(RuntimeError, match="random operation while in randomness error mode"):
            vmap(draw)(X)
        torch.manual_seed(0)
        same = vmap(draw, randomness="same")(torch.ones(4, 2))
        torch.manual_seed(0)
        different = vmap(draw, randomness="different")(torch.ones(4, 2))
        assert all(row.tolist() == same[0].tolist() for row in same)
        assert any(row.tolist() != different[0].tolist() for row in different)
    assert vmap(lambda x: F.dropout(x, training=False))(X).tolist() == X.tolist()
    with pytest.raises(RuntimeError, match="Cannot ask for different inplace randomness"):
        vmap(lambda x: torch.zeros(2).normal_() + x, randomness="different")(X)
    with pytest.raises(RuntimeError, match="'error', 'different', or 'same'"):
        vmap(torch.sin, randomness="other")(X)
    drawn = jacfwd(lambda x: x * torch.rand(2), randomness="different")(torch.ones(2))
    assert drawn[0, 0] != drawn[1, 1]
    with pytest.raises(RuntimeError, match="randomness error mode"):
        jacfwd(lambda x: x * torch.rand(2))(torch.ones(2))


class Scaled(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = 3

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor


def test_functions_have_a_rule_or_refuse() -> None:
    assert vmap(Scaled.apply)(X).tolist() == (X * 2).tolist()
    slopes = vmap(grad(lambda x: Scaled.apply(x).sum()))(X)
    assert slopes.tolist() == torch.full((3, 2), 3.0).tolist()
    told = []

    class Own(Scaled):
        generate_vmap_rule = False

        @staticmethod
        def vmap(info, in_dims, x):
            told.append((info.batch_size, info.randomness, in_dims, tuple(x.shape)))
            return Scaled.apply(x).t(), 1

    assert vmap(Own.apply)(X).tolist() == (X * 2).tolist()
    assert told == [(3, "error", (0,), (3, 2))]

    class Silent(Scaled):
        generate_vmap_rule = False

    class Both(Own):
        generate_vmap_rule = True

    for function, message in ((Silent, "does not have vmap support"), (Both, "to avoid ambiguity")):
        with pytest.raises(RuntimeError, match=message):
            vmap(function.apply)(X)


def test_derivatives_inside_and_outside() -> None:
    eye = torch.eye(2).tolist()
    cubes = lambda x: (x**3).sum()  # noqa: E731
    assert vmap(grad(cubes))(X).tolist() == (3 * X**2).tolist()
    for jacobian in (jacrev, jacfwd):
        found = vmap(jacobian(lambda x: x**2))(X)
        assert found.tolist() == torch.diag_embed(2 * X).tolist()
    assert vmap(hessian(cubes))(X).tolist() == torch.diag_embed(6 * X).tolist()
    _, back = vjp(lambda x: 3 * x, X[1])
    assert vmap(back)(torch.eye(2))[0].tolist() == [[3.0, 0.0], [0.0, 3.0]]
    rows = vmap(lambda v: torch.autograd.grad(Y.exp().log(), Y, v)[0])(torch.eye(2))
    assert torch.allclose(rows, torch.eye(2))
    assert vmap(lambda t: jvp(lambda x: x * 1, (X[0],), (t,))[1])(torch.eye(2)).tolist() == eye
    inner = vmap(lambda x: grad(lambda y: (x * y**2).sum())(X[1]))(X)
    assert inner.tolist() == (2 * X * X[1]).tolist()


Y = torch.tensor([1.0, 2.0], requires_grad=True)


def test_gradients_of_each_sample_and_ensembles_run_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )  # fmt: skip
    weights = {name: p.detach() for name, p in model.named_parameters()}
    images, classes = torch.randn(4, 1, 6, 6), torch.tensor([0, 2, 1, 1])

    def loss(weights, image, label):
        scores = functional_call(model, weights, (image[None],))
        return F.cross_entropy(scores, label[None])

    found = vmap(grad(loss), (None, 0, 0))(weights, images, classes)
    for name in weights:
        each = [grad(loss)(weights, x, y)[name] for x, y in zip(images, classes)]
        assert torch.allclose(found[name], torch.stack(each), atol=1e-5)
    models = [nn.Linear(2, 3) for _ in range(3)]
    with sample_by_sample() as single:
        outputs = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)))(
            *stack_module_state(models), X
        )
    assert single == []
    assert torch.allclose(outputs, torch.stack([m(x) for m, x in zip(models, X)]), atol=1e-6)
    with pytest.raises(RuntimeError, match="Batch norm got a batched tensor"):
        vmap(nn.BatchNorm1d(2))(torch.randn(3, 4, 2))


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(2, 3),
        nn.GRUCell(2, 3),
        nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0),
        nn.RNN(2, 1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_samples(layer: nn.Module) -> None:
    single = isinstance(layer, nn.GRUCell)
    x = torch.linspace(-1, 1, 12).reshape(3, 2, 2) if single else _sequences()

    def run(x: torch.Tensor) -> torch.Tensor:
        y = layer(x)
        return y[0] if isinstance(y, tuple) else y

    assert torch.allclose(vmap(run)(x), torch.stack([run(one) for one in x]), atol=1e-5)
    slope = grad(lambda x: run(x).square().sum())
    assert torch.allclose(vmap(slope)(x), torch.stack([slope(one) for one in x]), atol=1e-5)


def _sequences() -> torch.Tensor:
    return torch.linspace(-1, 1, 24).reshape(3, 4, 1, 2)


def test_what_has_no_guard_cannot_read_a_sample() -> None:
    from flambeau.ops.linalg.matmul import mm_

    with pytest.raises(AttributeError, match="a function without a guard"):
        vmap(lambda x: mm_(x, x))(torch.ones(2, 3, 3))


def test_results_that_depend_on_outer_mappings_alone_are_spread():
    """Also where another mode is entered outside of all mappings."""

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    def outer(x):
        return torch.vmap(lambda y: x * 2)(torch.zeros(3))

    with Watching():
        found = torch.vmap(outer)(torch.tensor([1.0, 2.0]))
    assert found.tolist() == [[2.0] * 3, [4.0] * 3]
    assert torch.vmap(outer)(torch.tensor([1.0, 2.0])).tolist() == found.tolist()
