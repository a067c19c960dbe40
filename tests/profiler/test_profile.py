"""What a profiler records."""

import sys
import threading
import time

import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.profiler import ProfilerActivity, profile, record_function

F = torch.nn.functional


def names(prof):
    return [event.name for event in prof.events()]


def test_names_of_operations():
    x = torch.ones(2, 3)
    with profile() as prof:
        x + x, x - 1, 2 * x, x / x, -x, x**2, x @ x.T, x > 0, x[0]
        torch.exp(x), x.exp(), F.relu(x), x.tanh(), torch.zeros(3), torch.cat([x, x])
        x.sum().item(), x.view(-1), x.clone().add_(1)
    assert names(prof) == [
        *("aten::add", "aten::sub", "aten::mul", "aten::div", "aten::neg", "aten::pow"),
        *("aten::numpy_T", "aten::matmul", "aten::gt", "aten::index"),
        *("aten::exp", "aten::exp", "aten::relu", "aten::tanh", "aten::zeros", "aten::cat"),
        *("aten::sum", "aten::item", "aten::view", "aten::clone", "aten::add_"),
    ]


def test_questions_about_tensors_are_no_operations():
    x = torch.ones(2, 3)
    with profile() as prof:
        x.size(), x.dim(), x.shape, x.is_floating_point(), x.numel(), torch.is_tensor(x), repr(x)
    assert "aten::size" not in names(prof)
    assert not {"aten::dim", "aten::numel", "aten::is_floating_point"} & {*names(prof)}


def test_backward_nodes_with_the_engine_around_them():
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        (x * x).sum().backward()
    engine = "autograd::engine::evaluate_function: "
    assert names(prof) == [
        "aten::mul",
        "aten::sum",
        *(engine + "SumBackward0", "SumBackward0"),
        *(engine + "MulBackward0", "MulBackward0"),
        *(engine + "torch::autograd::AccumulateGrad", "torch::autograd::AccumulateGrad"),
    ]
    by_name = {event.name: event for event in prof.events()}
    assert by_name["MulBackward0"].cpu_parent is by_name[engine + "MulBackward0"]
    assert by_name[engine + "MulBackward0"].cpu_parent is None
    assert by_name["MulBackward0"].sequence_nr == by_name["aten::mul"].sequence_nr >= 0
    assert by_name["MulBackward0"].scope == 1


def test_custom_functions():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        Twice.apply(x).backward(torch.ones(3))
    found = [name for name in names(prof) if "engine" not in name and "ones" not in name]
    assert found == [
        "Twice",
        "aten::mul",
        "TwiceBackward",
        "aten::mul",
        "torch::autograd::AccumulateGrad",
    ]


def test_optimizer_and_loader():
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    loader = torch.utils.data.DataLoader([1.0, 2.0])
    with profile() as prof:
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        list(loader)
    found = names(prof)
    assert found.count("Optimizer.zero_grad#SGD.zero_grad") == 1
    assert found.count("Optimizer.step#SGD.step") == 1
    # PyTorch 2.13 too has one for each batch, and one for the end.
    batch = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"
    assert found.count(batch) == 3


def test_nesting_and_times():
    with profile() as prof, record_function("outer"):
        time.sleep(0.002)
        with record_function("inner"):
            torch.ones(3)
    outer, inner, ones = prof.events()
    assert [event.name for event in (outer, inner, ones)] == ["outer", "inner", "aten::ones"]
    assert outer.cpu_children == [inner]
    assert ones.cpu_parent is inner
    assert outer.self_cpu_time_total >= 2000
    assert outer.cpu_time_total == pytest.approx(outer.self_cpu_time_total + inner.cpu_time_total)
    assert outer.is_user_annotation
    assert not ones.is_user_annotation
    assert outer.time_range.start <= inner.time_range.start <= inner.time_range.end


def test_record_function_without_a_profiler_and_as_decorator():
    @record_function("named")
    def work():
        return torch.ones(2)

    assert work().tolist() == [1, 1]
    with profile() as prof:
        work()
    assert names(prof) == ["named", "aten::ones"]
    with profile() as prof, record_function("block", "note"):
        pass
    assert prof.events()[0].trace_name == "block note"


def test_errors_close_their_events():
    with profile() as prof:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="must match"), record_function("failing"):
                torch.ones(3) + torch.ones(4)
        torch.ones(1)
    found = [event for event in prof.events() if event.name == "failing"]
    assert [event.cpu_parent for event in found] == [None, None]
    assert prof.events()[-1].cpu_parent is None


def test_shapes():
    x, w = torch.ones(4, 5), torch.ones(5, 2)
    with profile(record_shapes=True) as prof:
        x @ w, torch.cat([x, x]), F.linear(x, w.T)
    shapes = {event.name: event.input_shapes for event in prof.events()}
    assert shapes["aten::matmul"][:2] == [[4, 5], [5, 2]]
    assert shapes["aten::cat"][0] == [[4, 5], [4, 5]]
    assert shapes["aten::linear"][:2] == [[4, 5], [2, 5]]
    with profile() as prof:
        x @ w
    assert prof.events()[0].input_shapes == []


def test_shapes_of_gradients():
    x = torch.ones(3, 4, requires_grad=True)
    with profile(record_shapes=True) as prof:
        x.exp().backward(torch.ones(3, 4))
    shapes = {event.name: event.input_shapes for event in prof.events()}
    assert shapes["ExpBackward0"] == [[3, 4]]
    assert shapes["torch::autograd::AccumulateGrad"] == [[3, 4]]


def test_memory_that_is_left():
    x = torch.ones(100, 50)
    with profile(profile_memory=True) as prof, record_function("block"):
        y = x + x
        y.view(-1)
        y.add_(1)
    memory = {event.name: event.cpu_memory_usage for event in prof.events()}
    assert memory == {"block": 20000, "aten::add": 20000, "aten::view": 0, "aten::add_": 0}
    assert prof.events()[0].self_cpu_memory_usage == 0


def test_memory_of_results_that_were_reshaped_inside():
    x = torch.ones(2, 3, 8, 8)
    with profile(profile_memory=True) as prof:
        F.max_pool2d(x, 2), x.std(0), x.mT, x.reshape(-1)
    memory = {event.name: event.cpu_memory_usage for event in prof.events()}
    assert memory["aten::max_pool2d"] >= 2 * 3 * 4 * 4 * 4  # what the result keeps alive
    assert memory["aten::std"] >= 3 * 8 * 8 * 4
    assert memory["aten::reshape"] == 0


# PyTorch 2.13's figures of the same calls; it gives those of matmul and linear to aten::mm and addmm.
@pytest.mark.parametrize(
    ("fn", "flops"),
    [
        (lambda x, w: x @ w, 200_000),
        (lambda x, w: torch.bmm(x[None], w[None]), 200_000),
        (lambda x, w: F.linear(x, w.T), 200_000),
        (lambda x, w: x * x, 5000),
        (lambda x, w: x + x, 5000),
        (lambda x, w: F.conv2d(x.new_ones(1, 3, 8, 8), x.new_ones(4, 3, 3, 3)), 7776),
        (lambda x, w: x.exp(), 0),
    ],
)
def test_flops(fn, flops):
    x, w = torch.ones(100, 50), torch.ones(50, 20)
    with profile(with_flops=True) as prof:
        fn(x, w)
    assert max(event.flops for event in prof.events()) == flops


def test_stacks():
    def inner():
        return torch.ones(2).exp()

    with profile(with_stack=True) as prof:
        inner()
    stack = prof.events()[-1].stack
    assert stack[0].endswith("inner")
    assert stack[1].endswith("test_stacks")
    assert __file__ in stack[0]


@pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
def test_native_kernels_of_an_operation():
    x = torch.ones(3, requires_grad=True)
    x.exp().sum().backward()
    with profile() as prof:
        x.exp().sum().backward()
    found = {event.name: event.kernels for event in prof.events()}
    for operation, kernel in (("aten::exp", "exp"), ("ExpBackward0", "exp_gradient")):
        (name,) = found[operation]
        assert name in (kernel, f"flambeau_{kernel}_elementwise")  # the second on a GPU


def test_threads_that_start_meanwhile():
    with profile() as prof:
        torch.ones(1)
        thread = threading.Thread(target=lambda: torch.zeros(1))
        thread.start()
        thread.join()
    assert [(event.name, event.thread) for event in prof.events()] == [
        ("aten::ones", 1),
        ("aten::zeros", 2),
    ]


def test_nothing_is_left_behind():
    before = sys.getprofile()
    with profile():
        assert sys.getprofile() is not before
    assert sys.getprofile() is before


def test_functions_of_families_that_load_late():
    x = torch.eye(2)
    with profile() as prof:
        torch.linalg.det(x)
    assert any("det" in name for name in names(prof))


def test_functions_with_guards(monkeypatch):
    class Own(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Own)
    with profile() as prof:
        x + x
        torch.ones(2) + 1
    assert names(prof).count("aten::add") >= 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activities": []}, AssertionError, "No valid profiler activities found"),
        ({"activities": ["cpu"]}, AssertionError, "No valid profiler activities found"),
        ({"with_modules": True}, NotImplementedError, "TorchScript"),
        ({"experimental_config": object()}, NotImplementedError, "Kineto"),
    ],
)
def test_options_that_cannot_be(options, error, message):
    with pytest.raises(error, match=message):
        profile(**options)


def test_cuda_is_warned_of():
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        prof = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    with prof:
        torch.ones(1)
    assert names(prof) == ["aten::ones"]


def test_misuse():
    with pytest.raises(AssertionError, match="must be initialized before getting key averages"):
        profile().key_averages()
    with pytest.raises(AssertionError, match="must be initialized before exporting chrome trace"):
        profile().export_chrome_trace("never")
    with profile(), pytest.raises(RuntimeError, match="while another one records"):
        torch.autograd.profiler.profile().__enter__()
    again = torch.autograd.profiler.profile()
    with again, pytest.raises(RuntimeError, match="not reentrant"):
        again.__enter__()


def test_older_profiler():
    prof = torch.autograd.profiler.profile()
    assert str(prof) == "<unfinished torch.autograd.profile>"
    with prof:
        torch.ones(2).exp()
    assert [(row.key, row.count) for row in prof.key_averages()] == [
        ("aten::ones", 1),
        ("aten::exp", 1),
    ]
    total = prof.total_average()
    assert total.key == "Total"
    assert total.cpu_time_total == prof.self_cpu_time_total > 0
    assert prof.table() == str(prof)
    with torch.autograd.profiler.profile(enabled=False) as off:
        assert off is None


def test_older_home_hands_the_profilers_names_on():
    older = torch.autograd.profiler
    for name in ("record_function", "kineto_available"):
        assert getattr(older, name) is getattr(torch.profiler, name)
    assert {getattr(older, name).__module__.rpartition(".")[0] for name in older.__all__} <= {
        "flambeau",
        "flambeau.profiler",
    }
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        older.no_such_name  # noqa: B018
