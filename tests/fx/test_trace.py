"""Tracing: texts of graphs and of generated code are as PyTorch 2.14.1 writes them, recorded from it."""

import operator

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import fx, nn
from flambeau.fx.proxy import GraphAppendingTracer, ParameterProxy, TraceError


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.w = nn.Parameter(torch.rand(3, 3))
        self.register_buffer("b", torch.ones(3))
        self.seq = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x):
        y = self.seq(self.lin(x))
        y = F.relu(y) @ self.w + self.b
        return y.clamp(min=0.0).sum(dim=-1), torch.cat([y, y], 1)[:, 1:]


NETWORK_CODE = """\
def forward(self, x):
    lin = self.lin(x);  x = None
    seq_0 = getattr(self.seq, "0")(lin);  lin = None
    seq_1 = getattr(self.seq, "1")(seq_0);  seq_0 = None
    relu = torch.nn.functional.relu(seq_1, inplace = False);  seq_1 = None
    w = self.w
    matmul = relu @ w;  relu = w = None
    b = self.b
    add = matmul + b;  matmul = b = None
    clamp = add.clamp(min = 0.0)
    sum_1 = clamp.sum(dim = -1);  clamp = None
    cat = torch.cat([add, add], 1);  add = None
    getitem = cat[(slice(None, None, None), slice(1, None, None))];  cat = None
    return (sum_1, getitem)"""

NETWORK_GRAPH = """\
graph():
    %x : [num_users=1] = placeholder[target=x]
    %lin : [num_users=1] = call_module[target=lin](args = (%x,), kwargs = {})
    %seq_0 : [num_users=1] = call_module[target=seq.0](args = (%lin,), kwargs = {})
    %seq_1 : [num_users=1] = call_module[target=seq.1](args = (%seq_0,), kwargs = {})
    %relu : [num_users=1] = call_function[target=torch.nn.functional.relu](args = (%seq_1,), kwargs = {inplace: False})
    %w : [num_users=1] = get_attr[target=w]
    %matmul : [num_users=1] = call_function[target=operator.matmul](args = (%relu, %w), kwargs = {})
    %b : [num_users=1] = get_attr[target=b]
    %add : [num_users=2] = call_function[target=operator.add](args = (%matmul, %b), kwargs = {})
    %clamp : [num_users=1] = call_method[target=clamp](args = (%add,), kwargs = {min: 0.0})
    %sum_1 : [num_users=1] = call_method[target=sum](args = (%clamp,), kwargs = {dim: -1})
    %cat : [num_users=1] = call_function[target=torch.cat](args = ([%add, %add], 1), kwargs = {})
    %getitem : [num_users=1] = call_function[target=operator.getitem](args = (%cat, (slice(None, None, None), slice(1, None, None))), kwargs = {})
    return (sum_1, getitem)"""  # noqa: E501


def test_the_graph_of_a_network_is_pytorchs():
    traced = fx.symbolic_trace(Network())
    assert traced.code == f"\n\n\n{NETWORK_CODE}\n    "
    assert str(traced.graph) == NETWORK_GRAPH


def test_a_traced_network_computes_the_same_with_the_same_parameters():
    network, x = Network(), torch.rand(2, 4)
    traced = fx.symbolic_trace(network)
    assert traced.lin is network.lin
    assert traced.w is network.w
    for mine, other in zip(traced(x), network(x)):
        assert torch.equal(mine, other)
    traced(x)[0].sum().backward()
    assert network.w.grad is not None


def test_functions_are_found_again_by_identity():
    def program(x):
        return torch.relu(F.relu(torch.add(x, 1)) - 2)

    targets = [n.target for n in fx.symbolic_trace(program).graph.nodes if n.op == "call_function"]
    assert targets == [torch.add, F.relu, operator.sub, torch.relu]
    assert targets[1] is F.relu
    assert F.relu is not torch.relu


LINES = {
    "F.dropout(x, 0.1, False)": "torch.nn.functional.dropout(x, p = 0.1, training = False, inplace = False)",
    "F.max_pool2d(x, 2)": "torch.nn.functional.max_pool2d(x, 2, stride = None, padding = 0, dilation = 1, "
    "ceil_mode = False, return_indices = False)",
    "F.softmax(x, dim=1)": "torch.nn.functional.softmax(x, dim = 1, _stacklevel = 3, dtype = None)",
    "F.layer_norm(x, (4,))": "torch.nn.functional.layer_norm(x, (4,), weight = None, bias = None, eps = 1e-05)",
    "F.gelu(x)": "torch._C._nn.gelu(x)",
    "torch.flatten(x, 1)": "torch.flatten(x, 1)",
    "x.new_zeros(3, dtype=torch.float32, device=torch.device('cpu'))": "x.new_zeros(3, dtype = torch.float32, "
    "device = device(type='cpu'))",
    "3 - x": "3 - x",
    "2 ** x": "2 ** x",
    "x // 2": "x // 2",
    "~x": "~x",
    "abs(x)": "_operator_abs(x)",
    "x[..., None, 0:2]": "x[(Ellipsis, None, slice(0, 2, None))]",
    "x.shape": "x.shape",
    "x.foo.bar(1)": "getattr_1.bar(1)",
    "torch.max(x, float('inf'))": "torch.max(x, inf)",
}


@pytest.mark.parametrize("program", LINES)
def test_calls_are_written_as_pytorch_writes_them(program):
    graph = fx.Graph()
    x = fx.Proxy(graph.placeholder("x"))
    graph.output(eval(program, {"F": F, "torch": torch, "x": x}).node)
    code = graph.python_code("self").src
    line = next(n for n in reversed(graph.nodes) if n.op != "output")
    assert f"{line.name} = {LINES[program]};" in code


REFUSED = {
    "[i for i in x]": (TraceError, "cannot be iterated"),
    "1 if x.sum() > 0 else 2": (TraceError, "inputs to control flow"),
    "not x": (TraceError, "inputs to control flow"),
    "len(x)": (RuntimeError, "'len' is not supported"),
    "torch.add(*x)": (TraceError, "cannot be iterated"),
    "torch.add(**x)": (TraceError, "cannot be iterated"),
    "range(x)": (TypeError, "cannot be interpreted as an integer"),
    "float(x)": (TypeError, "a real number"),
    "x.__setitem__": (None, ""),
}


@pytest.mark.parametrize("program", [p for p in REFUSED if REFUSED[p][0]])
def test_what_cannot_be_traced_says_so(program):
    kind, words = REFUSED[program]
    with pytest.raises(kind, match=words):
        fx.symbolic_trace(eval(f"lambda x: {program}", {"torch": torch}))


def test_trace_errors_are_value_errors():
    assert issubclass(TraceError, ValueError)


def test_unpacking_into_names_is_traced():
    def program(x):
        a, b = x
        return a + b

    code = fx.symbolic_trace(program).code
    assert "getitem_1 = x[1];  x = None" in code


def test_tensors_of_the_program_become_attributes():
    traced = fx.symbolic_trace(lambda x: x + torch.tensor([1.0, 2.0]))
    assert traced._tensor_constant0.tolist() == [1.0, 2.0]
    assert traced(torch.ones(2)).tolist() == [2.0, 3.0]


class Repeated(nn.Module):
    def forward(self, x: torch.Tensor, n: int = 2) -> torch.Tensor:
        for i in range(n):
            x = torch.add(x, x, alpha=i)
        return x


def test_concrete_arguments_are_checked_by_the_graph():
    traced = fx.symbolic_trace(Repeated(), concrete_args={"n": 3})
    assert "eq = n_1 == 3;  n_1 = None" in traced.code
    assert traced(torch.ones(2), 3).tolist() == [6.0, 6.0]
    with pytest.raises(AssertionError, match="n has been specialized to have value 3"):
        traced(torch.ones(2), 2)


def test_nestings_are_taken_apart_where_leaves_are_placeholders():
    def program(x, d):
        return x["a"] + d["b"][0]

    traced = fx.symbolic_trace(program, {"x": {"a": fx.PH}, "d": {"b": [fx.PH, 1]}})
    assert "x_1, d_1, d_2, = fx_pytree.tree_flatten_spec([x, d], self._in_spec)" in traced.code
    assert traced({"a": torch.ones(2)}, {"b": [torch.ones(2), 1]}).tolist() == [2.0, 2.0]


def test_arguments_with_stars_and_names_are_placeholders():
    def program(x, *rest, key=None, **more):
        return x, rest, key, more

    targets = [n.target for n in fx.symbolic_trace(program).graph.nodes if n.op == "placeholder"]
    assert targets == ["x", "key", "*rest", "**more"]


def test_a_tracer_may_look_into_layers():
    class Tracer(fx.Tracer):
        def is_leaf_module(self, m, path):
            return False

    graph = Tracer().trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert [n.op for n in graph.nodes][1:4] == ["get_attr", "get_attr", "call_function"]
    assert [n.target for n in graph.nodes if n.op == "get_attr"] == ["0.weight", "0.bias"]


def test_a_tracer_may_answer_questions():
    class Tracer(fx.Tracer):
        def to_bool(self, obj):
            return True

        def iter(self, obj):
            return iter([obj[0], obj[1], obj[2]])

    def program(x):
        return sum(x) if x.sum() > 0 else x

    assert len(fx.GraphModule(nn.Module(), Tracer().trace(program))(torch.ones(3, 2))) == 2


def test_shapes_of_parameters_may_be_constants():
    class Shaped(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3, 2))

        def forward(self, x):
            return x.view(self.w.shape[0], -1) if self.w.size(1) == 2 else x

    with pytest.raises(TraceError):
        fx.Tracer().trace(Shaped())
    graph = fx.Tracer(param_shapes_constant=True).trace(Shaped())
    assert next(n for n in graph.nodes if n.target == "view").args[1:] == (3, -1)
    assert ParameterProxy.__name__ == "ParameterProxy"


def test_asserts_may_be_traced():
    class Tracer(fx.Tracer):
        trace_asserts = True

    scope = {}  # in text of its own: pytest rewrites asserts of this file
    exec("def program(x):\n    assert x.shape[0] == 2\n    return x", scope)
    traced = fx.GraphModule(nn.Module(), Tracer().trace(scope["program"]))
    assert traced(torch.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(AssertionError):
        traced(torch.ones(3))


def test_math_and_wrapped_functions_are_calls():
    def program(x):
        return math_sqrt(x), counted(x, 2)

    traced = fx.symbolic_trace(program)
    names = [n.name for n in traced.graph.nodes if n.op == "call_function"]
    assert names == ["sqrt", "counted"]
    assert traced(4.0 * torch.ones(1))[1] == 3
    with pytest.raises(NotImplementedError, match="top level of a module"):
        fx.wrap("len")


def test_graph_appending_tracer_and_mixed_tracers():
    one, two = fx.Graph(), fx.Graph()
    x = fx.Proxy(one.placeholder("x"), GraphAppendingTracer(one))
    y = fx.Proxy(two.placeholder("y"), GraphAppendingTracer(two))
    assert (x + 1).node.graph is one
    with pytest.raises(RuntimeError, match="multiple different tracers"):
        torch.add(x, y)


def test_the_program_can_ask_whether_it_is_traced():
    from flambeau.fx._symbolic_trace import is_fx_tracing

    seen = []
    fx.symbolic_trace(lambda x: seen.append(is_fx_tracing()) or x)
    assert seen == [True]
    assert not is_fx_tracing()


def test_modules_work_as_before_after_a_trace_that_failed():
    layer = nn.Linear(2, 2)
    with pytest.raises(TraceError):
        fx.symbolic_trace(lambda x: 1 if x else 2)
    assert layer(torch.ones(2)).shape == (2,)
    assert "__call__" not in vars(nn.Module)


from math import sqrt as math_sqrt  # noqa: E402

fx.wrap("math_sqrt")


@fx.wrap
def counted(x, y):
    return len(x) + y


def test_packages_build_traces_of_their_own_from_the_parts():
    from flambeau.fx import _symbolic_trace as parts

    class Tracer(fx.Tracer):
        @parts.compatibility(is_backward_compatible=True)
        def trace(self, root, concrete_args=None):
            self.root, self.graph = root, fx.Graph(tracer_cls=type(self))
            self.tensor_attrs = {}
            function, args = self.create_args_for_root(type(root).forward, True, concrete_args)

            def called(mod, *args, **kwargs):
                def forward(*args, **kwargs):
                    return parts._orig_module_call(mod, *args, **kwargs)

                return self.call_module(mod, forward, args, kwargs)

            with parts._Patcher() as patcher:
                patcher.patch_method(nn.Module, "__call__", called, deduplicate=False)
                parts._patch_wrapped_functions(patcher)
                parts._autowrap_check(patcher, function.__globals__, self._autowrap_function_ids)
                result = function(*args)
            self.create_node("output", "output", (self.create_arg(result),), {})
            return self.graph

    layers = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    traced = fx.GraphModule(layers, Tracer().trace(layers))
    x = torch.rand(3, 2)
    assert torch.equal(traced(x), layers(x))
    assert [n.op for n in traced.graph.nodes][1:3] == ["call_module", "call_module"]
    assert "__call__" not in vars(nn.Module)


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda x: torch.zeros(x.size(0)), "torch.zeros(size)"),
        (lambda x: torch.ones((x.size(0), 2)), "torch.ones((size, 2))"),
        (lambda x: torch.full((2,), x.size(0)), "torch.full((2,), size)"),
        (
            lambda x: torch.arange(x.size(0), device=x.device),
            "torch.arange(size, device = getattr_1)",
        ),
        (lambda x: torch.zeros(2, dtype=x.dtype), "torch.zeros(2, dtype = getattr_1)"),
        (lambda x: torch.randint(0, 5, (x.size(0),)), "torch.randint(0, 5, (size,))"),
        (lambda x: torch.ops.aten.add(x, x), "torch.ops.aten.add(x, x)"),
        (lambda x: torch.ops.aten.relu.default(x), "torch.ops.aten.relu.default(x)"),
        (
            lambda x: torch.ops.aten.add.Tensor(1, other=x),
            "torch.ops.aten.add.Tensor(1, other = x)",
        ),
    ],
)
def test_factories_and_operations_of_proxies(function, line):
    traced = fx.symbolic_trace(function)
    assert line in traced.code
    x = torch.ones(3, 4)
    if "rand" not in line:
        assert torch.equal(traced(x), function(x))


def test_an_operation_of_the_program_is_a_node():
    @torch.library.custom_op("testfx::sine", mutates_args=())
    def sine(x: torch.Tensor) -> torch.Tensor:
        return x.sin()

    traced = fx.symbolic_trace(lambda x: sine(x) + 1)
    assert [node.name for node in traced.graph.nodes] == ["x", "sine_default", "add", "output"]
    assert traced(torch.zeros(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "snake"),
    [("BatchNorm2d", "batch_norm2d"), ("add.Tensor", "add.tensor"), ("ReLU", "re_lu")],
)
def test_names_in_snake_case(name, snake):
    assert fx.node.snake_case(name) == snake
