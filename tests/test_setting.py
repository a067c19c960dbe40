"""Settings of the whole library, backends, accelerator, compiler and jit: what they say here."""

import copy
import importlib
import pickle

import pytest

import flambeau as torch


def test_determinism_is_recorded():
    for mode, warn_only, level in ((True, False, 2), (True, True, 1), (False, False, 0)):
        torch.use_deterministic_algorithms(mode, warn_only=warn_only)
        assert torch.are_deterministic_algorithms_enabled() is mode
        assert torch.is_deterministic_algorithms_warn_only_enabled() is warn_only
        assert torch.get_deterministic_debug_mode() == level
    torch.set_deterministic_debug_mode("warn")
    assert torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode(0)
    with pytest.raises(RuntimeError, match="expected one of `default`, `warn`, `error`"):
        torch.set_deterministic_debug_mode("loud")
    with pytest.raises(TypeError, match="must be str or int"):
        torch.set_deterministic_debug_mode(1.5)


def test_precision_and_threads():
    assert torch.get_float32_matmul_precision() == "highest"
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    with pytest.raises(RuntimeError, match="precision"):
        torch.set_float32_matmul_precision("low")
    assert torch.get_num_interop_threads() >= 1
    with pytest.raises(RuntimeError, match="positive number of threads"):
        torch.set_num_interop_threads(0)


@pytest.mark.parametrize("name", ["cudnn", "mps", "mkl", "mkldnn", "openmp"])
def test_other_libraries_are_not_used(name):
    module = importlib.import_module(f"flambeau.backends.{name}")
    assert getattr(torch.backends, name) is module
    assert module.is_available() is False


def test_cudnn_switches_are_attributes():
    cudnn = torch.backends.cudnn
    cudnn.deterministic = True
    with cudnn.flags(benchmark=True):
        assert cudnn.benchmark
        assert not cudnn.deterministic
    assert cudnn.deterministic
    assert not cudnn.benchmark
    cudnn.deterministic = False
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cuda.is_built() is False


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what is said without a GPU")
def test_no_accelerator():
    assert not torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() is None
    assert torch.accelerator.device_count() == 0


def test_compile_of_a_function():
    def double(x, times=2):
        """Twice as much."""
        return times * x

    for compiled in (torch.compile(double), torch.compile(mode="reduce-overhead")(double)):
        assert compiled is not double
        assert compiled.__wrapped__ is compiled._torchdynamo_orig_callable is double
        assert (compiled.__name__, compiled.__doc__) == ("double", "Twice as much.")
        assert compiled(torch.ones(1), times=3).item() == 3
    assert torch.compile(double, disable=True) is double
    assert torch.compile(torch.exp)(torch.zeros(1)).item() == 1
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(3)


def test_compile_of_a_module():
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    layer.note = "inner"
    compiled = torch.compile(layer)
    assert type(compiled).__name__ == "OptimizedModule"
    assert isinstance(compiled, torch.nn.Module)
    assert compiled._orig_mod is layer
    keys = ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert list(compiled.state_dict()) == keys
    assert [name for name, _ in compiled.named_parameters()] == keys
    assert [name for name, _ in compiled.named_children()] == ["_orig_mod"]
    assert compiled.note == "inner"
    compiled.further = 3
    assert layer.further == 3
    del compiled.further
    assert not hasattr(layer, "further")
    compiled.eval()
    assert not layer.training
    assert not layer[1].training
    assert not compiled.training
    x = torch.ones(1, 2)
    assert torch.equal(compiled(x), layer(x))
    compiled.train()
    assert layer.training
    layer.train(False)
    assert not compiled.training
    assert repr(compiled).startswith("OptimizedModule(\n  (_orig_mod): Sequential(")


def test_checkpoints_of_compiled_modules():
    layer, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    compiled = torch.compile(layer)
    torch.compile(other).load_state_dict(compiled.state_dict())
    assert torch.equal(other.weight, layer.weight)
    copied = pickle.loads(pickle.dumps(compiled))
    assert torch.equal(copied._orig_mod.weight, layer.weight)
    assert torch.equal(copy.deepcopy(compiled)(torch.ones(1, 2)), layer(torch.ones(1, 2)))
    with pytest.raises(RuntimeError, match="Unexpected key"):
        compiled.load_state_dict(layer.state_dict())


def test_hooks_of_compiled_modules():
    layer, seen = torch.nn.Linear(2, 2), []
    compiled = torch.compile(layer)
    handle = compiled.register_forward_hook(lambda *given: seen.append(given[0]))
    compiled(torch.ones(1, 2))
    layer(torch.ones(1, 2))
    assert seen == [compiled]
    handle.remove()
    assert layer.compile(mode="default") is None


def test_compiler():
    def double(x):
        return 2 * x

    assert torch.compiler.disable(double) is double
    assert not torch.compiler.is_compiling()
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        torch.compile(double, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(double, mode="default", options={})


def test_torchscript_marks_code_and_nothing_more():
    def double(x):
        return 2 * x

    assert not torch.jit.is_scripting()
    assert not torch.jit.is_tracing()
    assert torch.jit.ignore(double) is torch.jit.ignore()(double) is double
    assert not hasattr(torch.jit, "nothing")
