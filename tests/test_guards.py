"""Small private functions of PyTorch that packages call."""

import pytest

import flambeau as torch
from flambeau._guards import active_fake_mode, detect_fake_mode
from flambeau._subclasses import FakeTensorMode


def test_asserted_tensors():
    torch._assert_async(torch.tensor([True]))
    with pytest.raises(RuntimeError, match="single nonzero value, but got zero"):
        torch._assert_async(torch.tensor(0))
    with pytest.raises(RuntimeError, match="too dark"):
        torch._assert_async(torch.tensor(0.0), "too dark")
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        torch._assert_async(torch.ones(2))
    with pytest.raises(RuntimeError, match="no values is ambiguous"):
        torch._assert_async(torch.ones(0))
    with pytest.raises(TypeError, match="must be Tensor, not bool"):
        torch._assert_async(True)
    with pytest.raises(RuntimeError, match="odd"):
        torch._assert_scalar(1 % 2 == 0, "odd")


def test_fake_modes_in_force():
    assert active_fake_mode() is None
    assert detect_fake_mode(torch.ones(2)) is None
    with FakeTensorMode() as mode:
        assert active_fake_mode() is mode
        assert detect_fake_mode() is mode
        x = torch.ones(2)
    assert detect_fake_mode([1, {"a": x}]) is mode
    with FakeTensorMode(), pytest.raises(AssertionError, match="several fake modes"):
        detect_fake_mode(x)


def test_levels_and_transforms_in_force():
    forward_ad = torch.autograd.forward_ad
    assert forward_ad._current_level == -1
    with forward_ad.dual_level():
        assert forward_ad._current_level == 0
    active = torch._C._are_functorch_transforms_active
    seen = []
    torch.vmap(lambda x: (seen.append(active()), x)[1])(torch.ones(2))
    assert [*seen, active()] == [True, False]


def test_shapes_as_tensors():
    x = torch.ones(2, 3)
    assert torch._shape_as_tensor(x).tolist() == [2, 3]
    assert torch._reshape_from_tensor(x, torch.tensor([3, 2])).shape == (3, 2)


def test_storage_base():
    assert isinstance(torch.ones(2).untyped_storage(), torch.StorageBase)
    assert not issubclass(torch.TypedStorage, torch.StorageBase)
