"""script and trace: classes, warnings, checks and files."""

import copy
import io
import pickle
import warnings
import zipfile

import pytest

import flambeau as torch
from flambeau import jit, nn
from flambeau.jit import _state


@pytest.fixture(autouse=True)
def _warned_already(monkeypatch):
    monkeypatch.setattr(_state, "_warned", ["script"])


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.register_buffer("shift", torch.ones(3))
        self.factor = 2

    def forward(self, x):
        return self.lin(x).relu() * self.factor + self.shift

    def halved(self, x):
        return x / 2


def test_one_warning_in_all(monkeypatch):
    monkeypatch.setattr(_state, "_warned", [])
    with pytest.warns(
        FutureWarning, match=r"`torch.jit.script` is deprecated.*torch.export"
    ) as seen:
        [jit.script(Small()), jit.trace(Small(), torch.ones(1, 4)), jit.script(lambda x: x)]
    assert len(seen) == 1
    assert seen[0].filename == __file__


def test_a_scripted_module_is_the_module_under_another_class():
    module, x = Small(), torch.rand(2, 4)
    scripted = jit.script(module)
    assert isinstance(scripted, jit.ScriptModule)
    assert isinstance(scripted, jit.RecursiveScriptModule)
    assert isinstance(scripted.lin, jit.ScriptModule)
    assert not isinstance(scripted, Small)
    assert torch.equal(scripted(x), module(x))
    assert list(scripted.state_dict()) == list(module.state_dict())
    assert repr(scripted).replace(" ", "") == (
        "RecursiveScriptModule(\noriginal_name=Small\n"
        "(lin):RecursiveScriptModule(original_name=Linear)\n)"
    )
    assert scripted.original_name == "Small"
    assert torch.equal(scripted.halved(x), x / 2)
    assert jit.script(scripted) is scripted
    with pytest.raises(
        AttributeError, match="'RecursiveScriptModule' object has no attribute 'hi'"
    ):
        _ = scripted.hi


def test_both_share_parameters_modes_and_attributes():
    module = Small()
    scripted = jit.script(module)
    scripted.eval()
    assert not module.training
    assert not module.lin.training
    scripted.factor = 5
    scripted.to(torch.float64)
    assert module.factor == 5
    assert module.lin.weight.dtype is torch.float64
    scripted.lin.weight = nn.Parameter(torch.zeros(3, 4, dtype=torch.float64))
    assert module.lin.weight.sum() == 0
    scripted(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
    assert module.lin.weight.grad is not None


def test_copies_are_apart_and_pickles_refused():
    scripted = jit.script(Small())
    other = copy.deepcopy(scripted)
    other.lin.weight.data.zero_()
    assert scripted.lin.weight.abs().sum() > 0
    assert type(other) is type(scripted)
    with pytest.raises(pickle.PickleError, match=r"torch\.jit\.save"):
        pickle.dumps(scripted)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)

    @torch.jit.script
    def doubled(x, n: int = 2):
        """Twice."""
        return x * n

    class Written(jit.ScriptModule):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2))

        @jit.script_method
        def forward(self, x):
            return x * self.w


def test_a_scripted_function_is_called_as_it_is():
    assert isinstance(doubled, jit.ScriptFunction)
    assert doubled(torch.ones(2)).tolist() == [2.0, 2.0]
    assert (doubled.name, doubled.qualified_name) == ("doubled", "__torch__.doubled")
    assert doubled.__doc__ == "Twice."
    assert "mul = x * n" in doubled.code
    assert [n.op for n in doubled.graph.nodes][-1] == "output"


def test_code_of_a_program_with_choices_is_the_programs():
    def program(x):
        return x if x.sum() > 0 else -x

    assert "x.sum() > 0" in jit.script(program).code


@pytest.mark.parametrize(("obj", "kind"), [(3, TypeError), (nn.Linear, RuntimeError)])
def test_what_is_no_program_is_refused(obj, kind):
    with pytest.raises(kind):
        jit.script(obj)


def test_a_trace_runs_the_program_and_has_its_graph():
    module = Small()
    traced = jit.trace(module, torch.rand(2, 4))
    assert isinstance(traced, jit.TopLevelTracedModule)
    assert repr(traced).startswith("Small(\n  original_name=Small")
    x = torch.rand(5, 4)
    assert torch.equal(traced(x), module(x))
    assert torch.equal(traced._graph_module(x), module(x))  # sizes stay open
    assert [n.target for n in traced.graph.nodes if n.op == "get_attr"] == [
        "lin.weight",
        "lin.bias",
        "shift",
    ]


def test_a_trace_says_what_it_cannot_follow():
    def choose(x):
        return x + 1 if x.sum() > 0 else x

    with pytest.warns(jit.TracerWarning, match="Converting a tensor to a Python boolean"):
        jit.trace(choose, torch.ones(2))
    with pytest.warns(
        jit.TracerWarning, match="Output nr 1. of the traced function does not match"
    ):
        jit.trace(lambda x: x + torch.rand(2), torch.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jit.trace(lambda x: x + torch.rand(2), torch.ones(2), check_trace=False)


def test_outputs_of_traces_are_tensors():
    with pytest.raises(RuntimeError, match="Only tensors, lists, tuples of tensors"):
        jit.trace(lambda x: 3, torch.ones(2))
    with pytest.raises(RuntimeError, match="strict=False"):
        jit.trace(lambda x: {"a": x}, torch.ones(2))
    assert jit.trace(lambda x: {"a": x}, torch.ones(2), strict=False)(torch.ones(1))["a"] == 1
    with pytest.warns(jit.TracerWarning, match="a list at the output"):
        jit.trace(lambda x: [x], torch.ones(2))


def test_a_program_can_ask_whether_it_is_traced():
    seen = []
    jit.trace(lambda x: seen.append(jit.is_tracing()) or x, torch.ones(1), check_trace=False)
    assert seen == [True]
    assert not jit.is_tracing()
    assert not jit.is_scripting()


def networks():
    yield jit.script(Small()), (torch.rand(3, 4),)
    yield jit.trace(nn.LSTM(4, 3, batch_first=True), torch.rand(2, 5, 4)), (torch.rand(3, 2, 4),)
    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    yield jit.script(nn.Sequential(*layers, nn.Linear(8, 2)).eval()), (torch.rand(2, 1, 6, 6),)
    yield jit.script(nn.Sequential(nn.Embedding(5, 4), nn.GRU(4, 2))), (torch.tensor([[1], [4]]),)
    yield doubled, (torch.rand(2),)


@pytest.mark.parametrize("i", range(5))
def test_files_hold_the_graph_and_its_tensors(i, tmp_path):
    made, args = list(networks())[i]
    jit.save(made, tmp_path / "made.pt")
    loaded = jit.load(tmp_path / "made.pt")
    assert isinstance(loaded, (jit.ScriptModule, jit.ScriptFunction))
    mine, wanted = loaded(*args), made(*args)
    first = mine[0] if isinstance(mine, tuple) else mine
    assert torch.equal(first, wanted[0] if isinstance(wanted, tuple) else wanted)
    if isinstance(made, jit.ScriptModule):
        assert loaded.state_dict().keys() == made.state_dict().keys()
        assert [p.requires_grad for p in loaded.parameters()] == [True] * len(
            list(made.parameters())
        )


def test_files_go_through_buffers_with_extra_texts():
    buffer = io.BytesIO()
    jit.save(jit.script(Small()), buffer, {"note": "text", "raw": b"1"})
    buffer.seek(0)
    extra = {"note": "", "raw": ""}
    jit.load(buffer, _extra_files=extra)
    assert extra == {"note": b"text", "raw": b"1"}
    assert jit.script(Small()).save_to_buffer()[:2] == b"PK"


def test_what_has_no_graph_cannot_be_saved():
    with pytest.raises(RuntimeError, match=r"torch\.jit\.trace\(module, inputs\)"):
        jit.save(jit.script(lambda x: x if x.sum() > 0 else -x), io.BytesIO())
    with pytest.raises(AttributeError, match="save_to_buffer"):
        jit.save(Small(), io.BytesIO())


def test_archives_of_torchscript_are_explained(tmp_path):
    with zipfile.ZipFile(tmp_path / "their.pt", "w") as archive:
        archive.writestr("their/constants.pkl", b"")
        archive.writestr("their/code/__torch__.py", "")
    with pytest.raises(RuntimeError, match="TorchScript archive of PyTorch"):
        jit.load(tmp_path / "their.pt")
    with pytest.raises(ValueError, match="does not exist"):
        jit.load(tmp_path / "absent.pt")
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(RuntimeError, match=r"none that torch\.jit\.save wrote"):
        jit.load(tmp_path / "other.pt")


@pytest.mark.parametrize(
    "change",
    [
        {"target": "torch.load"},
        {"target": "os.system"},
        {"target": "torch.serialization.load"},
        {"op": "call_method", "target": "__class__"},
        {"op": "call_method", "target": "_array"},
        {"name": "x; import os"},
        {"op": "get_attr", "target": 'a")(), print("'},
    ],
)
def test_a_file_that_was_changed_runs_nothing(change, tmp_path):
    jit.save(doubled, tmp_path / "made.pt")
    data = torch.serialization.read(tmp_path / "made.pt", None)
    node = next(n for n in data["module"]["nodes"] if n["op"] == "call_function")
    node.update(change)
    torch.save(data, tmp_path / "made.pt")
    with pytest.raises(ValueError, match="the file"):
        jit.load(tmp_path / "made.pt")


def test_classes_of_script_modules():
    module = Written()
    assert isinstance(module, jit.ScriptModule)
    assert module(torch.ones(2)).tolist() == [1.0, 1.0]
    assert "mul = x * w" in module.code


def test_frozen_modules_are_copies_for_evaluation():
    scripted = jit.script(Small())
    frozen = jit.freeze(scripted.eval())
    assert list(frozen.state_dict()) == []
    x = torch.rand(2, 4)
    assert torch.equal(frozen(x), scripted(x))
    assert [p.requires_grad for p in scripted.parameters()] == [True, True]
    kept = jit.freeze(scripted, preserved_attrs=["lin.weight"])
    assert [name for name, _ in kept.named_parameters()] == ["lin.weight"]
    assert len(list(jit.freeze(scripted, preserve_parameters=True).parameters())) == 2
    with pytest.raises(RuntimeError, match="only implemented for modules in eval mode"):
        jit.freeze(jit.script(Small()))
    assert isinstance(jit.optimize_for_inference(scripted), jit.ScriptModule)
    with pytest.raises(RuntimeError, match="Freezing expects a ScriptModule as input"):
        jit.freeze(Small())


def test_forks_marks_and_settings():
    future = jit.fork(torch.add, torch.ones(2), 1)
    assert jit.wait(future).tolist() == [2.0, 2.0]
    assert jit.annotate(int, 3) == 3
    assert jit.Attribute(3, int).value == 3
    assert jit.isinstance([1], list[int])
    assert not jit.isinstance({"a": "b"}, dict[str, int])
    assert jit.isinstance((1, "a"), tuple[int, str])
    for kind in (list, dict, tuple):
        with pytest.raises(RuntimeError, match="without a contained type"):
            jit.isinstance([1], kind)

    def double(x):
        return 2 * x

    marks = (jit.export, jit.unused, jit.ignore, jit.ignore(drop=True))
    assert all(mark(double) is double for mark in marks)
    before = jit.set_fusion_strategy([("STATIC", 3)])
    assert jit.set_fusion_strategy(before) == [("STATIC", 3)]
    with pytest.raises(RuntimeError, match="STATIC or DYNAMIC"):
        jit.set_fusion_strategy([("OTHER", 1)])
    assert jit.script_if_tracing(abs)(-1) == 1


def test_several_methods_are_traced():
    traced = jit.trace_module(Small(), {"forward": torch.rand(2, 4), "halved": torch.rand(2)})
    assert torch.equal(traced.halved(torch.ones(2)), torch.ones(2) / 2)
    with pytest.raises(AttributeError, match="dictionary of"):
        jit.trace_module(Small(), [1])


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.cell = jit.trace(nn.Linear(4, 4), torch.rand(3, 4))

    def forward(self, xs):
        h = torch.zeros(3, 4)
        for i in range(xs.size(0)):
            h = torch.tanh(self.cell(xs[i]) + h)
        return h


def test_a_scripted_module_gets_a_graph_by_a_trace(tmp_path):
    scripted, xs = jit.script(Loop()), torch.rand(2, 3, 4)
    with pytest.raises(RuntimeError, match="cannot be saved"):
        scripted.save(tmp_path / "loop.pt")
    with pytest.warns(UserWarning, match="already a RecursiveScriptModule"):
        assert jit.trace(scripted, xs) is scripted
    scripted.save(tmp_path / "loop.pt")
    loaded = jit.load(tmp_path / "loop.pt")
    assert torch.equal(loaded(xs), scripted(xs))
    assert sorted(loaded.state_dict()) == ["cell.bias", "cell.weight"]


class Methods(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 2)
        self.other = nn.Linear(4, 3)

    def forward(self, x):
        return self.lin(x)

    @jit.export
    def both(self, x):
        return self.lin(x).sum() + self.other(x).sum()

    def traced(self, x):
        return self.lin(x) + 1


def test_files_hold_exported_and_traced_methods():
    module, x = Methods(), torch.rand(2, 4)
    made = jit.trace_module(module, {"forward": x, "traced": x})
    buffer = io.BytesIO()
    jit.save(made, buffer)
    buffer.seek(0)
    again = jit.load(buffer)
    assert torch.equal(again.both(x), module.both(x))
    assert torch.equal(again.traced(x), module.traced(x))
    assert again.state_dict().keys() == module.state_dict().keys()
    with torch.no_grad():
        again.lin.weight.zero_()
    assert again(x)[0].tolist() == module.lin.bias.tolist()
    assert torch.equal(again.traced(x), again(x) + 1)


def test_a_copys_file_has_the_copys_parameters():
    made = jit.trace(nn.Linear(2, 1), torch.ones(1, 2))
    other = copy.deepcopy(made)
    other.load_state_dict({"weight": torch.zeros(1, 2), "bias": torch.ones(1)})
    buffer = io.BytesIO()
    jit.save(other, buffer)
    buffer.seek(0)
    assert jit.load(buffer)(torch.ones(1, 2)).tolist() == [[1.0]]


def test_load_of_torch_knows_these_files(tmp_path):
    jit.save(jit.script(nn.Linear(2, 1)), tmp_path / "linear.pt")
    with pytest.warns(UserWarning, match=r"torch\.jit\.load"):
        made = torch.load(tmp_path / "linear.pt", weights_only=False)
    assert isinstance(made, jit.ScriptModule)
    with pytest.raises(RuntimeError, match="weights_only=True"):
        torch.load(tmp_path / "linear.pt")
