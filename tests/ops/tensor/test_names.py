"""Methods by other names, and those that only say where to go; behaviour is PyTorch 2.13.0's."""

import pytest

import flambeau as torch


def test_in_place_methods_by_their_long_names():
    x = torch.tensor([1.0, -2.0])
    assert x.absolute_() is x
    assert x.negative_().tolist() == [-1.0, -2.0]
    assert x.multiply_(3).tolist() == [-3.0, -6.0]
    assert x.arccos_.__name__ == x.acos_.__name__
    assert torch.negative_(x) is x
    assert not hasattr(torch, "absolute_")
    assert not hasattr(torch, "multiply_")


def test_nothing_waits_to_be_conjugated():
    x = torch.tensor([1 + 2j])
    assert not torch.is_conj(x.conj())
    assert not x.conj().imag.is_neg()
    assert x.conj().imag.tolist() == [-2.0]


def test_what_is_asked_of_places():
    x = torch.ones(2)
    assert torch.get_device(x) == x.get_device() == -1
    assert torch.is_same_size(x, torch.zeros(2))
    assert not x.is_same_size(torch.ones(3))
    assert not torch.is_distributed(x)
    assert x.const_data_ptr() == x.data_ptr()


def test_resize_gives_another_shape():
    x = torch.arange(4.0, requires_grad=True)
    with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
        y = x.resize(2, 2)
    assert y.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    y[1].sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0, 1.0]
    with pytest.warns(UserWarning, match="deprecated"):
        assert x.resize_as(torch.ones(4, 1)).shape == (4, 1)
    with (
        pytest.warns(UserWarning, match="deprecated"),
        pytest.raises(RuntimeError, match=r"requested resize to 3 \(3 elements in total\)"),
    ):
        x.resize(3)


@pytest.mark.parametrize("name", ["eig", "symeig", "lstsq", "solve", "matrix_rank"])
def test_removed_functions_say_where_to_go(name):
    x = torch.eye(2)
    with pytest.raises(RuntimeError, match=r"now removed. Use torch\.linalg\."):
        getattr(torch, name)(x, x)
    if name != "matrix_rank":
        with pytest.raises(RuntimeError, match="now removed"):
            getattr(x, name)(x)


def test_reinforce_says_where_to_go():
    with pytest.raises(RuntimeError, match=r"Use torch\.distributions instead"):
        torch.ones(2).reinforce(1)


@pytest.mark.parametrize("name", ["xpu", "mtia", "ipu"])
def test_devices_that_are_not_there(name):
    for value in (torch.ones(2), torch.nn.Linear(1, 1)):
        with pytest.raises((RuntimeError, AssertionError), match=f"(?i){name}"):
            getattr(value, name)()
