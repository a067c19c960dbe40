"""Private names of optimisers; what they give is recorded from PyTorch 2.13.0."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.optim import optimizer as names


def stepped(cls: type, **options: object) -> tuple[torch.optim.Optimizer, torch.nn.Parameter]:
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    optimizer = cls([p], lr=0.1, **options)
    optimizer.step()
    return optimizer, p


@pytest.mark.parametrize(
    ("cls", "options", "wanted"),
    [
        (torch.optim.Adam, {}, [[0.1], [0.001], [], [1.0]]),
        (torch.optim.SGD, {"momentum": 0.9}, [[1.0]]),
        (torch.optim.RMSprop, {"momentum": 0.9}, [[0.01], [10.0], [], [1.0]]),
    ],
)
def test_state_is_listed_in_pytorchs_order(cls: type, options: dict, wanted: list) -> None:
    optimizer, p = stepped(cls, **options)
    params, grads, lists = [], [], [[] for _ in wanted]
    assert optimizer._init_group(optimizer.param_groups[0], params, grads, *lists) is False
    assert params[0] is p
    assert grads[0] is p.grad
    found = [[x.reshape(-1)[0].item() for x in values] for values in lists]
    assert found == [pytest.approx(values) for values in wanted]


def test_state_is_made_where_there_is_none() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    optimizer, lists = torch.optim.AdamW([p]), ([], [], [], [])
    optimizer._init_group(optimizer.param_groups[0], [], [], *lists)
    assert lists[0][0].tolist() == [0.0, 0.0]
    assert sorted(optimizer.state[p]) == ["exp_avg", "exp_avg_sq", "step"]


def test_hooks_put_into_the_tables_are_called() -> None:
    optimizer, _ = stepped(torch.optim.SGD)
    seen = []
    optimizer._optimizer_step_pre_hooks[0] = lambda o, args, kwargs: seen.append("before")
    names._global_optimizer_post_hooks[0] = lambda o, args, kwargs: seen.append("after")
    try:
        optimizer.step()
    finally:
        del names._global_optimizer_post_hooks[0]
    assert seen == ["before", "after"]


def test_a_step_that_is_put_into_a_class_gets_hooks() -> None:
    class Own(torch.optim.SGD):
        pass

    Own.step = lambda self, closure=None: seen.append("step")
    seen = []
    optimizer = Own([torch.nn.Parameter(torch.ones(1))])
    optimizer._patch_step_function()
    optimizer.register_step_post_hook(lambda *given: seen.append("hook"))
    optimizer.step()
    assert seen == ["step", "hook"]


def test_how_loaded_state_is_placed_can_be_said() -> None:
    class Whole(torch.optim.Adam):
        @staticmethod
        def _process_value_according_to_param_policy(param, value, param_id, groups, key=None):
            return value

    optimizer, _ = stepped(torch.optim.Adam)
    state = optimizer.state_dict()
    for cls, wanted in ((torch.optim.Adam, torch.float16), (Whole, torch.float32)):
        p = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
        other = cls([p])
        other.load_state_dict(state)
        assert other.state[p]["exp_avg"].dtype is wanted
        assert other.state[p]["step"].dtype is torch.float32


def test_what_pytorch_would_choose() -> None:
    p, whole = torch.ones(2, device="cpu"), torch.ones(2, dtype=torch.int64, device="cpu")
    assert names._default_to_fused_or_foreach([p], False, True) == (True, False)
    assert names._default_to_fused_or_foreach([p], False, False) == (False, False)
    assert names._default_to_fused_or_foreach([p, whole], False, True) == (False, False)
    assert names._default_to_fused_or_foreach([p], True, True) == (False, False)
    assert repr(names.required) == "<required parameter>"
    with pytest.raises(RuntimeError, match="requires all the params to be floating point"):
        names._device_dtype_check_for_fused(whole)


def test_lists_by_dtype() -> None:
    x, y, z = torch.ones(1), torch.ones(1, dtype=torch.float64), torch.zeros(1)
    groups = torch.optim.Optimizer._group_tensors_by_device_and_dtype([[x, y, z], []], True)
    assert [places for _, places in groups.values()] == [[0, 2], [1]]
    assert [len(lists[0]) for lists, _ in groups.values()] == [2, 1]
    assert [len(lists[1]) for lists, _ in groups.values()] == [0, 0]


def test_a_step_is_recorded_where_that_is_asked_for() -> None:
    class Own(torch.optim.Optimizer):
        @names._use_grad_for_differentiable
        def step(self, closure=None):
            return torch.is_grad_enabled()

    p = torch.nn.Parameter(torch.ones(1))
    assert Own([p], {"differentiable": True}).step()
    assert not Own([p], {"differentiable": False}).step()
    assert torch.is_grad_enabled()
