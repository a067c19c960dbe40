"""autocast that is switched without a block, as in PyTorch 2.13.0."""

import pytest

import flambeau as torch
from flambeau.core.handler import casters

X = torch.ones(2, 2)


@pytest.fixture(autouse=True)
def switched_back():
    before = len(casters)
    yield
    torch.set_autocast_enabled("cpu", False)
    torch.set_autocast_cpu_dtype(torch.bfloat16)
    torch.set_autocast_gpu_dtype(torch.float16)
    assert len(casters) == before


def test_it_stays_on_until_it_is_switched_off():
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_enabled("cpu", True)
    assert torch.is_autocast_enabled("cpu")
    assert (X @ X).dtype is torch.bfloat16
    torch.set_autocast_cpu_enabled(False)
    assert not torch.is_autocast_cpu_enabled()
    assert (X @ X).dtype is torch.float32


def test_blocks_put_back_what_was_before():
    with torch.autocast("cpu"):
        torch.set_autocast_enabled("cpu", False)
        assert (X @ X).dtype is torch.float32
    assert not torch.is_autocast_enabled("cpu")
    torch.set_autocast_enabled("cpu", True)
    with torch.autocast("cpu", enabled=False):
        assert not torch.is_autocast_enabled("cpu")
    assert torch.is_autocast_enabled("cpu")


def test_dtypes_by_device():
    torch.set_autocast_cpu_dtype(torch.float16)
    torch.set_autocast_gpu_dtype(torch.bfloat16)
    assert torch.get_autocast_dtype("cpu") is torch.float16
    assert torch.get_autocast_gpu_dtype() is torch.bfloat16
    torch.set_autocast_enabled("cpu", True)
    assert (X @ X).dtype is torch.float16


def test_a_device_that_is_not_there():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        torch.set_autocast_enabled(True)
    torch.set_autocast_enabled(False)
    assert not torch.is_autocast_enabled()


def test_blocks_entered_by_hand_are_counted():
    assert torch.autocast_increment_nesting() == 1
    assert torch.autocast_increment_nesting() == 2
    assert torch.autocast_decrement_nesting() == 1
    assert torch.autocast_decrement_nesting() == 0
