"""Parameter, Buffer, and those whose shape is not known yet."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter, is_lazy


class Plain(torch.Tensor):
    pass


def test_parameter():
    data = torch.ones(2)
    p = Parameter(data)
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert isinstance(p, torch.Tensor)
    assert isinstance(p, Parameter)
    assert not isinstance(data, Parameter)
    assert p.data_ptr() == data.data_ptr()
    assert p.is_leaf
    assert p.requires_grad
    for value in (p * 2, p.data, p.detach(), p[0], torch.cat([p])):
        assert type(value) is torch.Tensor
    assert not Parameter(data, False).requires_grad
    assert Parameter(data.requires_grad_() * 2).is_leaf
    assert Parameter().shape == (0,)
    assert not Parameter(torch.tensor([1, 2]), requires_grad=False).requires_grad


def test_parameter_refuses():
    with pytest.raises(
        RuntimeError, match="nly Tensors of floating point and complex dtype can req"
    ):
        Parameter(torch.tensor([1, 2]))
    with pytest.raises(AttributeError, match="'list' object has no attribute 'detach'"):
        Parameter([1, 2])


def test_a_parameter_of_a_subclass_keeps_it():
    p = Parameter(torch.ones(2).as_subclass(Plain))
    assert type(p) is Plain
    assert isinstance(p, Parameter)
    assert p.requires_grad
    assert p.is_leaf
    assert repr(p) == "Parameter(Plain([1., 1.], requires_grad=True))"
    assert not isinstance(torch.ones(2).as_subclass(Plain), Parameter)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = p

    assert next(iter(Module().parameters())) is p


def test_copies_of_parameters():
    p = Parameter(torch.ones(2))
    (p * 3).sum().backward()
    p.note = "kept"
    for other in (copy.deepcopy(p), pickle.loads(pickle.dumps(p)), copy.copy(p)):
        assert type(other) is Parameter
        assert other.requires_grad
        assert other.tolist() == [1.0, 1.0]
        assert other.grad is None  # PyTorch leaves it behind
    assert p.grad.tolist() == [3.0, 3.0]
    tied = copy.deepcopy([p, p])
    assert tied[0] is tied[1]


def test_a_deep_copy_shares_and_keeps_nothing_else():
    """PyTorch 2.13.0: values of their own, in memory that is as large as they are; no gradient, no hook."""

    class Named(Parameter):
        pass

    whole = torch.arange(10.0)
    p, frozen = Named(whole[2:5]), Parameter(whole, requires_grad=False)
    p.grad, frozen.grad = torch.ones(3), torch.ones(10)
    p.register_hook(lambda g: g * 10)
    for other in copy.deepcopy([p, frozen]):
        assert other.grad is None
    other = copy.deepcopy(p)
    assert type(other) is Named
    assert other.untyped_storage().nbytes() == 12
    assert not copy.deepcopy(frozen).requires_grad
    (other * 2).sum().backward()
    assert other.grad.tolist() == [2.0] * 3
    assert copy.deepcopy(Parameter(torch.ones(1, 3).expand(4, 3))).stride() == (3, 1)
    assert copy.deepcopy(Parameter(torch.ones(2, 3).t())).stride() == (1, 3)


def test_deep_copies_of_modules_have_no_gradients():
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    layer.register_buffer("table", torch.ones(2, requires_grad=True))
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    (layer(torch.eye(2)).sum() + (layer.table * 3).sum()).backward()
    made, own = copy.deepcopy((layer, optimizer))
    assert all(p.grad is None for p in made.parameters())
    assert all(p.grad is not None for p in layer.parameters())
    assert made.table.grad.tolist() == [3.0, 3.0]  # a tensor takes its gradient along
    assert own.param_groups[0]["params"][0] is made[0].weight


def test_buffer():
    b = torch.nn.Buffer(torch.ones(2))
    assert type(b) is torch.Tensor
    assert isinstance(b, torch.nn.Buffer)
    assert b.persistent
    assert repr(b) == "tensor([1., 1.])"
    assert not isinstance(torch.ones(2), torch.nn.Buffer)
    assert not isinstance(b, Parameter)
    assert not isinstance(Parameter(b), torch.nn.Buffer)
    assert torch.nn.Buffer(torch.ones(2), persistent=False).persistent is False
    assert torch.nn.Buffer().shape == (0,)


def test_without_shape():
    p = UninitializedParameter()
    assert repr(p) == "<UninitializedParameter>"
    assert is_lazy(p)
    assert isinstance(p, Parameter)
    assert p.requires_grad
    assert p.is_leaf
    assert p.dtype is torch.float32
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        p.shape  # noqa: B018
    for call, name in [
        (lambda: p + 1, "__add__|function|add"),
        (lambda: torch.reshape(p, (1,)), "reshape"),
        (lambda: p.numel(), "numel"),
    ]:
        text = f"Attempted to use an uninitialized parameter in ({name})"
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized parameter"):
        p.share_memory_()
    assert p.half().dtype is torch.float16
    assert p.data.shape == (0,)
    for other in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(other) is UninitializedParameter
        assert other.requires_grad


def test_materialize():
    p = UninitializedParameter(dtype=torch.float64)
    p.materialize((2, 3))
    assert type(p) is Parameter
    assert not is_lazy(p)
    assert (p.shape, p.dtype, p.requires_grad) == ((2, 3), torch.float64, True)
    (p * 2).sum().backward()
    assert p.grad.tolist() == [[2.0] * 3] * 2
    b = UninitializedBuffer()
    assert isinstance(b, torch.nn.Buffer)
    assert not b.requires_grad
    assert repr(b) == "<UninitializedBuffer>"
    b.materialize((2,), dtype=torch.int64)
    assert type(b) is torch.Tensor
    assert b.dtype is torch.int64
    assert b.persistent
