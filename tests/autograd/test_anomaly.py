"""Anomaly detection, and errors about values modified in place: which line, which module."""

from __future__ import annotations

import inspect
import warnings

import pytest

import flambeau as torch
from flambeau import nn


def line() -> int:
    return inspect.currentframe().f_back.f_lineno


@pytest.fixture
def detecting():
    with torch.autograd.set_detect_anomaly(True):
        yield


def failing(y: torch.Tensor) -> RuntimeError:
    with (
        pytest.warns(UserWarning, match="Error detected in"),
        pytest.raises(RuntimeError) as caught,
    ):
        y.backward()
    return caught.value


def test_the_operation_that_made_the_first_nan_is_named_with_its_line(detecting) -> None:
    x = torch.zeros(1, requires_grad=True)
    root, at = x.sqrt(), line()
    error = failing((root * 0).sum() + x.sum())
    assert str(error).startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    assert f"{__file__}:{at} (`root, at = x.sqrt(), line()`)" in str(error)


def test_outputs_are_counted_among_all_operands(detecting) -> None:
    nan, y = torch.full((1,), float("nan")), torch.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="first NaN"):
        product = y * nan
    error = failing(product.sum())
    assert str(error).startswith("Function 'MulBackward0' returned nan values in its 0th output.")
    error = failing((nan * y).sum())
    assert str(error).startswith("Function 'MulBackward0' returned nan values in its 1th output.")


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2, bias=False)
        nn.init.ones_(self.fc.weight)

    def forward(self, x):
        return self.fc(x).sqrt()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_the_module_is_named_by_its_path_forward_and_backward(detecting) -> None:
    with pytest.warns(UserWarning, match=r"first NaN in the result of sqrt, at .*layers\.0"):
        y = Net()(torch.full((1, 2), -1.0)).sum()
    error = str(failing(y))
    assert "in module layers.1 (Block)" in error
    assert "the forward pass met its first NaN" in error
    assert "in module layers.0 (Block)" in error


def test_a_layer_of_the_library_is_named(detecting) -> None:
    net = Net()
    with torch.no_grad():
        net.layers[1].fc.weight.fill_(float("inf"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = net(torch.zeros(1, 2)).sum()
        with pytest.raises(RuntimeError, match=r"in module layers\.1\.fc \(Linear\)"):
            y.backward()


def test_without_a_detected_forward_pass_the_message_says_how_to_get_the_line() -> None:
    x = torch.zeros(1, requires_grad=True)
    y = (x.sqrt() * 0).sum()
    with (
        torch.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="No forward pass information available"),
        pytest.raises(RuntimeError, match="run the forward pass under"),
    ):
        y.backward()


def test_other_errors_of_backward_say_where_the_operation_was_recorded(detecting) -> None:
    class Breaks(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise KeyError("broken")

    y, at = Breaks.apply(torch.ones(1, requires_grad=True)), line()
    with (
        pytest.warns(UserWarning, match="Error detected in BreaksBackward"),
        pytest.raises(KeyError) as caught,
    ):
        y.backward()
    assert f"{__file__}:{at}" in "".join(caught.value.__notes__)


def test_hooks_may_repair_a_nan_before_it_is_looked_for(detecting) -> None:
    x = torch.zeros(1, requires_grad=True)
    root = x.sqrt()
    root.grad_fn.register_hook(lambda ins, outs: (torch.zeros(1),))
    (root * 0).sum().backward()
    assert x.grad.tolist() == [0.0]


def test_nan_is_not_looked_for_without_check_nan() -> None:
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        assert torch.is_anomaly_enabled()
        assert not torch.is_anomaly_check_nan_enabled()
        x = torch.zeros(1, requires_grad=True)
        (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()
    assert not torch.is_anomaly_enabled()


def test_detect_anomaly_warns_that_it_is_slow() -> None:
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        block = torch.autograd.detect_anomaly()
    with block:
        assert torch.is_anomaly_check_nan_enabled()
    assert not torch.is_anomaly_enabled()


def test_graphs_keep_nothing_of_a_watched_backward(detecting) -> None:
    x = torch.ones(1, requires_grad=True)
    y = x.exp()
    y.backward(retain_graph=True)
    assert not y.grad_fn.hooks
    assert not y.grad_fn.notes.get("before")


# ------------------------------------------------------------ saved values modified in place


def test_a_modified_value_is_reported_with_both_lines(detecting) -> None:
    x = torch.ones(2, requires_grad=True)
    y, saved = x.exp(), line()
    y.mul_(2)
    written = line() - 1
    error = str(failing(y.sum()))
    assert error.startswith(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{y.type()} [2]], which is output 0 of ExpBackward0, is at version 1; "
        "expected version 0 instead."
    )
    assert f"ExpBackward0 saved it at {__file__}:{saved} (`y, saved = x.exp(), line()`)" in error
    assert f"last written to at {__file__}:{written} (`y.mul_(2)`)" in error


def message(y: torch.Tensor) -> str:
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    return str(caught.value)


def test_the_line_of_the_write_is_known_without_detection() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * x
    with torch.no_grad():
        x.add_(1)
    written = line() - 1
    error = message(y)
    assert f"written to at {__file__}:{written} (`x.add_(1)`)" in error
    assert "run the forward pass under torch.autograd.detect_anomaly()" in error


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda t: t.add_(1), "t.add_(1)"),
        (lambda t: t.__setitem__(0, 5.0), "__setitem__(0, 5.0)"),
        (lambda t: t.copy_(torch.ones(2)), "copy_"),
        (lambda t: t.fill_(3), "t.fill_(3)"),
        (lambda t: t[0:1].zero_(), "t[0:1].zero_()"),
        (lambda t: t.detach().sub_(1), "t.detach().sub_(1)"),
        (lambda t: t.normal_(), "t.normal_()"),
    ],
)
def test_every_way_to_write_is_reported(write, text) -> None:
    w = torch.ones(2)
    y = torch.ones(2, requires_grad=True) * w
    write(w)
    error = message(y)
    assert f"[{w.type()} [2]] is at version" in error
    assert f"written to at {__file__}:" in error
    assert text in error


def test_the_last_of_several_writes_is_reported_although_views_came_and_went() -> None:
    w = torch.ones(100)
    y = torch.ones(100, requires_grad=True) * w
    for _ in range(100):
        w[0:1].add_(1)
    views = [w[i : i + 1] for i in range(100)]
    w.mul_(7)
    assert len(views) == 100
    assert "(`w.mul_(7)`)" in message(y)


def test_the_operands_history_is_named() -> None:
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    b = x + 1
    y = b * b
    b.add_(1)
    written = f"[{b.type()} [2]], which is output 0 of AddBackward0, is at version 1"
    assert written in message(y)


def test_a_function_of_the_user_reports_the_same() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    a = torch.ones(2, requires_grad=True) + 1
    y = Twice.apply(a)
    a.mul_(3)
    error = message(y)
    assert "output 0 of AddBackward0, is at version 1; expected version 0" in error
    assert "TwiceBackward saved it" in error
    assert "(`a.mul_(3)`)" in error
