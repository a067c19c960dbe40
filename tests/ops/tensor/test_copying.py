"""copy, deepcopy, pickle, and tensors as Python objects."""

import copy
import pickle
import weakref

import pytest

import flambeau as torch


class Tagged(torch.Tensor):
    pass


def shared(x, y):
    return x.untyped_storage() is y.untyped_storage()


@pytest.fixture
def x():
    made = torch.arange(6.0).reshape(2, 3)
    made.note = ["a"]
    return made


def pickled(value, protocol=4):
    return pickle.loads(pickle.dumps(value, protocol))


def test_copy_shares_memory(x):
    other = copy.copy(x)
    assert other is not x
    assert shared(other, x)
    assert other.note is x.note
    weight = torch.ones(2, requires_grad=True)
    assert copy.copy(weight).requires_grad
    assert copy.copy(weight * 2).grad_fn is None
    assert type(copy.copy(torch.nn.Parameter(x))) is torch.nn.Parameter
    assert type(copy.copy(x.as_subclass(Tagged))) is Tagged


def test_deepcopy_keeps_what_is_shared(x):
    whole, row = copy.deepcopy([x, x[1]])
    assert shared(whole, row)
    assert not shared(whole, x)
    assert row.storage_offset() == 3
    assert row.tolist() == [3.0, 4.0, 5.0]
    assert whole.note == ["a"]
    assert whole.note is not x.note
    first, second = copy.deepcopy([x, x])
    assert first is second
    alone = copy.deepcopy(x[1])
    assert (alone.untyped_storage().nbytes(), alone.storage_offset()) == (24, 3)
    assert copy.deepcopy(x.t()).stride() == (1, 3)
    assert copy.deepcopy(torch.ones(1).expand(3)).stride() == (0,)


def test_deepcopy_of_leaves():
    weight = torch.ones(2, requires_grad=True)
    weight.sum().backward()
    other = copy.deepcopy(weight)
    assert other.requires_grad
    assert other.is_leaf
    assert other.grad.tolist() == [1.0, 1.0]
    assert other.grad is not weight.grad
    with pytest.raises(
        RuntimeError, match=r"Only Tensors created explicitly by the user \(graph l"
    ):
        copy.deepcopy(weight * 2)
    assert type(copy.deepcopy(torch.nn.Parameter(weight))) is torch.nn.Parameter


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(x, protocol):
    whole, row = pickled([x, x[1]], protocol)
    assert whole.tolist() == x.tolist()
    assert whole.note == ["a"]
    assert shared(whole, row)
    assert row.storage_offset() == 3
    whole[1, 0] = 9  # and the memory is writable
    assert row[0].item() == 9.0


def test_pickle_keeps_class_dtype_strides_and_grad():
    values = [torch.tensor([True]), torch.tensor(1j), torch.ones(2).bfloat16(), torch.zeros(0, 3)]
    for value in values:
        other = pickled(value)
        assert (other.dtype, other.shape) == (value.dtype, value.shape)
        assert other.tolist() == value.tolist()
    assert pickled(torch.zeros(2, 3).t()).stride() == (1, 3)
    weight = torch.ones(2, requires_grad=True)
    assert pickled(weight).requires_grad
    assert pickled(weight * 2).requires_grad
    assert pickled(weight * 2).is_leaf
    assert type(pickled(torch.nn.Parameter(weight))) is torch.nn.Parameter
    assert repr(pickled(torch.ones(2).as_subclass(Tagged))) == "Tagged([1., 1.])"


def test_identity(x):
    y = x[1]
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1
    assert (x == x).tolist() == [[True] * 3] * 2
    assert weakref.ref(x)() is x
    assert "note" in dir(x)
    assert "shape" in dir(x)
    del x.note
    with pytest.raises(AttributeError):
        x.note  # noqa: B018


def test_data():
    weight = torch.ones(2, requires_grad=True)
    data = weight.data
    assert not data.requires_grad
    assert shared(data, weight)
    data.add_(1)
    assert weight.tolist() == [2.0, 2.0]
    assert weight._version == 0
    weight.data = torch.zeros(3)
    assert weight.shape == (3,)
    assert weight.requires_grad
    (weight * 2).sum().backward()
    assert weight.grad.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(
        RuntimeError, match="data set to a tensor that requires gradients must be fl"
    ):
        weight.data = torch.zeros(3, dtype=torch.int32)
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got int"):
        weight.data = 3


def test_what_a_tensor_is_not(x):
    assert x.layout is torch.strided
    assert x.is_cpu
    assert x.get_device() == -1
    names = ("cuda", "meta", "mps", "sparse", "quantized", "xpu", "mkldnn", "nested")
    assert not any(getattr(x, f"is_{name}") for name in names)
    assert (x.sparse_dim(), x.dense_dim()) == (0, 2)
    assert not x.is_shared()
    assert not x.is_distributed()
    assert x.name is None
    assert x.dim_order() == (0, 1)
    assert x.t().dim_order() == (1, 0)
    with pytest.raises(RuntimeError, match="is_coalesced expected sparse coordinate tensor layout"):
        x.is_coalesced()
    with pytest.raises(AttributeError):
        x.shape = (3, 2)


def test_data_holds_no_history():
    weight = torch.ones(4, requires_grad=True)
    view = (weight * 2)[1:]
    alive = weakref.ref(view._base)
    data = view.data
    del view
    assert data.storage_offset() == 1
    assert alive() is None


def every_kind_of_copy():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    base = torch.ones(4)
    tagged = torch.ones(2).as_subclass(Tagged)
    return [torch.nn.Linear(2, 2), parameter, base[1:], base, tagged, base.untyped_storage()]


def test_what_the_memo_knows_by_its_id_lives_as_long_as_the_memo():
    """Or another object gets the id, and with it a copy that is not its own."""
    for item in every_kind_of_copy():
        memo = {}
        copy.deepcopy(item, memo)
        numbers = {key[1] if isinstance(key, tuple) else key for key in memo}
        assert numbers - {id(memo)} <= {id(kept) for kept in memo[id(memo)]}


def test_temporaries_at_one_address_are_copied_apart(monkeypatch):
    """As happens by chance, made to happen: all that is detached while copying has one id."""
    addresses = []
    layer = torch.nn.ParameterList([torch.full((3,), float(i)) for i in range(50)])
    detach = torch.Tensor.detach

    def noted(self):
        found = detach(self)
        addresses.append(id(found))
        return found

    monkeypatch.setattr(torch.Tensor, "detach", noted)
    made = copy.deepcopy(layer)
    assert len(set(addresses)) == len(addresses) == 50
    assert [p[0].item() for p in made] == [float(i) for i in range(50)]
