"""Settings of the whole library, backends, accelerator, compiler and jit: what they say here."""

import importlib

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


def test_compile_gives_the_function_itself():
    def double(x):
        return 2 * x

    layer = torch.nn.Linear(1, 1)
    assert torch.compile(double) is double
    assert torch.compile(mode="reduce-overhead")(double) is double
    assert torch.compile(layer) is layer
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
    with pytest.raises(NotImplementedError, match="has no TorchScript"):
        torch.jit.script(double)
    assert not hasattr(torch.jit, "nothing")
