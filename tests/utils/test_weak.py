"""Weak tables, contexts that decorate, tensors that change places."""

import pytest

import flambeau as torch
from flambeau.utils import _contextlib, weak


def test_keys_are_objects_and_not_kept_alive():
    x, y = torch.ones(2), torch.ones(2)
    table = weak.WeakTensorKeyDictionary({x: 1})
    table[y] = 2
    assert (table[x], table[y], len(table)) == (1, 2, 2)
    assert {id(key) for key in table} == {id(x), id(y)}
    other = table.copy()
    del x
    assert len(table) == len(other) == 1
    assert 3 not in table
    del table[y]
    assert y not in table


def test_references():
    x = torch.ones(2)
    assert weak.WeakIdRef(x) == weak.WeakIdRef(x) != weak.WeakIdRef(torch.ones(2))
    assert hash(weak.WeakIdRef(x)) == id(x)
    reference = weak.TensorWeakRef(x)
    assert reference() is x
    del x
    assert reference() is None
    with pytest.raises(AssertionError, match=r"expected torch\.Tensor"):
        weak.TensorWeakRef(3)


class Noting(_contextlib._DecoratorContextManager):
    depth = 0

    def __enter__(self):
        Noting.depth += 1

    def __exit__(self, *exception):
        Noting.depth -= 1


def test_contexts_decorate_functions_and_steps_of_generators():
    @Noting()
    def function():
        return Noting.depth

    @Noting()
    def steps():
        received = yield Noting.depth
        yield (Noting.depth, received)
        return "end"

    assert (function(), Noting.depth) == (1, 0)
    generator = steps()
    assert (next(generator), Noting.depth) == (1, 0)
    assert (generator.send("x"), Noting.depth) == ((1, "x"), 0)
    with pytest.raises(StopIteration, match="end"):
        next(generator)
    with pytest.raises(RuntimeError, match="Cannot decorate classes"):
        Noting()(int)


def test_tensors_change_places():
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    y = torch.nn.Parameter(torch.zeros(3))
    y.note = "mine"
    torch.utils.swap_tensors(x, y)
    assert type(x) is torch.nn.Parameter
    assert (x.tolist(), x.grad, x.note) == ([0.0] * 3, None, "mine")
    assert (y.tolist(), y.grad.tolist(), hasattr(y, "note")) == ([1.0] * 2, [3.0] * 2, False)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0] * 3
    with pytest.raises(RuntimeError, match="takes leaves"):
        torch.utils.swap_tensors(x * 2, y)


def test_modes_of_functions_can_be_asked_for():
    overrides = torch.overrides
    mode = overrides.BaseTorchFunctionMode()
    assert overrides._get_current_function_mode() is None
    with mode:
        assert overrides._get_current_function_mode_stack() == [mode]
        with overrides._pop_mode_temporarily() as popped:
            assert popped is mode
            assert overrides._get_current_function_mode() is None
        assert overrides._get_current_function_mode() is mode
    stubs = overrides.get_testing_overrides()
    assert stubs[torch.add](1, 2) == -1
    assert len(stubs) > 700


def test_fake_tensors_say_what_they_would_be():
    from flambeau._subclasses import FakeTensor, FakeTensorMode
    from flambeau._subclasses.fake_tensor import DataDependentOutputException, is_fake

    with FakeTensorMode() as mode:
        x = torch.empty(2, 3, dtype=torch.float64)
    assert isinstance(x, FakeTensor)
    assert is_fake(x)
    assert (x.shape, x.dtype, x.device.type) == ((2, 3), torch.float64, "cpu")
    assert repr(x) == "FakeTensor(..., size=(2, 3), dtype=torch.float64)"
    assert mode.from_tensor(torch.ones(4)).shape == (4,)
    with pytest.raises(DataDependentOutputException, match="has no values"):
        mode.from_tensor(torch.ones(())).item()
