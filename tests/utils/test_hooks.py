"""torch.utils.hooks: handles, hooks that are not saved, and the hook around a module's backward."""

import io
import pickle
from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils import hooks


def test_every_registration_gives_such_a_handle():
    x = torch.ones(1, requires_grad=True)
    y = x * 2
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD([x], 0.1)
    for handle in (
        x.register_hook(print),
        x.register_post_accumulate_grad_hook(print),
        y.grad_fn.register_hook(print),
        y.grad_fn.register_prehook(print),
        layer.register_forward_hook(print),
        layer.register_full_backward_hook(print),
        layer.register_load_state_dict_post_hook(print),
        optimizer.register_step_pre_hook(print),
        nn.modules.module.register_module_forward_hook(lambda *_: None),
    ):
        assert isinstance(handle, hooks.RemovableHandle)
        handle.remove()
        handle.remove()
    assert hooks.RemovableHandle is torch.autograd.graph.RemovableHandle


def test_handle_of_dicts():
    first, second, third = OrderedDict(), {}, {}
    with hooks.RemovableHandle(first, extra_dict=[second, third]) as handle:
        first[handle.id] = second[handle.id] = third[handle.id] = 1
    assert not first
    assert not second
    assert not third
    with hooks.RemovableHandle(first, extra_dict=second) as handle:
        first[handle.id] = second[handle.id] = 1
    assert not first
    assert not second
    assert hooks.RemovableHandle(first).id < hooks.RemovableHandle(first).id


def test_removing_takes_what_was_noted_of_the_hook():
    layer = nn.Linear(1, 1)
    layer.register_forward_hook(print, with_kwargs=True, always_call=True).remove()
    layer.register_forward_pre_hook(print, with_kwargs=True).remove()
    assert not layer._forward_hooks_with_kwargs
    assert not layer._forward_hooks_always_called
    assert not layer._forward_pre_hooks_with_kwargs


def test_handles_pickle_with_their_module():
    layer = nn.Linear(1, 1)
    handle = layer.register_forward_hook(print)
    layer, handle = pickle.loads(pickle.dumps((layer, handle)))
    assert list(layer._forward_hooks) == [handle.id]
    handle.remove()
    assert not layer._forward_hooks
    assert hooks.RemovableHandle({}).id > handle.id


def test_hooks_that_a_pickle_loses():
    def plain(g):
        return None

    @hooks.unserializable_hook
    def known(g):
        return None

    x = torch.ones(1, requires_grad=True)
    hooks.warn_if_has_hooks(x)
    x.register_hook(known)
    hooks.warn_if_has_hooks(x)
    pickle.dumps(x)
    x.register_hook(plain)
    with pytest.warns(UserWarning, match="plain.* on tensor will not be serialized"):
        hooks.warn_if_has_hooks(x)
    with pytest.warns(UserWarning, match="will not be serialized"):
        pickle.dumps(x)
    with pytest.warns(UserWarning, match="will not be serialized"):
        torch.save(x, io.BytesIO())


def test_backward_hook_of_a_call():
    layer = nn.Linear(2, 2)
    seen = []
    around = hooks.BackwardHook(layer, [lambda *given: seen.append(given)], [])
    x = torch.ones(1, 2, requires_grad=True)
    (passed,) = around.setup_input_hook((x,))
    around.setup_output_hook(layer(passed)).sum().backward()
    ((module, grad_input, grad_output),) = seen
    assert module is layer
    assert grad_output[0].tolist() == [[1.0, 1.0]]
    assert torch.equal(grad_input[0], layer.weight.sum(0, keepdim=True))
