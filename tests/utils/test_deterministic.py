"""Memory that nobody filled, where programs are to be deterministic; behaviour is PyTorch 2.13.0's."""

import math

import pytest

import flambeau as torch


@pytest.fixture
def demanded():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


MADE = {
    "empty": lambda: torch.empty(2),
    "empty of a size": lambda: torch.empty((2, 3), dtype=torch.float16),
    "empty_like": lambda: torch.empty_like(torch.ones(2)),
    "empty_like of a dtype": lambda: torch.empty_like(torch.ones(2), dtype=torch.float64),
    "new_empty": lambda: torch.ones(2).new_empty(3),
    "empty_strided": lambda: torch.empty_strided((2,), (1,)),
    "bfloat16": lambda: torch.empty(2, dtype=torch.bfloat16),
    "another layout": lambda: torch.empty(1, 2, 2, 2, memory_format=torch.channels_last),
    "large": lambda: torch.empty(100_000),
}


@pytest.mark.parametrize("name", MADE)
def test_floats_are_nan(name, demanded):
    assert MADE[name]().isnan().all()


def test_other_dtypes_hold_what_is_largest(demanded):
    assert torch.empty(2, dtype=torch.int32).tolist() == [2**31 - 1] * 2
    assert torch.empty(2, dtype=torch.uint8).tolist() == [255] * 2
    assert torch.empty(2, dtype=torch.bool).tolist() == [True] * 2
    number = torch.empty(1, dtype=torch.complex64).item()
    assert math.isnan(number.real)


def test_resize_fills_what_is_new(demanded):
    x = torch.ones(2).resize_(4)
    assert x[:2].tolist() == [1.0, 1.0]
    assert x[2:].isnan().all()
    assert torch.ones(1, dtype=torch.int64).resize_(2).tolist() == [1, 2**63 - 1]


def test_only_shapes_are_made_on_meta(demanded):
    assert torch.empty(2, device="meta").shape == (2,)
    assert torch.empty_like(torch.ones(3, device="meta")).shape == (3,)


def test_it_can_be_left_out(demanded):
    assert torch.utils.deterministic.fill_uninitialized_memory is True
    torch.utils.deterministic.fill_uninitialized_memory = False
    assert not torch.ones(2).resize_(4).isnan().any()
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert torch.empty(2).isnan().all()
    torch.use_deterministic_algorithms(False)
    assert not torch.ones(2).resize_(4).isnan().any()
    torch.set_deterministic_debug_mode("warn")
    assert torch.empty(2).isnan().all()


def test_it_is_a_bool():
    with pytest.raises(RuntimeError, match="expected a bool, but got int"):
        torch.utils.deterministic.fill_uninitialized_memory = 3
