"""In-place methods under every name of their functions, and what is asked of a tensor by functions."""

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    ("name", "same", "args"),
    [
        ("absolute_", "abs_", ()),
        ("negative_", "neg_", ()),
        ("multiply_", "mul_", (3,)),
        ("arctan2_", "atan2_", (torch.tensor([2.0, 1.0]),)),
        ("greater_equal_", "ge_", (0,)),
        ("arcsinh_", "asinh_", ()),
    ],
)
def test_aliases_write_too(name, same, args):
    x, y = torch.tensor([-1.5, 2.0]), torch.tensor([-1.5, 2.0])
    assert getattr(x, name)(*args) is x
    assert torch.equal(x, getattr(y, same)(*args))
    assert not torch.equal(x, torch.tensor([-1.5, 2.0]))


def test_questions_of_tensors():
    x = torch.ones(2, dtype=torch.complex64)
    assert [torch.is_conj(x.conj()), x.is_conj(), x.is_neg(), torch.is_neg(x)] == [False] * 4
    assert torch.is_same_size(x, torch.ones(2))
    assert not x.is_same_size(torch.ones(1))
    assert torch.get_device(x) == x.get_device() == -1
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.is_same_size(x, 1)
    assert torch.vmap(lambda x: x * (2 if x.is_conj() else 3))(torch.ones(2)).tolist() == [3, 3]
