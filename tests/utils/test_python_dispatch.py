"""``__torch_dispatch__``: which operations modes and classes see; names are those that torch 2.14.1 shows."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils import _python_dispatch as dispatch
from flambeau.utils._pytree import tree_map_only


class Names(dispatch.TorchDispatchMode):
    """Notes the operations, without their namespace."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


def seen(function):
    with Names() as mode:
        function()
    return mode.seen


X = torch.arange(6.0).view(2, 3)
W = torch.ones(4, 3, requires_grad=True)
IMAGE = torch.ones(1, 3, 4, 4)

# Each as torch 2.14.1 shows it.
SEEN = [
    (lambda: X + 1, "add.Tensor"),
    (lambda: 1 - X, "rsub.Scalar"),
    (lambda: 1 / X, "reciprocal.default mul.Tensor"),
    (lambda: X**2, "pow.Tensor_Scalar"),
    (lambda: F.linear(X, W), "t.default mm.default"),
    (lambda: X @ X.T, "permute.default mm.default"),
    (lambda: X @ X[0], "select.int mv.default"),
    (lambda: F.relu(X), "relu.default"),
    (lambda: F.softmax(X, -1), "_softmax.default"),
    (lambda: F.log_softmax(X, -1), "_log_softmax.default"),
    (lambda: F.layer_norm(X, (3,)), "native_layer_norm.default"),
    (lambda: F.mse_loss(X, X), "mse_loss.default"),
    (lambda: F.max_pool2d(IMAGE, 2), "max_pool2d_with_indices.default"),
    (lambda: F.adaptive_avg_pool2d(IMAGE, 1), "mean.dim"),
    (lambda: F.dropout(X, 0.5), "empty_like.default bernoulli_.float div_.Scalar mul.Tensor"),
    (lambda: F.dropout(X, 0.5, False), ""),
    (lambda: F.pad(X, (1, 1)), "constant_pad_nd.default"),
    (lambda: X.var(), "var.correction"),
    (lambda: X.chunk(2), "split.Tensor"),
    (lambda: X.flatten(), "view.default"),
    (lambda: X.double(), "_to_copy.default"),
    (lambda: X.to(torch.float32), ""),
    (lambda: X[X > 0], "gt.Scalar index.Tensor"),
    (lambda: X.sum().item(), "sum.default _local_scalar_dense.default"),
    (lambda: torch.zeros(2), "zeros.default"),
    (lambda: torch.tensor([1.0]), "lift_fresh.default"),
    (lambda: X.clone().mul_(X), "clone.default mul_.Tensor"),
    (lambda: torch.where(X > 0, X, X), "gt.Scalar where.self"),
    (lambda: repr(X.shape), ""),
]


@pytest.mark.parametrize(("function", "expected"), SEEN)
def test_names(function, expected):
    assert seen(function) == expected.split()


def test_batched_products():
    a, b = torch.ones(2, 3, 4), torch.ones(2, 4, 5)
    both = ["expand.default", "view.default"]
    assert seen(lambda: a @ b) == [*both, *both, "bmm.default", "_unsafe_view.default"]
    assert seen(lambda: a @ b[0]) == [
        "select.int",
        *("view.default", "mm.default", "_unsafe_view.default"),
    ]


def test_backward_is_seen():
    found = seen(lambda: F.linear(X, W).sum().backward())
    assert found == [
        *("t.default", "mm.default", "sum.default", "expand.default"),
        *("t.default", "mm.default"),
    ]
    w = torch.ones(2, 3, 3, 3, requires_grad=True)
    found = seen(lambda: F.conv2d(IMAGE, w).sum().backward())
    assert found == [
        *("convolution.default", "sum.default", "expand.default"),
        "convolution_backward.default",
    ]


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        *(nn.MaxPool2d(2), nn.ConvTranspose2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 5)),
        *(nn.LayerNorm(5), nn.GELU()),
    )


def transformer():
    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)


def arithmetic(w):
    y = (w * 2 + 1 - w / 3) @ w.T
    y = torch.cat([y.sigmoid() + y.tanh() * (y * 0.1).exp(), y[:, 1:]], 1)
    z = F.softmax(y, -1).clone()
    z.add_(1).mul_(y)
    z[0] = 2.0
    return torch.einsum("ij,kj->ik", z, y).mean() + F.layer_norm(w, (3,)).std() + F.silu(w).norm()


GRADIENTS = [
    (
        network,
        lambda net: F.cross_entropy(net(torch.ones(2, 3, 4, 4).cumsum(0)), torch.tensor([0, 1])),
    ),
    (transformer, lambda net: net(torch.linspace(-1, 1, 80).view(2, 5, 8)).pow(2).mean()),
    (lambda: nn.LSTM(3, 4), lambda net: net(torch.ones(3, 2, 3).cumsum(0))[0].pow(2).mean()),
]


@pytest.mark.parametrize(("make", "loss"), GRADIENTS, ids=["convolutions", "attention", "lstm"])
def test_a_mode_that_changes_nothing_changes_no_gradient(make, loss):
    net = make()
    net.eval() if isinstance(net, nn.LSTM) else net
    parameters = list(net.parameters())
    plain = loss(net)
    expected = torch.autograd.grad(plain, parameters)
    with dispatch.BaseTorchDispatchMode():
        watched = loss(net)
        found = torch.autograd.grad(watched, parameters)
    torch.testing.assert_close(watched, plain)
    torch.testing.assert_close(found, expected)


def test_arithmetic_has_the_same_gradient():
    w = torch.linspace(-1, 1, 12).view(4, 3).requires_grad_()
    expected = torch.autograd.grad(arithmetic(w), w)
    with dispatch.BaseTorchDispatchMode():
        found = torch.autograd.grad(arithmetic(w), w)
    torch.testing.assert_close(found, expected)


def test_what_a_mode_gives_is_recorded():
    class Doubled(dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is torch.ops.aten.exp.default else result

    x = torch.zeros(1, requires_grad=True)
    with Doubled():
        y = x.exp()
        y.backward()
    assert (y.item(), x.grad.item()) == (2.0, 2.0)  # the gradient of exp is its result


def test_running_statistics_count_a_batch_once():
    norm = nn.BatchNorm1d(3)
    with dispatch.BaseTorchDispatchMode():
        norm(X).sum().backward()
    other = nn.BatchNorm1d(3)
    other(X).sum().backward()
    torch.testing.assert_close(norm.running_mean, other.running_mean)
    assert norm.num_batches_tracked.item() == 1


def test_modes_nest():
    with Names() as outer, Names() as inner:
        assert dispatch._len_torch_dispatch_stack() == 2
        assert dispatch._get_current_dispatch_mode() is inner
        X.neg()
        with dispatch._pop_mode_temporarily() as popped:
            assert popped is inner
            X.exp()
        with dispatch._disable_current_modes():
            X.sin()
    assert inner.seen == ["neg.default"]
    assert outer.seen == ["neg.default", "exp.default"]
    assert not dispatch.is_in_torch_dispatch_mode()
    assert seen(lambda: None) == []


def test_a_mode_without_a_handler():
    with (
        pytest.raises(NotImplementedError, match="must define __torch_dispatch__"),
        dispatch.TorchDispatchMode(),
    ):
        X.neg()


class Two(torch.Tensor):
    """Two tensors that everything is done to."""

    @staticmethod
    def __new__(cls, a, b):
        return torch.Tensor._make_wrapper_subclass(cls, a.shape, dtype=a.dtype, device=a.device)

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __tensor_flatten__(self):
        return ["a", "b"], None

    @staticmethod
    def __tensor_unflatten__(inner, meta, size, stride):
        return Two(inner["a"], inner["b"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        assert types == (Two,)
        parts = [
            func(*tree_map_only(Two, lambda x, n=n: getattr(x, n), args), **(kwargs or {}))
            for n in "ab"
        ]
        out = Two(*parts) if isinstance(parts[0], torch.Tensor) else parts[0]
        return dispatch.return_and_correct_aliasing(func, args, kwargs, out)


class TestWrappers:
    @pytest.fixture
    def two(self):
        return Two(X.clone(), X + 10)

    def test_it_says_what_it_is(self, two):
        assert (two.shape, two.dtype, two.stride()) == ((2, 3), torch.float32, (3, 1))
        assert dispatch.is_traceable_wrapper_subclass(two)
        assert not dispatch.is_traceable_wrapper_subclass(X)

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: x + 1,
            lambda x: x @ x.T,
            lambda x: x.sum(),
            lambda x: torch.cat([x, x]),
            lambda x: x[0],
            lambda x: x.view(3, 2),
            lambda x: F.linear(x, torch.ones(4, 3)),
            lambda x: torch.relu(x),
            lambda x: x.mean(1),
            lambda x: torch.zeros_like(x),
            lambda x: -x,
            lambda x: x > 1,
        ],
    )
    def test_operations(self, two, function):
        found = function(two)
        assert type(found) is Two
        assert found.a.tolist() == function(X).tolist()
        assert found.b.tolist() == function(X + 10).tolist()
        assert found.shape == found.a.shape

    def test_writing(self, two):
        assert two.add_(2) is two
        assert two.a.tolist() == (X + 2).tolist()

    def test_transform(self, two):
        found = dispatch.transform_subclass(two, lambda name, x: x * 2)
        assert found.b.tolist() == (2 * X + 20).tolist()

    def test_a_class_needs_a_handler(self):
        class Bare(torch.Tensor):
            pass

        with pytest.raises(RuntimeError, match="must define __torch_dispatch__"):
            torch.Tensor._make_wrapper_subclass(Bare, (2,))


def test_a_class_with_memory():
    seen = []

    class Watched(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            with torch._C._DisableTorchDispatch():
                seen.append(str(func))
                return func(*args, **(kwargs or {}))

    x = torch.Tensor._make_subclass(Watched, torch.ones(2))
    assert type(x * 2) is torch.Tensor
    assert seen == ["aten.mul.Tensor"]


def test_nobody_handles_an_operation():
    class Refusing(torch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    x = torch.Tensor._make_wrapper_subclass(Refusing, (2,))
    with pytest.raises(TypeError, match=r"Multiple dispatch failed for 'aten\.neg\.default'"):
        x.neg()


def test_rules_of_libraries():
    from flambeau import library

    with library._scoped_library("testdispatch", "FRAGMENT") as lib:
        lib.define("f(Tensor x) -> Tensor")
        lib.impl("f", lambda x: x + 1, torch.get_default_device().type.upper())
        library.register_torch_dispatch(
            "testdispatch::f", Names, lambda mode, func, types, args, kwargs: torch.full((1,), 7.0)
        )
        with Names():
            assert torch.ops.testdispatch.f(torch.ones(1)).item() == 7.0
        assert torch.ops.testdispatch.f(torch.ones(1)).item() == 2.0


@pytest.mark.parametrize(
    ("options", "operation", "arguments"),
    [
        ({"scale_factor": 2.3}, "upsample_nearest2d", ([9, 9], 2.3, 2.3)),
        ({"size": 8, "mode": "bilinear"}, "upsample_bilinear2d", ([8, 8], False)),
        (
            {"scale_factor": (2, 0.6), "mode": "bicubic"},
            "upsample_bicubic2d",
            ([8, 2], False, 2.0, 0.6),
        ),
        ({"size": 6, "mode": "nearest-exact"}, "_upsample_nearest_exact2d", ([6, 6],)),
        (
            {"size": 2, "mode": "bilinear", "antialias": True},
            "_upsample_bilinear2d_aa",
            ([2, 2], False),
        ),
    ],
)
def test_resizing_is_seen_with_its_sizes(options, operation, arguments):
    seen = []

    class Note(dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append((str(func), args[1:]))
            return func(*args, **(kwargs or {}))

    x = torch.rand(1, 3, 4, 4)
    with Note():
        y = torch.nn.functional.interpolate(x, **options)
    assert seen == [(f"aten.{operation}.default", arguments)]
    assert torch.equal(y, torch.nn.functional.interpolate(x, **options))


def test_layers_of_embeddings_are_seen():
    seen = []

    class Note(dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append((str(func), args[2:]))
            return func(*args, **(kwargs or {}))

    layer, i = torch.nn.Embedding(5, 3, padding_idx=-1), torch.tensor([1, 2])
    with Note():
        layer(i)
    assert seen == [("aten.embedding.default", (4,))]
