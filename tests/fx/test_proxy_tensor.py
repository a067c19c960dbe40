"""make_fx: graphs of runs with values. A graph has to do with other arguments what the program does."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.fx.experimental.proxy_tensor import get_proxy_mode, make_fx


def leaves(x):
    return [leaf for item in x for leaf in leaves(item)] if isinstance(x, (tuple, list)) else [x]


def assert_graph_computes(program, example, others, mode="real"):
    graph = make_fx(program, tracing_mode=mode)(*example)
    for mine, wanted in zip(leaves(graph(*others)), leaves(program(*others)), strict=True):
        torch.testing.assert_close(mine, wanted)
    return graph


def image(*shape):
    return torch.rand(shape)


LAYERS = {
    "Linear": (lambda: nn.Linear(4, 3), (2, 4)),
    "Bilinear": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh()), (2, 4)),
    "Conv2d": (lambda: nn.Conv2d(1, 2, 3, padding=1), (1, 1, 5, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(1, 2, 2), (1, 1, 3, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2).eval(), (2, 2, 3, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2), (2, 2, 5)),
    "LayerNorm": (lambda: nn.LayerNorm(4), (2, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(4), (2, 4)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), (2, 4, 3, 3)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (1, 1, 4, 4)),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), (1, 1, 4)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), (1, 1, 5, 5)),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(2), (1, 1, 5)),
    "LPPool1d": (lambda: nn.LPPool1d(2, 2), (1, 1, 4)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="nearest"), (1, 1, 3, 3)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (1, 4, 2, 2)),
    "Unfold": (lambda: nn.Unfold(2), (1, 1, 3, 3)),
    "Fold": (lambda: nn.Fold((3, 3), 2), (1, 4, 4)),
    "ReflectionPad1d": (lambda: nn.ReflectionPad1d(1), (1, 2, 4)),
    "LSTM": (lambda: nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True), (2, 5, 4)),
    "LSTM with projections": (lambda: nn.LSTM(4, 3, proj_size=2), (2, 5, 4)),
    "GRU": (lambda: nn.GRU(4, 3), (2, 5, 4)),
    "RNN": (lambda: nn.RNN(4, 3, nonlinearity="relu"), (2, 5, 4)),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), (2, 4)),
    "GRUCell": (lambda: nn.GRUCell(4, 3), (2, 4)),
    "RNNCell": (lambda: nn.RNNCell(4, 3), (2, 4)),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(),
        (2, 5, 4),
    ),
    "GLU": (lambda: nn.GLU(), (2, 4)),
    "PReLU": (lambda: nn.PReLU(), (2, 4)),
    "Softmax2d": (lambda: nn.Softmax2d(), (1, 2, 3, 3)),
    "AdaptiveLogSoftmaxWithLoss": (
        lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 2))),
        (2, 4),
    ),
    "Weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), (2, 4)),
    "Spectral norm": (
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)).eval(),
        (2, 4),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_graphs_of_layers_compute_what_the_layers_do(name):
    make, shape = LAYERS[name]
    assert_graph_computes(make(), (image(*shape),), (image(*shape),))


def test_pairs_of_arguments():
    attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
    assert_graph_computes(attention, [image(2, 3, 4)] * 3, [image(2, 3, 4)] * 3)
    embedding = nn.Embedding(5, 3)
    assert_graph_computes(embedding, (torch.tensor([1, 2]),), (torch.tensor([3, 0]),))
    loss = nn.CrossEntropyLoss()
    target = torch.tensor([1, 0])
    assert_graph_computes(loss, (image(2, 3), target), (image(2, 3), target))


def test_a_network_of_recurrences_is_one_node():
    graph = make_fx(nn.LSTM(4, 3))(image(2, 5, 4))
    assert torch.lstm in [n.target for n in graph.graph.nodes]


def test_flow_by_shapes_writes_in_place_and_views():
    def program(x, w):
        y = torch.relu(x @ w) + 1
        if y.shape[0] == 2:
            y = F.gelu(y)
        y += 1
        z = y.clone()
        z[0] = 3
        a, b = z.split(1)
        return y.sum(), y[:, 0:1].reshape(-1), z.T, a - b, 1 / y, torch.tensor([1.0, 2.0, 3.0]) + y

    example = image(2, 4), image(4, 3)
    graph = assert_graph_computes(program, example, (image(2, 4), image(4, 3)))
    assert graph.code.count("gelu") == 4
    assert graph._tensor_constant0.tolist() == [1.0, 2.0, 3.0]


def test_sizes_stay_open_where_asked():
    def program(x):
        flat = x.view(x.shape[0] * x.size(1), -1) + x.shape[2]
        return flat, x.reshape(-1, x.numel() // 2), torch.arange(x.shape[1]), (*x.shape[:1], 7)

    def tensors(x):
        return program(x)[:3]

    assert_graph_computes(tensors, (image(2, 5, 8),), (image(3, 2, 4),), "symbolic")
    fixed = make_fx(tensors)(image(2, 5, 8))
    with pytest.raises(RuntimeError):
        fixed(image(3, 2, 4))


@pytest.mark.parametrize(
    "ask", ["bool(x.sum() > 0)", "x.sum().item()", "float(x[0])", "x.tolist()"]
)
def test_numbers_of_tensors_are_refused(ask):
    with pytest.raises(RuntimeError, match="trying to get value out of a tracing tensor"):
        make_fx(eval(f"lambda x: x * int(bool({ask}))", {}))(torch.ones(2))


def test_numbers_of_constants_are_not():
    constant = torch.tensor([2.0])
    graph = assert_graph_computes(lambda x: x * float(constant), (image(2),), (image(2),))
    assert [n.op for n in graph.graph.nodes] == ["placeholder", "call_function", "output"]


def test_what_nodes_were_like_is_noted():
    graph = make_fx(lambda x: (x @ x, x.max(0)))(image(3, 3))
    found = [n.meta["val"] for n in graph.graph.nodes if n.op == "call_function"]
    assert found[0].device.type == "meta"
    assert (found[0].shape, found[0].dtype) == ((3, 3), torch.float32)
    assert get_proxy_mode() is None


def test_gradients_flow_through_a_graph():
    layer = nn.Linear(3, 2)
    graph = make_fx(layer)(image(2, 3))
    graph(image(2, 3)).sum().backward()
    assert layer.weight.grad is not None
    with pytest.raises(AssertionError, match="tracing type"):
        make_fx(layer, tracing_mode="other")
