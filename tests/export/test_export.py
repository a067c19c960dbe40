"""Exported programs; texts and errors recorded from PyTorch 2.14.1."""

import io
from dataclasses import dataclass

import pytest

import flambeau as torch
from flambeau import export, nn
from flambeau._dynamo.exc import UserError
from flambeau.export import Dim
from flambeau.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.register_buffer("b", torch.ones(3))

    def forward(self, x, *, y=None):
        h = self.lin(x).relu()
        if y is not None:
            h = h + y
        self.b.add_(1)
        return {"o": h, "p": [h + self.b, x]}


@pytest.fixture
def program():
    return export.export(Small(), (torch.rand(2, 4),), {"y": torch.rand(3)})


SIGNATURE = """
# inputs
p_lin_weight: PARAMETER target='lin.weight'
p_lin_bias: PARAMETER target='lin.bias'
b_b: BUFFER target='b' persistent=True
x: USER_INPUT
y: USER_INPUT

# outputs
add: USER_OUTPUT
add_1: USER_OUTPUT
x: USER_OUTPUT
"""


def test_signatures_are_pytorchs(program):
    signature = program.graph_signature
    assert str(signature) == SIGNATURE
    assert signature.user_inputs == ("x", "y")
    assert signature.parameters == ("lin.weight", "lin.bias")
    assert signature.buffers == ("b",)
    assert signature.inputs_to_parameters["p_lin_bias"] == "lin.bias"
    assert list(program.state_dict) == ["lin.weight", "lin.bias", "b"]
    assert [name for name, _ in program.named_parameters()] == ["lin.weight", "lin.bias"]


def test_the_module_computes_the_same_and_its_buffers_count(program):
    module, x, y = Small(), torch.rand(2, 4), torch.rand(3)
    module.load_state_dict(program.state_dict)
    assert module.b.tolist() == [1.0, 1.0, 1.0]  # tracing put it back
    made = program.module()
    mine, wanted = made(x, y=y), module(x, y=y)
    assert torch.equal(mine["o"], wanted["o"])
    assert torch.equal(mine["p"][0], wanted["p"][0])
    assert list(made.state_dict()) == ["b", "lin.weight", "lin.bias"]
    mine["o"].sum().backward()
    assert made.lin.weight.grad is not None


def test_calls_are_checked(program):
    x, y = torch.rand(2, 4), torch.rand(3)
    with pytest.raises(RuntimeError, match="Unable to call ExportedProgram directly"):
        program(x)
    made = program.module()
    with pytest.raises(AssertionError, match=r"Guard failed: x.size\(\)\[0\] == 2"):
        made(torch.rand(3, 4), y=y)
    with pytest.raises(AssertionError, match=r"Guard failed: y.dim\(\) == 1"):
        made(x, y=torch.rand(2, 3))
    with pytest.raises(ValueError, match="kwarg keyword mismatch"):
        made(x)
    for change in (made.eval, made.train):
        with pytest.raises(NotImplementedError, match="not supported"):
            change()
    assert program.module(check_guards=False)(torch.rand(3, 4), y=y)["o"].shape == (3, 3)


def test_printing(program):
    text = str(program)
    assert text.startswith("ExportedProgram:\n    class GraphModule(torch.nn.Module):\n")
    assert 'b_b: "f32[3]", x: "f32[2, 4]", y: "f32[3]"):' in text
    assert f"# File: {__file__}:" in text
    assert "code: self.b.add_(1)" in text
    assert "Range constraints: {}" in text


@pytest.mark.parametrize(
    "shapes",
    [
        {"x": {0: Dim("batch", min=2, max=64)}, "y": None},
        {"x": (Dim("batch", min=2, max=64), None), "y": None},
        {"x": {0: Dim.DYNAMIC(min=2, max=64)}, "y": None},
        {"x": {0: Dim.AUTO(min=2, max=64)}, "y": None},
    ],
)
def test_sizes_stay_open(shapes):
    module = Small()
    args = (torch.rand(4, 4),), {"y": torch.rand(3)}
    program = export.export(module, *args, dynamic_shapes=shapes)
    assert str(program.range_constraints) == "{s0: VR[2, 64]}"
    assert 'x: "f32[s0, 4]"' in str(program)
    assert 'add: "f32[s0, 3]"' in str(program)
    made = program.module()
    x, y = torch.rand(7, 4), torch.rand(3)
    assert torch.equal(made(x, y=y)["o"], module(x, y=y)["o"])
    with pytest.raises(AssertionError, match=r"Guard failed: x.size\(\)\[0\] <= 64"):
        made(torch.rand(65, 4), y=y)


class Sized(nn.Module):
    def forward(self, x, z):
        flat = x.view(x.shape[0], -1)
        return torch.cat([flat, z], 1).sum(0), torch.zeros(x.shape[0] * 2) + flat.shape[1]


def test_sizes_follow_from_each_other():
    n = Dim("n")
    shapes = ({0: n, 1: Dim("m")}, {0: n})
    args = torch.rand(3, 2, 4), torch.rand(3, 5)
    made = export.export(Sized(), args, dynamic_shapes=shapes).module()
    others = torch.rand(6, 3, 4), torch.rand(6, 5)
    for mine, wanted in zip(made(*others), Sized()(*others)):
        torch.testing.assert_close(mine, wanted)
    with pytest.raises(AssertionError, match=r"z.size\(\)\[0\] == 6"):
        made(others[0], torch.rand(5, 5))

    class Pairs(nn.Module):
        def forward(self, a, b):
            return a[::2] + b

    pairs = export.export(
        Pairs(), (torch.rand(6), torch.rand(3)), dynamic_shapes=({0: 2 * n}, {0: n})
    ).module()
    assert pairs(torch.ones(10), torch.ones(5)).shape == (5,)
    with pytest.raises(AssertionError, match="Guard failed"):
        pairs(torch.ones(9), torch.ones(5))


class Fixed(nn.Module):
    def forward(self, x):
        return x.reshape(len(x), -1)[: int(x.shape[0]) - 1] * len(range(x.shape[0]))


def test_sizes_that_the_module_fixes_are_found():
    with pytest.raises(UserError, match=r"Constraints violated \(batch\)"):
        export.export(Fixed(), (torch.rand(4, 2),), dynamic_shapes=({0: Dim("batch")},))
    static = export.export(Fixed(), (torch.rand(4, 2),), dynamic_shapes=({0: Dim.AUTO},))
    assert static.range_constraints == {}


def test_examples_out_of_bounds_are_found():
    for dim, size in ((Dim("n", max=3), 4), (Dim("n", min=5), 4)):
        with pytest.raises(UserError, match="Constraints violated"):
            export.export(Small(), (torch.rand(size, 4),), dynamic_shapes=({0: dim},))
    with pytest.raises(UserError, match="dynamic_shapes"):
        export.export(Small(), (torch.rand(2, 4),), dynamic_shapes={"q": None})
    with pytest.raises(AssertionError, match="inconsistent"):
        Dim("n", min=3, max=2)
    assert repr(Dim("n")) == "Dim('n', min=0)"
    assert repr(2 * Dim("n") + 1) == "2*n+1"
    assert [d.__name__ for d in export.dims("a", "b")] == ["a", "b"]


class Choosing(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def test_flow_by_values_is_refused_or_kept():
    with pytest.raises(GuardOnDataDependentSymNode, match="data-dependent"):
        export.export(Choosing(), (torch.ones(3),))
    with pytest.warns(UserWarning, match="__bool__"):
        draft = export.draft_export(Choosing(), (torch.ones(3),))
    assert draft._report == ["__bool__"]
    assert draft.module()(torch.ones(3)).tolist() == [2.0, 2.0, 2.0]


def test_only_modules_and_tuples_are_exported():
    with pytest.raises(ValueError, match="Expected `mod` to be an instance of"):
        export.export(lambda x: x, (1,))
    with pytest.raises(UserError, match="Expecting `args` to be a tuple"):
        export.export(Small(), torch.rand(2, 4))


class Held(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("unsaved", torch.ones(2), persistent=False)
        self.plain = torch.tensor([3.0, 4.0])

    def forward(self, x, scale, shift=1):
        return (
            (x["a"] * scale + x["b"][0]) * self.unsaved
            + self.plain
            + torch.tensor([1.0, 1.0])
            + shift
        )


def test_constants_numbers_and_nestings():
    args = ({"a": torch.ones(2), "b": [torch.ones(2)]}, 3.0)
    program = export.export(Held(), args)
    signature = program.graph_signature
    assert signature.non_persistent_buffers == {"unsaved"}
    assert signature.lifted_tensor_constants == ("plain", "lifted_tensor_0")
    assert signature.user_inputs == ("x_a", "x_b_0", 3.0)
    assert sorted(program.constants) == ["lifted_tensor_0", "plain", "unsaved"]
    assert program.state_dict == {}
    made = program.module()
    assert made(*args).tolist() == Held()(*args).tolist() == [9.0, 10.0]
    with pytest.raises(AssertionError, match=r"Guard failed: scale == 3\.0"):
        made(args[0], 4.0)


def test_batch_normalisation_in_training_puts_statistics_back():
    model = nn.BatchNorm1d(3)
    program = export.export(model, (torch.rand(4, 3),))
    assert model.num_batches_tracked == 0
    made = program.module()
    x = torch.rand(4, 3)
    torch.testing.assert_close(made(x), nn.BatchNorm1d(3)(x))
    assert made.num_batches_tracked == 1


@pytest.mark.parametrize("dynamic", [False, True])
def test_files_hold_a_program(dynamic, tmp_path):
    shapes = {"x": {0: Dim("n")}, "y": None} if dynamic else None
    args = (torch.rand(2, 4),), {"y": torch.rand(3)}
    program = export.export(Small(), *args, dynamic_shapes=shapes)
    export.save(program, tmp_path / "made.pt2", extra_files={"note": "text"})
    extra = {"note": ""}
    loaded = export.load(tmp_path / "made.pt2", extra_files=extra)
    assert extra == {"note": "text"}
    assert str(loaded.graph_signature) == str(program.graph_signature)
    assert str(loaded.range_constraints) == str(program.range_constraints)
    x, y = torch.rand(5 if dynamic else 2, 4), torch.rand(3)
    mine, wanted = loaded.module()(x, y=y), program.module()(x, y=y)
    assert torch.equal(mine["o"], wanted["o"])
    assert isinstance(loaded.state_dict["lin.weight"], nn.Parameter)


def test_other_files_are_explained(tmp_path):
    with pytest.raises(TypeError, match="must be an instance of 'ExportedProgram'"):
        export.save(Small(), io.BytesIO())
    import zipfile

    with zipfile.ZipFile(tmp_path / "their.pt2", "w") as archive:
        archive.writestr("their/archive_format", "pt2")
    with pytest.raises(RuntimeError, match="exported by PyTorch"):
        export.load(tmp_path / "their.pt2")


def test_functions_are_taken_apart():
    program = export.export(nn.Sequential(nn.Linear(4, 2), nn.SiLU()), (torch.rand(3, 4),))
    table = {nn.functional.silu: lambda input, inplace=False: input * torch.sigmoid(input)}
    apart = program.run_decompositions(table)
    targets = [n.target for n in apart.graph.nodes if n.op == "call_function"]
    assert torch.sigmoid in targets
    assert nn.functional.silu not in targets
    x = torch.rand(3, 4)
    torch.testing.assert_close(apart.module()(x), program.module()(x))
    assert str(program.run_decompositions().graph) == str(program.graph)


def test_an_unflattened_module_trains_its_own_parameters(program):
    module = export.unflatten(program)
    x, y = torch.rand(2, 4), torch.rand(3)
    torch.testing.assert_close(module(x, y=y)["o"], program.module()(x, y=y)["o"])
    module.lin.weight.data.zero_()
    assert program.state_dict["lin.weight"].abs().sum() > 0
    assert sorted(module.state_dict()) == ["b", "lin.bias", "lin.weight"]


def test_collections_of_shapes():
    x, z = torch.rand(3, 2, 4), torch.rand(3, 5)
    shapes = export.ShapesCollection()
    shapes[x] = {0: Dim("n"), 1: Dim("m")}
    shapes[z] = {0: Dim("n")}
    program = export.export(Sized(), (x, z), dynamic_shapes=shapes)
    assert len(program.range_constraints) == 2
    more = export.AdditionalInputs()
    more.add((torch.rand(5, 2, 4), torch.rand(5, 5)))
    linear = export.export(nn.Linear(4, 2), (torch.rand(3, 4),), dynamic_shapes=None)
    assert linear.range_constraints == {}
    assert more.dynamic_shapes(Sized(), (x, z))["x"] == {0: Dim.DYNAMIC, 1: None, 2: None}


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x, y):
        z = torch.cond(x.sum() > 0, lambda x: self.up(x) + y, lambda x: self.down(x).relu(), (x,))
        return z * 2


@pytest.mark.parametrize("again", [False, True])
def test_both_branches_of_cond_stay_in_the_graph(again, tmp_path):
    module = Branching()
    x, y = torch.rand(4, 3), torch.rand(2)
    program = export.export(module, (x, y), dynamic_shapes={"x": {0: Dim("n")}, "y": None})
    if again:
        export.save(program, tmp_path / "cond.pt2")
        program = export.load(tmp_path / "cond.pt2")
    made = program.module()
    for other in (torch.rand(5, 3), -torch.rand(2, 3)):
        assert torch.equal(made(other, y), module(other, y))
    targets = [n.target for n in program.graph.nodes if n.op in ("get_attr", "call_function")]
    assert targets[2:5] == ["true_graph_0", "false_graph_0", torch.cond]
    made(x, y).sum().backward()
    assert made.up.weight.grad is not None
    assert list(program.constants) == []


def test_cond_without_a_trace_is_a_choice():
    x = torch.ones(2)
    assert torch.cond(False, torch.sin, torch.neg, (x,)).tolist() == [-1.0, -1.0]
    with pytest.raises(RuntimeError, match="single-element"):
        torch.cond(x, torch.sin, torch.cos, (x,))
    with pytest.raises(RuntimeError, match="callable"):
        torch.cond(True, 1, torch.cos, (x,))


@dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


def test_dataclasses_among_arguments_and_results():
    torch.export.register_dataclass(Pair)

    class Swap(nn.Module):
        def forward(self, pair):
            return Pair(pair.right + 1, pair.left)

    x, y = torch.ones(1), torch.zeros(2)
    program = torch.export.export(Swap(), (Pair(x, y),))
    assert program.graph_signature.user_inputs == ("pair_left", "pair_right")
    found = program.module()(Pair(x, y))
    assert (found.left.tolist(), found.right.tolist()) == ([1, 1], [1])


def test_names_of_arguments_and_constants(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.full((2,), 3.0)

        def forward(self, input):
            return input * self.scale + torch.tensor(1.0)

    program = torch.export.export(Scaled(), (torch.ones(2),))
    torch.export.save(program, tmp_path / "scaled.pt2")
    for one in (program, torch.export.load(tmp_path / "scaled.pt2")):
        assert one.graph_signature.user_inputs == ("input",)
        assert [n.name for n in one.graph.find_nodes(op="placeholder")][-1] == "input"
        assert sorted(one.constants) == ["lifted_tensor_0", "scale"]
        assert one.module()(torch.ones(2)).tolist() == [4, 4]


def test_unnamed_open_sizes_that_the_module_wants_equal_are_one():
    class Product(nn.Module):
        def forward(self, x, y):
            return x @ y

    Dim = torch.export.Dim
    shapes = ({0: Dim.AUTO, 1: Dim.DYNAMIC}, {0: Dim.AUTO, 1: Dim.STATIC})
    examples = torch.rand(3, 4), torch.rand(4, 5)
    run = torch.export.export(Product(), examples, dynamic_shapes=shapes).module()
    assert run(torch.rand(6, 7), torch.rand(7, 5)).shape == (6, 5)
    with pytest.raises(AssertionError, match="Guard failed"):
        run(torch.rand(6, 7), torch.rand(8, 5))
