"""Changes of graphs: patterns, parts, fusion. Texts recorded from PyTorch 2.14.1."""

from __future__ import annotations

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import fx, nn
from flambeau.fx.experimental.optimization import fuse, remove_dropout
from flambeau.fx.operator_schemas import normalize_function, normalize_module
from flambeau.fx.passes.graph_drawer import FxGraphDrawer
from flambeau.fx.passes.infra.pass_base import PassBase, PassResult
from flambeau.fx.passes.infra.pass_manager import PassManager, pass_result_wrapper
from flambeau.fx.passes.operator_support import OperatorSupport
from flambeau.fx.passes.shape_prop import ShapeProp
from flambeau.fx.passes.split_module import split_module
from flambeau.fx.passes.tools_common import get_node_target, stable_topological_sort
from flambeau.fx.subgraph_rewriter import replace_pattern_with_filters


def body(module):
    return [line.strip() for line in module.code.strip().splitlines()[1:]]


def test_each_place_of_a_pattern_is_replaced():
    def program(x, w1, w2):
        a = torch.cat([w1, w2]).sum()
        b = torch.cat([w1, w2]).sum()
        return x + torch.max(a) + torch.max(b)

    traced = fx.symbolic_trace(program)
    found = fx.replace_pattern(
        traced, lambda a, b: torch.cat([a, b]).sum(), lambda a, b: torch.stack([a, b])
    )
    assert len(found) == 2
    assert found[0].anchor.name == "sum_1"
    assert body(traced) == [
        "stack = torch.stack([w1, w2])",
        "max_1 = torch.max(stack);  stack = None",
        "add = x + max_1;  x = max_1 = None",
        "stack_1 = torch.stack([w1, w2]);  w1 = w2 = None",
        "max_2 = torch.max(stack_1);  stack_1 = None",
        "add_1 = add + max_2;  add = max_2 = None",
        "return add_1",
    ]


def test_places_that_share_nodes_are_replaced_once():
    traced = fx.symbolic_trace(lambda x: torch.relu(torch.relu(torch.relu(x))))
    found = fx.replace_pattern(traced, lambda x: torch.relu(torch.relu(x)), lambda x: torch.relu(x))
    assert len(found) == 1
    assert [n.target for n in traced.graph.nodes].count(torch.relu) == 2


def test_literals_and_filters_decide():
    def program(x, y):
        return x * 2 + y, x * 3 + y

    def pattern(a, b):
        return a * 2 + b

    traced = fx.symbolic_trace(program)
    assert len(fx.replace_pattern(traced, pattern, lambda a, b: torch.add(a, b))) == 1
    traced = fx.symbolic_trace(program)
    any_number = replace_pattern_with_filters(
        traced, pattern, lambda a, b: torch.add(a, b), ignore_literals=True
    )
    assert [len(m.replacements) for m in any_number] == [1, 1]
    traced = fx.symbolic_trace(program)
    never = replace_pattern_with_filters(
        traced, pattern, lambda a, b: torch.add(a, b), [lambda m, g, p: False]
    )
    assert never == []


def test_a_pattern_that_others_look_into_is_left():
    def program(x):
        y = x.sin()
        return y.cos(), y

    traced = fx.symbolic_trace(program)
    assert fx.replace_pattern(traced, lambda x: x.sin().cos(), lambda x: x.tan()) == []


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.l, self.p = nn.Linear(3, 3), nn.Parameter(torch.ones(3))

    def forward(self, x, y):
        z = self.l(x + self.p).clamp(min=0.0, max=1.0)
        w = self.l(z).relu()
        return w * y, z


def test_a_module_is_split_as_pytorch_does():
    module = Parts()
    count = iter(range(100))
    split = split_module(fx.symbolic_trace(module), module, lambda node: next(count) // 3)
    assert body(split) == [
        "p = self.p",
        "submod_0 = self.submod_0(x, p);  x = p = None",
        "submod_1 = self.submod_1(submod_0, y);  y = None",
        "return (submod_1, submod_0)",
    ]
    assert body(split.submod_1) == [
        "l = self.l(clamp);  clamp = None",
        "relu = l.relu();  l = None",
        "mul = relu * y;  relu = y = None",
        "return mul",
    ]
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    for mine, other in zip(split(x, y), module(x, y)):
        assert torch.equal(mine, other)


def test_parts_in_a_circle_are_refused():
    traced = fx.symbolic_trace(lambda x: x.sin().cos().tan())
    with pytest.raises(RuntimeError, match="cycle"):
        split_module(traced, None, lambda node: node.name == "cos")


def test_normalisation_is_fused_into_convolution():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout())
    x = torch.rand(2, 1, 5, 5)
    model(x)  # statistics that are not 0 and 1
    fused = fuse(model.eval())
    assert [n.target for n in fused.graph.nodes if n.op == "call_module"] == ["0", "2", "3"]
    torch.testing.assert_close(fused(x), model(x))
    assert len(list(remove_dropout(model).children())) == 3


def test_shapes_are_propagated():
    traced = fx.symbolic_trace(nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
    ShapeProp(traced).propagate(torch.rand(3, 4))
    found = [n.meta["tensor_meta"] for n in traced.graph.nodes]
    assert [tuple(m.shape) for m in found] == [(3, 4), (3, 2), (3, 2), (3, 2)]
    assert found[0].dtype is torch.float32
    assert found[0].memory_format is torch.contiguous_format
    assert found[1].requires_grad
    with pytest.raises(RuntimeError, match="ShapeProp error for: node=%_0"):
        ShapeProp(traced).propagate(torch.rand(3, 5))


def test_arguments_are_settled_by_signatures():
    settled = normalize_function(F.leaky_relu, (1,), {"inplace": True})
    assert settled.args == (1,)
    assert settled.kwargs == {"negative_slope": 0.01, "inplace": True}
    by_name = normalize_function(torch.add, (1, 2), normalize_to_only_use_kwargs=True)
    assert (by_name.args, by_name.kwargs["input"], by_name.kwargs["alpha"]) == ((), 1, 1)
    layer = nn.Sequential(nn.Linear(2, 2))
    found = normalize_module(layer, "0", (3,), normalize_to_only_use_kwargs=True)
    assert found.kwargs == {"input": 3}
    with pytest.raises(RuntimeError, match="did not have that target"):
        normalize_module(layer, "absent", ())


def test_passes_run_in_order_until_nothing_changes():
    def stop_sines(gm):
        found = gm.graph.find_nodes(op="call_method", target="sin")
        for node in found[:1]:
            node.target = "cos"
        return PassResult(gm, bool(found))

    traced = fx.symbolic_trace(lambda x: x.sin().sin())
    manager = PassManager([stop_sines], steps=5, run_checks_after_each_pass=True)
    result = manager(traced)
    assert result.modified
    assert result.graph_module(torch.zeros(1)).item() == pytest.approx(0.5403023)
    again = PassManager([lambda gm: None])
    with pytest.raises(TypeError, match="pass_result_wrapper"):
        again(traced)
    assert PassManager([pass_result_wrapper(lambda gm: None)])(traced).graph_module is traced
    refused = PassManager([abs, len], constraints=[lambda a, b: a is not abs])
    with pytest.raises(RuntimeError, match="constraint violated"):
        refused(traced)


class Counting(PassBase):
    def requires(self, graph_module):
        graph_module.graph.lint()

    def call(self, graph_module):
        return PassResult(graph_module, len(graph_module.graph.nodes) > 2)


def test_a_pass_is_a_class_with_checks():
    assert Counting()(fx.symbolic_trace(lambda x: x.sin())).modified
    broken = fx.symbolic_trace(lambda x: x.sin())
    x, sin, _ = broken.graph.nodes
    x.prepend(sin)
    with pytest.raises(RuntimeError, match="before it has been defined"):
        Counting()(broken)
    stable_topological_sort(broken)
    assert [n.name for n in broken.graph.nodes] == ["x", "sin", "output"]


def test_supported_nodes_are_told():
    traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    support = OperatorSupport({torch.typename(nn.ReLU): None})
    modules = dict(traced.named_modules())
    x, linear, relu, _ = traced.graph.nodes
    names = [get_node_target(modules, n).rpartition(".")[2] for n in (linear, relu)]
    assert names == ["Linear", "ReLU"]
    assert support.is_node_supported(modules, x)
    assert support.is_node_supported(modules, relu)
    assert not support.is_node_supported(modules, linear)


def test_meta_goes_with_nodes():
    traced = fx.symbolic_trace(lambda x: x.sin())
    traced.graph.find_nodes(op="call_method")[0].meta["note"] = 1
    with fx.traceback.preserve_node_meta():
        made = fx.Transformer(traced).transform()
    assert made.graph.find_nodes(op="call_method")[0].meta["note"] == 1
    with fx.traceback.annotate({"a": 2}):
        other = fx.symbolic_trace(lambda x: x.sin())
    assert other.graph.find_nodes(op="call_method")[0].meta["custom"] == {"a": 2}
    assert fx.traceback.get_current_meta() == {}


def test_pictures_need_pydot():
    try:
        import pydot  # noqa: F401
    except ImportError:
        with pytest.raises(RuntimeError, match="pip install pydot"):
            FxGraphDrawer(fx.symbolic_trace(lambda x: x), "picture")
    else:
        picture = FxGraphDrawer(fx.symbolic_trace(lambda x: x.sin()), "picture").get_dot_graph()
        assert len(picture.get_edges()) == 2
