"""Functions without an operator in ONNX, and cells of recurrent nets: onnxruntime computes what flambeau computes."""

import io

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils import _pytree as pytree

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed", exc_type=ImportError)
ort = pytest.importorskip(
    "onnxruntime", reason="onnxruntime is not installed", exc_type=ImportError
)


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


X = torch.linspace(-1, 1, 48).view(2, 3, 8)
IMAGE = torch.linspace(-1, 1, 324).view(1, 9, 6, 6)
EDGES = torch.tensor([[0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan")]])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda x: torch.round(x, decimals=1), (X,)),
        (lambda x: torch.round(100 * x, decimals=-1), (X,)),
        (torch.logit, (X.abs(),)),
        (lambda x: torch.logit(x, 1e-3), (X,)),
        (F.tanhshrink, (X,)),
        (lambda x: F.hardshrink(x, 0.2), (X,)),
        (lambda x: F.softshrink(x, 0.2), (X,)),
        (torch.hypot, (X, X.flip(2))),
        (torch.atan2, (X, X.flip(1))),
        (torch.atan2, (EDGES[:, :4], EDGES[:, [0, 0, 2, 3]])),
        (lambda x: torch.nan_to_num(x, 1.0, 2.0), (EDGES,)),
        (lambda x: F.softmin(x, 1), (X,)),
        (F.cosine_similarity, (X, X.flip(2))),
        (lambda x: F.local_response_norm(x, 5, 2e-2), (IMAGE,)),
        (lambda x, y: torch.meshgrid(x, y, indexing="ij"), (X[0, 0], X[0, 1, :3])),
        (lambda x, y: torch.meshgrid(x, y, indexing="xy"), (X[0, 0], X[0, 1, :3])),
        (nn.LSTMCell(8, 4), (X[0],)),
        (nn.GRUCell(8, 4), (X[0],)),
        (nn.RNNCell(8, 4, bias=False, nonlinearity="relu"), (X[0],)),
    ],
)
def test_compositions(function, args):
    module = function if isinstance(function, nn.Module) else Calls(function)
    found = torch.onnx.export(module.eval(), args)(*args)
    wanted = [x.detach() for x in pytree.tree_leaves(module(*args))]
    assert len(found) == len(wanted)
    for x, y in zip(found, wanted):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-5, atol=1e-6)


def test_a_model_goes_into_an_open_file():
    buffer, layer, x = io.BytesIO(), nn.Linear(8, 2), X[0]
    torch.onnx.export(layer, (x,), buffer, input_names=["x"])
    session = ort.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(y, layer(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_branches_are_reported_as_what_they_are():
    class Branch(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))

    with pytest.raises(torch.onnx.errors.UnsupportedOperatorError, match="cond"):
        torch.onnx.export(Branch(), (X,))
