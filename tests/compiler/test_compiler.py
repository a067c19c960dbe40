"""Names of PyTorch's compiler and private module; answers are those of torch 2.14.1 where there is an answer."""

import numpy as np
import pytest

import flambeau as torch
import flambeau._dynamo
import flambeau._inductor
from flambeau._dynamo import eval_frame, exc


def double(x):
    return 2 * x


MARKS = (
    torch.compiler.disable,
    torch.compiler.allow_in_graph,
    torch.compiler.assume_constant_result,
    torch.compiler.nonstrict_trace,
    torch.compiler.nested_compile_region,
    torch.compiler.disable(reason="slow"),
    torch.compiler.substitute_in_graph(double),
    torch.compiler.set_stance("force_eager"),
    torch._dynamo.disable,
    torch._dynamo.run,
)


@pytest.mark.parametrize("mark", MARKS)
def test_marks_leave_functions_as_they_are(mark):
    assert mark(double) is double


def test_nothing_is_compiled():
    asked = (
        torch.compiler.is_compiling,
        torch.compiler.is_dynamo_compiling,
        torch.compiler.is_exporting,
        torch._dynamo.is_compiling,
        eval_frame.is_dynamo_supported,
    )
    assert [ask() for ask in asked] == [False] * 5
    assert torch._C._get_tracing_state() is None
    assert torch.compiler.save_cache_artifacts() is None
    for call in (
        lambda: torch.compiler.precompile(double, 1),
        lambda: torch.compiler.load_compiled_function(None),
    ):
        with pytest.raises(torch.compiler.PrecompileError):
            call()
    with pytest.raises(NotImplementedError, match=r"kernels\.explain"):
        torch._dynamo.explain(double)


def test_optimize_is_compile():
    assert torch._dynamo.optimize("eager")(double)(torch.ones(1)).item() == 2
    net = torch._dynamo.optimize()(torch.nn.Linear(1, 1))
    assert isinstance(net, torch._dynamo.OptimizedModule)
    assert eval_frame.OptimizedModule is torch._dynamo.OptimizedModule


def test_backends():
    assert "inductor" in torch.compiler.list_backends()
    torch._dynamo.register_backend(double, "mine")
    assert torch._dynamo.lookup_backend("mine") is double
    assert "mine" in torch._dynamo.list_backends()
    with pytest.raises(exc.InvalidBackend, match="Invalid backend: 'yours'"):
        torch._dynamo.lookup_backend("yours")
    assert torch.compiler.get_default_backend() == "inductor"


def test_settings():
    settings = torch._dynamo.config
    with settings.patch(cache_size_limit=3), settings.patch("verbose", True):
        assert (settings.cache_size_limit, settings.verbose) == (3, True)
    assert (settings.cache_size_limit, settings.verbose) == (8, False)
    with pytest.raises(AttributeError, match=r"torch\._dynamo\.config\.nope does not exist"):
        settings.nope = 1
    with pytest.raises(RuntimeError, match=r"invalid torch\.compile stance 'lazy'"):
        torch.compiler.set_stance("lazy")
    modes = torch._inductor.list_mode_options()
    assert set(modes) == {
        "default",
        "reduce-overhead",
        "max-autotune-no-cudagraphs",
        "max-autotune",
    }


def test_functions_of_arrays():
    assert torch.compiler.wrap_numpy(np.cumsum)(torch.tensor([1, 2, 3])).tolist() == [1, 3, 6]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: torch._check(False, lambda: "why"), RuntimeError, "why"),
        (lambda: torch._check(False, "why"), RuntimeError, "why"),
        (lambda: torch._check(False), RuntimeError, "Expected cond to be True, but got False"),
        (lambda: torch._check(3), TypeError, "cond must be a bool, but got <class 'int'>"),
        (lambda: torch._check_index(False), IndexError, "Expected cond"),
        (lambda: torch._check_value(False), ValueError, "Expected cond"),
        (lambda: torch._check_type(False), TypeError, "Expected cond"),
        (lambda: torch._check_not_implemented(False), NotImplementedError, "Expected cond"),
        (lambda: torch._check_is_size(-1), RuntimeError, "Expected cond"),
        (lambda: torch._check_tensor_all(torch.tensor([True, False])), RuntimeError, "Expected"),
        (lambda: torch._C.Value(), NotImplementedError, "no TorchScript"),
        (lambda: torch._C.nothing, AttributeError, "module 'torch._C' has no attribute 'nothing'"),
        (lambda: torch.SymInt(3), TypeError, "not known yet"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_numbers():
    found = [
        torch.sym_max(3, 4.0),
        torch.sym_min(3, 4.0),
        torch.sym_int(-3.7),
        torch.sym_float(3),
        torch.sym_not(True),
        torch.sym_ite(True, 1, 2),
        torch.sym_sum([1, 2]),
        torch.sym_sum(1, 2),
        torch.sym_sqrt(4),
    ]
    assert found == [4.0, 3.0, -3, 3.0, False, 1, 3, 3, 2.0]
    assert [type(x) for x in found[:2]] == [float, float]
    assert not isinstance(3, torch.SymInt)
    torch._check(True)


def test_how_module_to_reads_its_arguments():
    parse = torch._C._nn._parse_to
    assert parse("cpu", torch.float64, True) == (torch.device("cpu"), torch.float64, True, None)
    assert parse(torch.float16) == (None, torch.float16, False, None)
    assert parse(torch.ones(1)) == (torch.ones(1).device, torch.float32, False, None)
    assert parse(memory_format=torch.channels_last)[3] is torch.channels_last
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        parse(colour=1)


def test_private_names():
    C = torch._C
    assert C._TensorMeta is type(torch.Tensor)
    assert C._VariableFunctions.add is torch.add
    assert C.DispatchKeySet(C.DispatchKey.CPU).has(C.DispatchKey.CPU)
    x = torch.ones(2)
    assert C._is_alias_of(x, x[1:])
    assert not C._is_alias_of(x, x.clone())
    with (
        torch.autocast("cpu"),
        C._ExcludeDispatchKeyGuard(C.DispatchKeySet(C.DispatchKey.AutocastCPU)),
    ):
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype is torch.float32
    with torch.overrides.BaseTorchFunctionMode():
        assert C._len_torch_function_stack() == 1


def test_how_it_was_built():
    assert "flambeau" in torch.__config__.show()
    assert "get_num_threads" in torch.__config__.parallel_info()
