"""Backends of the program's own: what they get, and that what they give runs."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau import _dynamo, nn
from flambeau._dynamo.exc import InvalidBackend, Unsupported


class Noting:
    """A backend that counts what it compiles."""

    def __init__(self):
        self.inputs = []

    def __call__(self, graph_module, example_inputs):
        self.inputs.append(len(example_inputs))
        return graph_module.forward


def with_cosines(graph_module, example_inputs):
    for node in graph_module.graph.nodes:
        if node.target is torch.sin:
            node.target = torch.cos
    graph_module.recompile()
    return graph_module


def test_a_backend_gets_a_graph_for_each_kind_of_arguments():
    backend, layer = Noting(), nn.Linear(2, 2)
    run = torch.compile(lambda x: layer(x).relu(), backend=backend)
    x = torch.ones(1, 2)
    for _ in range(2):
        assert torch.equal(run(x), layer(x).relu())
    assert len(backend.inputs) == 1
    run(torch.ones(3, 2))
    assert len(backend.inputs) == 2
    run(x).sum().backward()
    found, layer.weight.grad = layer.weight.grad, None
    layer(x).relu().sum().backward()
    assert torch.equal(found, layer.weight.grad)


def test_modules_learn_through_a_backend():
    backend = Noting()
    layer = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model = torch.compile(layer, backend=backend)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = layer[1].weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.rand(4, 2)).pow(2).sum().backward()
        optimizer.step()
    assert layer[1].num_batches_tracked == 3
    assert not torch.equal(layer[1].weight, before)
    model.eval()
    model(torch.rand(4, 2))
    assert len(backend.inputs) == 2
    assert layer[1].num_batches_tracked == 3


def test_what_a_backend_gives_runs_in_place_of_the_function():
    assert torch.compile(lambda x: torch.sin(x), backend=with_cosines)(torch.zeros(2)).tolist() == [
        1,
        1,
    ]
    decorated = torch.compile(backend=with_cosines)(lambda x, k: {"y": torch.sin(x) * k})
    assert decorated(torch.zeros(1), k=3)["y"].tolist() == [3]
    _dynamo.register_backend(with_cosines, name="cosines")
    assert _dynamo.optimize("cosines")(lambda x: torch.sin(x))(torch.zeros(1)).tolist() == [1]
    with pytest.raises(InvalidBackend, match="'absent'"):
        torch.compile(abs, backend="absent")
    assert torch.compile(lambda x: x + 1, backend="aot_eager")(torch.zeros(1)).tolist() == [1]


def test_a_function_without_one_graph_runs_as_it_is():
    def absolute(x):
        return x if x.sum() > 0 else -x

    backend = Noting()
    assert torch.compile(absolute, backend=backend)(-torch.ones(1)).tolist() == [1]
    assert backend.inputs == []
    with pytest.raises(Unsupported, match="no one graph"):
        torch.compile(absolute, backend=backend, fullgraph=True)(torch.ones(1))


def test_modules_compiled_in_place_check_what_they_are_told():
    layer = nn.Linear(2, 1)
    layer.compile(mode="default")
    layer.compile(disable=True)
    assert layer(torch.ones(1, 2)).shape == (1, 1)
    with pytest.raises(InvalidBackend):
        layer.compile(backend="absent")
    with pytest.raises(NotImplementedError, match=r"torch\.compile\(model"):
        layer.compile(backend=Noting())


def test_copies_run_with_their_own_parameters():
    model = torch.compile(nn.Linear(2, 1), backend=Noting())
    x = torch.ones(1, 2)
    model(x)
    other = copy.deepcopy(model)
    other.load_state_dict({"_orig_mod.weight": torch.zeros(1, 2), "_orig_mod.bias": torch.ones(1)})
    assert other(x).tolist() == [[1.0]]
    assert pickle.loads(pickle.dumps(other))(x).tolist() == [[1.0]]
