"""Module: attributes, hooks, state, iteration, conversion, and the errors of each."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import hook as module_hook


class Pair(nn.Module):
    """Two linear layers, one buffer that is saved and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(3, 1)
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return self.second(self.first(x)) * scale


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: nn.Module()(1), NotImplementedError, 'missing the required "forward"'),
        (
            lambda m: setattr(m.first, "weight", torch.ones(2)),
            TypeError,
            "cannot assign 'torch.FloatTensor' as parameter 'weight'",
        ),
        (lambda m: setattr(m, "first", 3), TypeError, "cannot assign 'int' as child module"),
        (lambda m: setattr(m, "count", 3), TypeError, "cannot assign 'int' as buffer 'count'"),
        (lambda m: m.register_buffer("a.b", None), KeyError, "can't contain"),
        (lambda m: m.register_buffer("", None), KeyError, "can't be empty"),
        (lambda m: m.register_buffer(3, None), TypeError, "should be a string. Got int"),
        (lambda m: m.register_buffer("first", None), KeyError, "attribute 'first' already exists"),
        (lambda m: m.register_buffer("q", 3), TypeError, "cannot assign 'int' object to buffer"),
        (lambda m: m.register_parameter("q", 3), TypeError, "object to parameter 'q'"),
        (lambda m: m.register_parameter("forward", None), KeyError, "already exists"),
        (lambda m: m.add_module("q", 3), TypeError, "int is not a Module subclass"),
        (lambda m: m.add_module("a.b", None), KeyError, "got: a.b"),
        (lambda m: m.get_submodule("zz"), AttributeError, "Pair has no attribute `zz`"),
        (lambda m: m.get_submodule("count"), AttributeError, "`count` is not an nn.Module"),
        (lambda m: m.get_parameter("count"), AttributeError, "`count` is not an nn.Parameter"),
        (lambda m: m.get_buffer("first.weight"), AttributeError, "`weight` is not a buffer"),
        (lambda m: m.nope, AttributeError, "'Pair' object has no attribute 'nope'"),
        (lambda m: m.train(3), ValueError, "training mode is expected to be boolean"),
        (lambda m: m.to(torch.int32), TypeError, "only accepts floating point or complex"),
        (lambda m: m.load_state_dict(3), TypeError, "Expected state_dict to be dict-like"),
        (lambda m: nn.Module(1), TypeError, "takes 1 positional argument but 2 were given"),
        (lambda m: nn.Module(a=1), TypeError, "unexpected keyword argument 'a'"),
    ],
)
def test_misuse(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        act(Pair())
    assert message in str(caught.value).replace("\\'", "'")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda: nn.Parameter(torch.ones(1)), "parameters"),
        (nn.ReLU, "module"),
        (lambda: nn.Buffer(torch.ones(1)), "buffer"),
    ],
)
def test_assignment_before_init(value: Any, kind: str) -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.x = value()

    with pytest.raises(AttributeError, match=f"cannot assign {kind} before Module.__init__"):
        Early()


def test_assignment_moves_a_name_between_kinds() -> None:
    m = nn.Module()
    m.x = 3
    m.x = nn.Parameter(torch.ones(1))
    assert list(m._parameters) == ["x"]
    assert "x" not in m.__dict__
    m.x = None
    assert m.x is None
    m.x = nn.Linear(1, 1)
    assert list(m._parameters) == []
    assert isinstance(m.x, nn.Linear)
    del m.x
    assert not hasattr(m, "x")


def test_buffers_by_class_and_by_registration() -> None:
    m = nn.Module()
    m.kept = nn.Buffer(torch.ones(1))
    m.lost = nn.Buffer(torch.ones(1), persistent=False)
    assert [name for name, _ in m.named_buffers()] == ["kept", "lost"]
    assert list(m.state_dict()) == ["kept"]


def test_walks_give_each_thing_once_unless_asked_for_all() -> None:
    m = nn.Module()
    m.a = nn.Linear(1, 1)
    m.b = m.a
    assert [name for name, _ in m.named_parameters()] == ["a.weight", "a.bias"]
    both = [name for name, _ in m.named_parameters(remove_duplicate=False)]
    assert both == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert [name for name, _ in m.named_modules()] == ["", "a"]
    assert [n for n, _ in m.named_modules(remove_duplicate=False)] == ["", "a", "b"]
    assert [name for name, _ in m.named_children()] == ["a"]
    assert [name for name, _ in m.named_parameters("net", recurse=False)] == []
    assert [n for n, _ in m.a.named_parameters("net")] == ["net.weight", "net.bias"]
    assert len(list(m.modules())) == 2


def test_paths() -> None:
    m = nn.Sequential(Pair())
    assert m.get_parameter("0.first.weight") is m[0].first.weight
    assert m.get_buffer("0.count") is m[0].count
    assert m.get_submodule("") is m
    m.set_submodule("0.second", nn.Identity())
    assert isinstance(m[0].second, nn.Identity)


def test_modes_and_apply() -> None:
    m, seen = Pair(), []
    assert m.eval() is m
    assert not m.first.training
    m.train()
    m.apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "Linear", "Pair"]
    assert not any(p.requires_grad for p in m.requires_grad_(False).parameters())


def test_zero_grad() -> None:
    m = nn.Linear(1, 1)
    m(torch.ones(1, 1)).sum().backward()
    kept = m.weight.grad
    m.zero_grad(set_to_none=False)
    assert kept is m.weight.grad
    assert kept.item() == 0.0
    m.zero_grad()
    assert m.weight.grad is None


def test_conversions_keep_the_parameters_themselves() -> None:
    m = Pair()
    weight = m.first.weight
    assert m.double() is m
    assert m.first.weight is weight
    assert weight.dtype is torch.float64
    assert m.count.dtype is torch.float64
    m.register_buffer("whole", torch.ones(1, dtype=torch.int64))
    m.to(torch.float16)
    assert m.whole.dtype is torch.int64
    assert m.half().bfloat16().float().first.bias.dtype is torch.float32
    assert m.to("cpu", torch.float64).second.weight.dtype is torch.float64


# ----------------------------------------------------------------------------------------- hooks


def test_forward_hooks_change_arguments_and_output() -> None:
    m = nn.Identity()
    m.register_forward_pre_hook(lambda module, args: args[0] + 1)
    m.register_forward_hook(lambda module, args, output: output * 10)
    m.register_forward_hook(lambda module, args, output: output + 5, prepend=True)
    assert m(torch.tensor(1.0)).item() == 70.0


def test_forward_hooks_with_keywords() -> None:
    m, seen = Pair(), []
    m.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "scale": 0.0}), with_kwargs=True
    )
    handle = m.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(kwargs), with_kwargs=True
    )
    assert m(torch.ones(1, 2), scale=3.0).item() == 0.0
    handle.remove()
    m(torch.ones(1, 2))
    assert seen == [{"scale": 0.0}]


def test_a_pre_hook_with_keywords_gives_both_or_nothing() -> None:
    m = Pair()
    m.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        m(torch.ones(1, 2))


def test_a_hook_may_ask_to_be_called_after_an_error() -> None:
    m, seen = nn.Linear(2, 2), []
    m.register_forward_hook(lambda module, args, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda module, args, out: seen.append("never"))
    with pytest.raises(RuntimeError):
        m(torch.ones(1, 3))
    assert seen == [None]


def test_full_backward_hooks_see_inputs_and_outputs() -> None:
    m = nn.Linear(2, 3, bias=False)
    seen: list[Any] = []
    m.register_full_backward_pre_hook(lambda module, out: (out[0] * 2,))

    def hook(module: Any, grad_input: Any, grad_output: Any) -> Any:
        seen.append([tuple(grad_input[0].shape), grad_output[0].tolist()])
        return (grad_input[0] * 0 + 7,)

    m.register_full_backward_hook(hook)
    x = torch.ones(1, 2, requires_grad=True)
    m(x).sum().backward()
    assert seen == [[(1, 2), [[2.0, 2.0, 2.0]]]]
    assert x.grad is not None
    assert x.grad.tolist() == [[7.0, 7.0]]
    assert m.weight.grad is not None
    assert m.weight.grad.tolist() == [[2.0, 2.0]] * 3


def test_the_node_of_full_backward_hooks_is_named_as_in_pytorch() -> None:
    m = nn.Linear(2, 2)
    m.register_full_backward_hook(lambda *args: None)
    assert m(torch.ones(1, 2)).grad_fn.name() == "BackwardHookFunctionBackward"


def test_full_backward_hooks_without_an_input_that_requires_grad() -> None:
    m, seen = nn.Linear(2, 3), []
    m.register_full_backward_hook(lambda module, ins, outs: seen.append(ins))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        m(torch.ones(1, 2)).sum().backward()
    assert seen == [(None,)]


def test_two_kinds_of_backward_hooks_do_not_mix() -> None:
    m = nn.Linear(1, 1)
    m.register_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks"):
        m.register_full_backward_hook(lambda *args: None)


def test_hooks_on_every_module() -> None:
    seen: list[str] = []
    handle = module_hook.register_module_forward_hook(
        lambda module, args, output: seen.append(type(module).__name__)
    )
    try:
        nn.Sequential(nn.ReLU(), nn.Tanh())(torch.ones(1))
    finally:
        handle.remove()
        module_hook.Hooked._hooked = False
    assert seen == ["ReLU", "Tanh", "Sequential"]


# ----------------------------------------------------------------------------------------- state


def test_state_dict_shares_memory_and_leaves_scratch_out() -> None:
    m = Pair()
    state = m.state_dict(prefix="net.")
    assert list(state) == [
        "net.count",
        "net.first.weight",
        "net.first.bias",
        "net.second.weight",
        "net.second.bias",
    ]
    assert not state["net.first.weight"].requires_grad
    assert state["net.first.weight"].data_ptr() == m.first.weight.data_ptr()
    assert m.state_dict(keep_vars=True)["first.weight"] is m.first.weight
    assert m.state_dict()._metadata == OrderedDict(
        [("", {"version": 1}), ("first", {"version": 1}), ("second", {"version": 1})]
    )


def test_loading_copies_or_assigns() -> None:
    a, b = Pair(), Pair()
    assert repr(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(a.first.weight, b.first.weight)
    assert a.first.weight.data_ptr() != b.first.weight.data_ptr()
    b.load_state_dict(a.state_dict(), assign=True)
    assert a.first.weight.data_ptr() == b.first.weight.data_ptr()
    assert isinstance(b.first.weight, nn.Parameter)


def test_loading_says_all_that_does_not_fit() -> None:
    m = nn.Linear(2, 3)
    m.register_buffer("buf", torch.ones(2))
    with pytest.raises(RuntimeError) as caught:
        m.load_state_dict({"weight": torch.ones(2), "x": 3, "bias": 5})
    assert str(caught.value).splitlines() == [
        "Error(s) in loading state_dict for Linear:",
        '\tMissing key(s) in state_dict: "buf". ',
        '\tUnexpected key(s) in state_dict: "x". ',
        "\tsize mismatch for weight: copying a param with shape torch.Size([2]) from checkpoint, the shape "
        "in current model is torch.Size([3, 2]).",
        '\tWhile copying the parameter named "bias", expected torch.Tensor or Tensor-like object from '
        "checkpoint but received <class 'int'>",
    ]
    found = m.load_state_dict({"y": torch.ones(1)}, strict=False)
    assert found.missing_keys == ["weight", "bias", "buf"]
    assert found.unexpected_keys == ["y"]


def test_extra_state() -> None:
    class Counting(nn.Linear):
        seen = 0

        def get_extra_state(self) -> Any:
            return {"seen": self.seen}

        def set_extra_state(self, state: Any) -> None:
            self.seen = state["seen"]

    a, b = Counting(1, 1), Counting(1, 1)
    a.seen = 4
    state = a.state_dict()
    assert state["_extra_state"] == {"seen": 4}
    b.load_state_dict(state)
    assert b.seen == 4
    del state["_extra_state"]
    with pytest.raises(RuntimeError, match="_extra_state"):
        b.load_state_dict(state)


def test_state_hooks() -> None:
    m, seen = nn.Linear(1, 1), []
    m.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(prefix))
    m.register_state_dict_post_hook(lambda module, state, prefix, meta: state.pop("bias") and None)
    m.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: state.setdefault("bias", module.bias.detach())
    )
    m.register_load_state_dict_post_hook(lambda module, keys: seen.append(keys.missing_keys))
    state = m.state_dict()
    assert list(state) == ["weight"]
    m.load_state_dict(state)
    assert seen == ["", []]


def test_a_module_may_load_its_own_way() -> None:
    class Renamed(nn.Linear):
        def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}kernel")
            super()._load_from_state_dict(state_dict, prefix, *args)

    m = nn.Sequential(Renamed(1, 1))
    m.load_state_dict({"0.kernel": torch.full((1, 1), 3.0), "0.bias": torch.zeros(1)})
    assert m[0].weight.item() == 3.0


def test_copies_and_pickles() -> None:
    m = Pair()
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert torch.equal(other(torch.ones(1, 2)), m(torch.ones(1, 2)))
        assert other.first.weight is not m.first.weight
        assert isinstance(other.first.weight, nn.Parameter)


def test_repr_of_what_has_both_options_and_children() -> None:
    m = nn.Linear(2, 3)
    m.sub = nn.ReLU()
    assert repr(m) == ("Linear(\n  in_features=2, out_features=3, bias=True\n  (sub): ReLU()\n)")
