"""Graphs, nodes and graph modules; messages and texts recorded from PyTorch 2.14.1."""

import copy
import importlib.util
import pickle
import traceback

import pytest

import flambeau as torch
from flambeau import fx, nn
from flambeau.fx.immutable_collections import immutable_dict, immutable_list


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.bn = nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, x, y: int = 2):
        return self.bn(self.lin(x)).relu() + y


@pytest.fixture
def traced():
    return fx.symbolic_trace(Normed().eval())


def small():
    graph = fx.Graph()
    a = graph.placeholder("a")
    b = graph.call_function(torch.add, (a, 1))
    return graph, a, b


def test_nodes_know_their_places_and_users(traced):
    x, y, lin, bn, relu, add, output = traced.graph.nodes
    assert add.all_input_nodes == [relu, y]
    assert list(relu.users) == [add]
    assert (lin.next, lin.prev) == (bn, y)
    assert y.args == (2,)
    assert lin < add
    assert not add < x
    assert traced.graph.output_node() is output
    assert repr(list(reversed(traced.graph.nodes))[:2]) == "[output, add]"
    assert y.format_node() == "%y : int [num_users=1] = placeholder[target=y](default=2)"


def test_erasing_what_is_used_is_refused():
    graph, a, b = small()
    with pytest.raises(RuntimeError, match="Tried to erase Node a but it still had 1 users"):
        graph.erase_node(a)
    graph.erase_node(b)
    graph.erase_node(a)
    assert len(graph.nodes) == 0


def test_arguments_cannot_be_changed_in_place():
    _graph, a, b = small()
    b.args = (a, [1, {"x": 2}])
    assert type(b.args[1]) is immutable_list
    assert type(b.kwargs) is immutable_dict
    with pytest.raises(TypeError, match="'immutable_list' object does not support mutation"):
        b.args[1].append(3)
    with pytest.raises(TypeError, match="'immutable_dict' object does not support mutation"):
        b.kwargs.update(x=1)
    b.update_arg(1, 5)
    b.update_kwarg("alpha", 2)
    b.insert_arg(1, a)
    assert (b.args, b.kwargs) == ((a, a, 5), {"alpha": 2})


def test_lint_finds_foreign_and_late_nodes():
    graph, a, b = small()
    other = fx.Graph()
    other.call_function(torch.add, (a, 1))
    with pytest.raises(RuntimeError, match="does not belong to this Graph"):
        other.lint()
    a.prepend(b)
    with pytest.raises(RuntimeError, match="used before it has been defined"):
        graph.lint()


def test_lint_finds_paths_that_lead_nowhere(traced):
    with pytest.warns(UserWarning, match="does not have"):
        traced.graph.call_module("absent")
    with pytest.raises(RuntimeError, match="references nonexistent attribute absent"):
        traced.graph.lint()


@pytest.mark.parametrize("op", ["foo", ""])
def test_an_unknown_operation_is_refused(op):
    with pytest.raises(AssertionError):
        fx.Graph().create_node(op, "x")


def test_nodes_are_inserted_and_uses_replaced(traced):
    graph = traced.graph
    relu = next(iter(graph.find_nodes(op="call_method", target="relu")))
    with graph.inserting_after(relu):
        negative = graph.call_function(torch.neg, (relu,))
    relu.replace_all_uses_with(negative, lambda user: user is not negative)
    graph.lint()
    traced.recompile()
    x = torch.rand(2, 4)
    reference = Normed()
    reference.lin, reference.bn = traced.lin, traced.bn
    assert torch.equal(traced(x, 0), -reference.eval()(x, 0))
    assert "neg = torch.neg(relu);  relu = None" in traced.code


def test_dead_code_goes_but_checks_and_in_place_writes_stay():
    graph, a, b = small()
    graph.call_method("sin", (b,))
    graph.call_function(torch._assert, (a, "no"))
    import operator

    graph.call_function(operator.setitem, (a, 0, 1))
    graph.output(b)
    assert graph.eliminate_dead_code()
    assert [n.name for n in graph.nodes] == ["a", "add", "_assert", "setitem", "output"]
    assert not graph.eliminate_dead_code()


def test_graphs_are_copied_into_each_other(traced):
    graph = fx.Graph()
    values = {}
    result = graph.graph_copy(traced.graph, values)
    graph.output(result)
    assert len(values) == 6
    assert str(graph) == str(traced.graph)


def test_names_are_free_and_legal():
    graph = fx.Graph()
    made = [graph.placeholder(n).name for n in ("x", "x", "sum", "for", "1a", "a.b", "x_1")]
    assert made == ["x", "x_1", "sum_1", "for_1", "_1a", "a_b", "x_2"]


@pytest.mark.parametrize(
    "again",
    [
        lambda m: pickle.loads(pickle.dumps(m)),
        copy.deepcopy,
        copy.copy,
        fx.symbolic_trace,
        lambda m: fx.Transformer(m).transform(),
    ],
)
def test_copies_and_pickles_compute_the_same(traced, again):
    x = torch.rand(2, 4)
    made = again(traced)
    assert torch.equal(made(x, 1), traced(x, 1))
    assert [n.op for n in made.graph.nodes] == [n.op for n in traced.graph.nodes]
    assert made.graph is not traced.graph or again is copy.copy


def test_a_pickle_of_a_function_that_pickle_cannot_find_says_so():
    graph = fx.Graph()
    graph.output(graph.call_function(lambda: 1, ()))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(fx.GraphModule({}, graph))


def test_the_text_shows_in_tracebacks(traced):
    try:
        traced(torch.rand(3, 5), 1)
    except RuntimeError:
        text = traceback.format_exc()
    assert "lin = self.lin(x);  x = None" in text


def test_printing(traced, capsys):
    assert str(traced).endswith(
        "# To see more debug info, please use `graph_module.print_readable()`"
    )
    assert repr(traced).splitlines()[0] == "Normed("
    from flambeau.fx.passes.shape_prop import ShapeProp

    ShapeProp(traced).propagate(torch.rand(2, 4), 1)
    assert traced.print_readable() + "\n" == capsys.readouterr().out
    lines = traced.print_readable(print_output=False).splitlines()
    assert lines[:4] == [
        "class Normed(torch.nn.Module):",
        '    def forward(self, x: "f32[2, 4]", y : int = 2):',
        "        # No stacktrace found for following nodes",
        '        lin: "f32[2, 3]" = self.lin(x);  x = None',
    ]
    shown = traced.print_readable(False, include_stride=True)
    assert 'bn: "f32[2, 3]" = self.bn(lin)' in shown


def test_a_table_needs_tabulate(traced, capsys):
    pytest.importorskip("tabulate", reason="prints with the package tabulate")
    traced.graph.print_tabular()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["opcode", "name", "target", "args", "kwargs"]
    assert printed[4].split() == ["call_module", "lin", "lin", "(x,)", "{}"]


def test_submodules_are_added_and_deleted(traced):
    assert not traced.delete_submodule("absent")
    assert traced.add_submodule("q.r", nn.ReLU())
    assert not traced.add_submodule("training.x", nn.ReLU())
    traced.delete_all_unused_submodules()
    assert [name for name, _ in traced.named_children()] == ["lin", "bn"]


def test_a_dict_of_attributes_may_be_the_root():
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.output(graph.call_module("a.b", (x,)))
    with pytest.raises(RuntimeError, match=r"referenced? .*target a.b .*not provided"):
        fx.GraphModule({}, graph)
    made = fx.GraphModule({"a.b": nn.ReLU()}, graph, "Named")
    assert made(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert type(made).__name__ == "Named"


def test_a_folder_is_an_importable_package(traced, tmp_path):
    from flambeau import compat

    traced.to_folder(tmp_path / "made", "Made")
    spec = importlib.util.spec_from_file_location("made_by_fx", tmp_path / "made" / "module.py")
    module = importlib.util.module_from_spec(spec)
    compat.install()
    try:
        spec.loader.exec_module(module)
    finally:
        compat.uninstall()
    x = torch.rand(2, 4)
    assert torch.equal(module.Made().eval()(x, 1), traced(x, 1))


def test_generated_lines_may_be_changed(traced):
    def twice(body):
        return [*body[:-1], "add = add * 2\n", body[-1]]

    with traced.graph.on_generate_code(lambda before: twice):
        traced.recompile()
        x = torch.rand(2, 4)
        doubled = traced(x, 1)
    traced.recompile()
    assert torch.equal(doubled, traced(x, 1) * 2)


def test_hooks_see_changes(traced):
    seen = []
    traced._register_create_node_hook(lambda node: seen.append(("made", node.name)))
    traced._register_erase_node_hook(lambda node: seen.append(("erased", node.name)))
    traced._register_replace_node_hook(
        lambda old, new, user: seen.append((old.name, new, user.name))
    )
    relu = traced.graph.find_nodes(op="call_method")[0]
    with traced.graph.inserting_after(relu):
        sin = traced.graph.call_method("sin", relu.args)
    relu.replace_all_uses_with(sin)
    traced.graph.erase_node(relu)
    assert seen == [("made", "sin"), ("relu", "sin", "add"), ("erased", "relu")]


class Sine(fx.Interpreter):
    def call_method(self, target, args, kwargs):
        return super().call_method("sin" if target == "relu" else target, args, kwargs)


def test_interpreters_run_nodes_their_own_way(traced):
    x = torch.rand(2, 4)
    assert torch.equal(fx.Interpreter(traced).run(x, 1), traced(x, 1))
    assert torch.equal(Sine(traced).run(x), traced.bn(traced.lin(x)).sin() + 2)
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter x"):
        fx.Interpreter(traced).run()


def test_an_interpreters_error_names_the_node(traced):
    with pytest.raises(RuntimeError) as error:
        fx.Interpreter(traced).run(torch.rand(2, 5))
    assert "\n\nWhile executing %lin" in str(error.value)


def test_parts_of_a_dict_stand_in_the_order_of_the_graph():
    graph = fx.Graph()
    x = graph.placeholder("x")
    names = [f"part_{i}" for i in range(20)]
    for name in names:
        x = graph.call_module(name, (x,))
    graph.output(x)
    made = fx.GraphModule({name: nn.ReLU() for name in reversed(names)}, graph)
    assert [name for name, _ in made.named_children()] == names


def test_a_graph_module_in_a_checkpoint(tmp_path):
    traced = fx.symbolic_trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    torch.save({"model": traced}, tmp_path / "model.pt")
    with pytest.raises(torch.serialization.SerializationError, match="unpacked_module"):
        torch.load(tmp_path / "model.pt")
    again = torch.load(tmp_path / "model.pt", weights_only=False)["model"]
    x = torch.rand(2, 4)
    assert isinstance(again, fx.GraphModule)
    assert again.code == traced.code
    assert torch.equal(again(x), traced(x))
    assert again.state_dict().keys() == traced.state_dict().keys()


def test_modules_of_the_program_are_no_part_of_a_checkpoint(tmp_path):
    class Own(nn.Module):
        def forward(self, x):
            return x

    class Leaf(fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return True

    root = nn.Sequential(Own())
    traced = fx.GraphModule(root, Leaf().trace(root))
    with pytest.raises(TypeError, match=r"class Own, which is none of torch\.nn's"):
        torch.save(traced, tmp_path / "model.pt")
