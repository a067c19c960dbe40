"""cuDNN's part: what it is asked for, with a double in its place, and that the real frontend takes such questions."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from flambeau.backends import cudnn as switches
from flambeau.kernels.convolution.window import Window
from flambeau.kernels.cuda.convolution import convolution, cudnn
from flambeau.ops.nn.convolution import _back_by_columns, _by_columns, _weight_by_columns

WINDOW = Window((3, 2), (2, 1), (1, 2), (1, 0), (1, 1))


class Unsupported(Exception):
    """cudnnGraphNotSupportedError."""


class Tensor:
    def __init__(self, dim, stride):
        self.dim, self.stride = dim, stride

    def set_output(self, is_output):
        assert is_output
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self


class Graph:
    """A graph of one convolution, which NumPy computes."""

    has_plans = True

    def __init__(self, **facts):
        self.facts, self.steps = facts, []

    def tensor(self, dim, stride):
        return Tensor(dim, stride)

    def _node(self, name, given):
        self.name, self.given, self.out = name, given, Tensor([], [])
        return self.out

    def conv_fprop(self, **given):
        return self._node("fprop", given)

    def conv_dgrad(self, **given):
        return self._node("dgrad", given)

    def conv_wgrad(self, **given):
        return self._node("wgrad", given)

    def __getattr__(self, name):
        return lambda *given: self.steps.append((name, *given))

    def check_support(self):
        if not self.has_plans:
            raise Unsupported

    def get_workspace_size(self):
        return 16

    def execute(self, places, workspace, handle):
        assert handle == self.facts["handle"] == "handle"
        assert workspace % 16 == 0
        arrays = {t: Double.arrays[address] for t, address in places.items()}
        window = Window(
            tuple((self.given.get("weight") or self.given.get("filter") or self.out).dim[2:]),
            *(tuple(self.given[k]) for k in ("stride", "dilation", "pre_padding", "post_padding")),
        )
        factors = {
            name: arrays[t].get().astype("f8").reshape(t.dim)
            for name, t in self.given.items()
            if isinstance(t, Tensor)
        }
        shape = tuple(self.out.dim)
        made = {
            "fprop": lambda image, weight: _by_columns(
                image, weight, None, window, image.shape[1] // weight.shape[1]
            ),
            "dgrad": lambda loss, filter: _back_by_columns(
                loss, filter, None, window, shape[1] // filter.shape[1], shape[2:]
            ),
            "wgrad": lambda loss, image: _weight_by_columns(
                loss, image, window, image.shape[1] // shape[1], shape
            ),
        }[self.name](**factors)
        result = arrays[self.out]
        result.set(made.reshape(result.shape).astype(result.dtype))


class Double:
    """The frontend's module; arrays are found by their addresses."""

    arrays: dict = {}
    cudnnGraphNotSupportedError = Unsupported
    data_type = SimpleNamespace(HALF="HALF", BFLOAT16="BFLOAT16", FLOAT="FLOAT", DOUBLE="DOUBLE")
    heur_mode = SimpleNamespace(A="A", FALLBACK="FALLBACK")
    numerical_note = SimpleNamespace(
        NONDETERMINISTIC=1, REDUCED_PRECISION_REDUCTION=2, TENSOR_CORE=3, DOWN_CONVERT_INPUTS=4
    )
    made: list = []

    def pygraph(self, **facts):
        self.made.append(Graph(**facts))
        return self.made[-1]

    def create_handle(self):
        return "handle"

    def set_stream(self, handle, stream):
        assert handle == "handle"


@pytest.fixture
def double(xp, monkeypatch):
    made = Double()
    made.made.clear()
    for cached in (cudnn._planned, cudnn._handle):
        cached.cache_clear()
    monkeypatch.setattr(cudnn, "library", lambda: made)
    empty, asarray = xp.empty, xp.asarray

    def remembered(function):
        def call(*given, **options):
            x = function(*given, **options)
            made.arrays[x.data.ptr] = x
            return x

        return call

    monkeypatch.setattr(xp, "empty", remembered(empty))
    monkeypatch.setattr(xp, "asarray", remembered(asarray))
    yield made
    for cached in (cudnn._planned, cudnn._handle):
        cached.cache_clear()


def normal(*shape, dtype="f4"):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8"])
@pytest.mark.parametrize("groups", [1, 2])
def test_maps(xp, double, groups, dtype):
    x, w, bias = (
        normal(2, 4, 7, 6, dtype=dtype),
        normal(6, 4 // groups, 3, 2, dtype=dtype),
        normal(6, dtype=dtype),
    )
    near = {"f4": 1e-5, "f2": 1e-2, "f8": 1e-12}[dtype]
    exact = [v.astype("f8") for v in (x, w, bias)]
    there = [xp.asarray(v) for v in (x, w, bias)]
    want = _by_columns(*exact, WINDOW, groups)
    made = convolution.forward(*there, WINDOW, groups)
    np.testing.assert_allclose(made.get(), want, rtol=near, atol=near)
    g = normal(*want.shape, dtype=dtype)
    made = convolution.transposed(xp.asarray(g), there[1], None, WINDOW, groups, (7, 6))
    want = _back_by_columns(g.astype("f8"), exact[1], None, WINDOW, groups, (7, 6))
    np.testing.assert_allclose(made.get(), want, rtol=near, atol=near)
    made = convolution.weight(xp.asarray(g), there[0], WINDOW, groups, w.shape)
    want = _weight_by_columns(g.astype("f8"), exact[0], WINDOW, groups, w.shape)
    np.testing.assert_allclose(made.get(), want, rtol=near, atol=near)
    assert len(double.made) == 3


def test_one_dimension(xp, double):
    window = Window((3,), (2,), (1,), (1,), (0,))
    x, w = normal(2, 4, 7), normal(6, 4, 3)
    made = convolution.forward(xp.asarray(x), xp.asarray(w), None, window, 1)
    np.testing.assert_allclose(made.get(), _by_columns(x, w, None, window, 1), rtol=1e-5, atol=1e-5)
    assert double.made[0].out.dim == [2, 6, 1, 3]


def test_what_has_no_plan_is_computed_here(xp, double, monkeypatch):
    monkeypatch.setattr(Graph, "has_plans", False)
    x, w = normal(1, 2, 5, 5), normal(2, 2, 3, 2)
    made = convolution.forward(xp.asarray(x), xp.asarray(w), None, WINDOW, 1)
    np.testing.assert_allclose(made.get(), _by_columns(x, w, None, WINDOW, 1), rtol=1e-5, atol=1e-5)


def test_permissions(xp, double):
    x, w = xp.asarray(normal(1, 2, 5, 5)), xp.asarray(normal(2, 2, 3, 2))
    with switches.flags(enabled=False):
        convolution.forward(x, w, None, WINDOW, 1)
    assert not double.made
    for allow, refused in ((True, [1, 2]), (False, [1, 2, 3, 4])):
        with switches.flags(enabled=True, allow_tf32=allow):
            convolution.forward(x, w, None, WINDOW, 1)
        assert ("deselect_numeric_notes", refused) in double.made[-1].steps
    assert switches.enabled
    assert switches.allow_tf32


def test_a_simulated_gpu_has_no_cudnn(xp):
    cudnn.library.cache_clear()
    assert cudnn.library() is None
    assert not switches.is_available()
    assert switches.version() is None
    cudnn.library.cache_clear()


@pytest.mark.parametrize("name", cudnn.NODES)
def test_the_real_frontend_takes_the_description(name):
    """It describes graphs without a GPU; to plan them it needs one."""
    frontend = pytest.importorskip("cudnn")
    shapes = {"forward": ((6, 2, 3, 2), (2, 4, 7, 6), (2, 6, 4, 5))}
    shapes["transposed"] = shapes["forward"][0], shapes["forward"][2], shapes["forward"][1]
    shapes["weight"] = shapes["forward"][2], shapes["forward"][1], shapes["forward"][0]
    graph, operands = cudnn.described(frontend, None, name, "float16", shapes[name], WINDOW)
    assert len(graph.nodes) == 1
    assert [tuple(t.dim) for t in operands] == [*shapes[name]]
    assert {t.name for t in operands} <= {*graph.tensors}
    assert sys.modules["cudnn"] is frontend
