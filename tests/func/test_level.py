"""PyTorch's private names of vmap's samples and levels, and its functions that packages replace."""

import pytest

import flambeau as torch
from flambeau._C import _functorch as functorch
from flambeau._functorch import vmap as module


def test_samples_by_hand():
    x = torch.arange(6.0).view(2, 3)
    level = functorch._vmap_increment_nesting(2, "error")
    assert level == 1
    sample = functorch._add_batch_dim(x, 0, level)
    assert sample.shape == (3,)
    assert functorch.is_batchedtensor(sample)
    assert functorch.maybe_get_bdim(sample) == 0
    assert functorch.maybe_get_level(sample) == 1
    assert functorch.get_unwrapped(sample) is x
    assert functorch._remove_batch_dim(sample * 2, level, 2, 1).tolist() == (x * 2).t().tolist()
    assert functorch._remove_batch_dim(torch.ones(3), level, 2, 0).shape == (2, 3)
    assert functorch._vmap_decrement_nesting() == 1
    assert functorch.maybe_get_level(sample) == -1
    assert not functorch.is_batchedtensor(x)
    assert functorch.maybe_get_bdim(x) == functorch.maybe_get_level(x) == -1
    with pytest.raises(RuntimeError, match="No wrappers present"):
        functorch.get_unwrapped(x)
    with pytest.raises(RuntimeError, match="no mapping"):
        functorch._vmap_decrement_nesting()
    with pytest.raises(RuntimeError, match="no level 1"):
        functorch._add_batch_dim(x, 0, 1)


def test_levels_nest():
    seen = []

    def inner(x):
        seen.append(functorch.maybe_get_level(x))
        return x

    def outer(x):
        seen.append(functorch.maybe_get_level(x))
        return torch.vmap(inner)(x)

    torch.vmap(outer)(torch.ones(2, 3))
    assert seen == [1, 2]


class Pair:
    """What a package maps over: two tensors that pytrees do not know."""

    def __init__(self, a, b):
        self.a, self.b = a, b


def test_classes_of_others(monkeypatch):
    """A package replaces the functions of torch._functorch.vmap, and torch.vmap takes its class."""

    def process(in_dims, args, func):
        flat, structure = module.tree_flatten(args)
        return flat[0].a.shape[0], [in_dims] * len(flat), flat, structure

    def create(flat_in_dims, flat_args, vmap_level, args_spec):
        pairs = [
            Pair(*(module._add_batch_dim(t, dim, vmap_level) for t in (x.a, x.b)))
            for x, dim in zip(flat_args, flat_in_dims, strict=True)
        ]
        return module.tree_unflatten(pairs, args_spec)

    def unwrap(batched_outputs, out_dims, vmap_level, batch_size, func):
        name = module._get_name(func)
        parts = [
            module._maybe_remove_batch_dim(name, t, vmap_level, batch_size, out_dims)
            for t in (batched_outputs.a, batched_outputs.b)
        ]
        return Pair(*parts)

    monkeypatch.setattr(module, "_process_batched_inputs", process)
    monkeypatch.setattr(module, "_create_batched_inputs", create)
    monkeypatch.setattr(module, "_unwrap_batched", unwrap)
    pair = Pair(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    swapped = torch.vmap(lambda p: Pair(p.b.sum(), p.a * p.b))(pair)
    assert swapped.a.tolist() == [7.0, 11.0]
    assert swapped.b.tolist() == [[3.0, 4.0], [10.0, 12.0]]


def test_results_that_are_no_tensors():
    assert torch.vmap(lambda x: None, out_dims=None)(torch.ones(2)) is None
    assert torch.vmap(lambda x: (x, 3), out_dims=(0, None))(torch.ones(2))[1] == 3
