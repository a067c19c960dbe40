"""Private names of modules that subclasses and patches use: they mean the thing."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau.nn.modules import module as names

nn = torch.nn
X = torch.ones(1, 2)


def test_a_replaced_call_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    before = nn.Module._call_impl

    def call(self, *args, **kwargs):
        seen.append(type(self).__name__)
        return before(self, *args, **kwargs)

    model = nn.Sequential(nn.Linear(2, 2))
    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "_call_impl", call)
        model(X)
        assert seen == ["Sequential", "Linear"]
    model(X)
    assert len(seen) == 2


def test_a_call_of_a_subclass_and_of_an_object() -> None:
    class Twice(nn.Identity):
        def _call_impl(self, *args, **kwargs):
            return 2 * super()._call_impl(*args, **kwargs)

    module = Twice()
    assert module(X).tolist() == [[2.0, 2.0]]
    module.register_forward_hook(lambda module, args, output: output + 1)
    assert module(X).tolist() == [[4.0, 4.0]]
    plain = nn.Identity()
    plain._call_impl = lambda x: x - 1
    assert plain(X).tolist() == [[0.0, 0.0]]
    assert nn.Module.__call__ is nn.Module._wrapped_call_impl
    assert nn.Identity()._slow_forward(X) is X


def test_hooks_put_into_the_tables_are_called() -> None:
    seen = []
    module = nn.Identity()
    module._forward_hooks = OrderedDict({0: lambda module, args, output: seen.append("own")})
    module(X)
    names._global_forward_hooks[7] = lambda module, args, output: seen.append("global")
    try:
        assert names._has_any_global_hook()
        nn.Identity()(X)
    finally:
        del names._global_forward_hooks[7]
    assert seen == ["own", "global"]


def test_hooks_at_registration() -> None:
    seen = []
    handles = [
        names.register_module_parameter_registration_hook(
            lambda m, name, x: seen.append((name, type(x).__name__))
        ),
        names.register_module_buffer_registration_hook(lambda m, name, x: x + 1),
        names.register_module_module_registration_hook(
            lambda m, name, x: nn.Identity() if isinstance(x, nn.ReLU) else None
        ),
    ]
    module = nn.Module()
    module.weight = nn.Parameter(torch.ones(1))
    module.register_buffer("count", torch.zeros(1))
    module.act = nn.ReLU()
    for handle in handles:
        handle.remove()
    module.other = nn.ReLU()
    assert seen == [("weight", "Parameter")]
    assert module.count.tolist() == [1.0]
    assert isinstance(module.act, nn.Identity)
    assert isinstance(module.other, nn.ReLU)


def test_old_hooks_of_all_modules() -> None:
    seen = []
    handle = names.register_module_backward_hook(lambda m, gin, gout: seen.append(gout[0].tolist()))
    try:
        with pytest.raises(RuntimeError, match="as a global Module hook"):
            names.register_module_full_backward_hook(lambda *given: None)
        nn.ReLU()(torch.ones(2, requires_grad=True)).sum().backward()
    finally:
        handle.remove()
    assert seen == [[1.0, 1.0]]


def test_bases_of_layers() -> None:
    modules = nn.modules
    for layer, base in (
        (nn.CrossEntropyLoss(), modules.loss._WeightedLoss),
        (nn.MSELoss(), modules.loss._Loss),
        (nn.ConvTranspose2d(1, 1, 1), modules.conv._ConvNd),
        (nn.InstanceNorm1d(1), modules.batchnorm._NormBase),
        (nn.MaxPool2d(2), modules.pooling._MaxPoolNd),
        (nn.AdaptiveAvgPool1d(2), modules.pooling._AdaptiveAvgPoolNd),
        (nn.ReflectionPad2d(1), modules.padding._ReflectionPadNd),
        (nn.Dropout2d(), modules.dropout._DropoutNd),
    ):
        assert isinstance(layer, base)
    assert not isinstance(nn.MSELoss(), modules.loss._WeightedLoss)
    assert modules.rnn.GRUCell is nn.GRUCell
    assert modules.padding.ZeroPad2d is nn.ZeroPad2d


def test_losses_and_convolutions_of_ones_own() -> None:
    class Weighted(nn.modules.loss._WeightedLoss):
        def forward(self, x):
            return (x * self.weight).sum()

    with pytest.warns(UserWarning, match="size_average"):
        loss = Weighted(torch.tensor([1.0, 2.0]), size_average=False)
    assert loss.reduction == "sum"
    assert loss(torch.ones(2)).item() == 3.0
    assert list(loss.state_dict()) == ["weight"]

    class Same(nn.modules.conv._ConvNd):
        dims = 2

        def __init__(self):
            pair = nn.modules.utils._pair
            super().__init__(
                1, 1, pair(3), pair(1), pair(1), pair(1), False, pair(0), 1, False, "reflect"
            )

        def forward(self, x):
            return self._conv_forward(x, self.weight, self.bias)

    layer = Same()
    assert layer._reversed_padding_repeated_twice == [1, 1, 1, 1]
    assert layer(torch.ones(1, 1, 4, 4)).shape == (1, 1, 4, 4)


def test_functions_of_layers() -> None:
    weight = torch.empty(3, 4, 5)
    assert nn.init._calculate_correct_fan(weight, "FAN_OUT") == 15
    with pytest.raises(ValueError, match="Mode fan not supported"):
        nn.init._calculate_correct_fan(weight, "fan")
    transformer = nn.modules.transformer
    assert transformer._get_activation_fn("gelu") is nn.functional.gelu
    assert len(transformer._get_clones(nn.Linear(1, 1), 2)) == 2
    mask = transformer._generate_square_subsequent_mask(2)
    assert mask.tolist() == [[0.0, float("-inf")], [0.0, 0.0]]
    assert transformer._detect_is_causal_mask(mask)
    assert not transformer._detect_is_causal_mask(torch.zeros(2, 2))
    utils = nn.modules.utils
    assert utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    assert utils._list_with_default([None, 3], [7, 8, 9]) == [8, 3]
    assert nn._reduction.get_enum("sum") == 2


def test_keys_that_do_not_match() -> None:
    found = nn.Linear(1, 1, bias=False).load_state_dict({"x": torch.ones(1)}, strict=False)
    assert isinstance(found, names._IncompatibleKeys)
    assert type(found).__name__ == "_IncompatibleKeys"


def test_gradients_of_convolutions() -> None:
    x, w = torch.randn(2, 3, 8), torch.randn(4, 3, 3)
    x.requires_grad_()
    w.requires_grad_()
    y = nn.functional.conv1d(x, w, stride=2, padding=1)
    g = torch.randn(y.shape)
    wanted = torch.autograd.grad(y, (x, w), g)
    found = nn.grad.conv1d_input(x.shape, w, g, stride=2, padding=1)
    torch.testing.assert_close(found, wanted[0])
    found = nn.grad.conv1d_weight(x, w.shape, g, stride=2, padding=1)
    torch.testing.assert_close(found, wanted[1])
