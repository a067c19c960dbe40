"""New tensors: PyTorch's answers to calls of every factory, and what no single call shows."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import flambeau as torch

ANSWERS = "creation"


def test_a_call_is_answered_as_pytorch_answers_it(answer, assert_answered) -> None:
    assert_answered(answer)


FILLED = [torch.zeros, torch.ones, torch.empty]


@pytest.mark.parametrize("function", FILLED, ids=lambda f: f.__name__)
def test_sizes_come_in_every_form(function) -> None:
    shapes = [function(2, 3), function((2, 3)), function([2, 3]), function(torch.Size([2, 3]))]
    shapes += [function(size=(2, 3)), function(np.int64(2), torch.tensor(3))]
    assert {tuple(x.shape) for x in shapes} == {(2, 3)}


@pytest.mark.parametrize("function", FILLED, ids=lambda f: f.__name__)
def test_the_straight_path_sees_every_default(function) -> None:
    torch.set_default_dtype(torch.float64)
    assert function(2).dtype is torch.float64
    torch.set_default_dtype(torch.float32)
    assert function(2).dtype is torch.float32
    with torch.device("cpu"):
        assert function(2).device.type == "cpu"


def test_a_default_device_of_another_thread_does_not_reach_this_one() -> None:
    def elsewhere() -> None:
        torch.set_default_device("cuda:0")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert torch.zeros(2).device == torch.device("cpu")
    assert torch.arange(2).device == torch.device("cpu")


def test_new_memory_is_not_shared() -> None:
    x = torch.zeros(3)
    torch.zeros(3).fill_(1)
    assert x.tolist() == [0, 0, 0]
    y = torch.tensor(x._array)
    y[0] = 5
    assert x.tolist() == [0, 0, 0]


def test_out_keeps_its_dtype_and_takes_the_shape() -> None:
    out = torch.empty(5, dtype=torch.float64)
    assert torch.eye(2, out=out) is out
    assert (out.shape, out.dtype) == ((2, 2), torch.float64)
    for make in (torch.zeros, torch.ones):
        with pytest.raises(RuntimeError, match="does not match dtype of out parameter"):
            make(2, out=out, dtype=torch.int32)
    with pytest.raises(RuntimeError, match="memory"):
        torch.empty(1 << 60)


def test_gradients_are_asked_for() -> None:
    assert torch.zeros(2, requires_grad=True).requires_grad
    with pytest.raises(TypeError, match="'requires_grad' must be bool, not int"):
        torch.zeros(2, requires_grad=1)
    x = torch.ones(2, requires_grad=True)
    (torch.polar(x, x * 0.5).real.sum() + torch.complex(x, 3 * x).imag.sum()).backward()
    derivative = np.cos(0.5) - 0.5 * np.sin(0.5) + 3  # of r cos(r / 2) + 3 r at r = 1
    np.testing.assert_allclose(x.grad.numpy(), derivative, rtol=1e-6)


@pytest.mark.parametrize("rows", range(5))
@pytest.mark.parametrize("columns", range(5))
def test_eye_of_every_form(rows: int, columns: int) -> None:
    found = [[float(i == j) for j in range(columns)] for i in range(rows)]
    assert torch.eye(rows, columns).tolist() == found


# Recorded with torch.float32 and torch.float64: the last bits depend on the order of rounding.
ARANGE_TENTHS = [0.0, 0.10000000149011612, 0.20000000298023224, 0.30000001192092896]
LINSPACE_SEVENTHS = [0.0, 0.14285714285714285, 0.2857142857142857, 0.42857142857142855]


def test_values_are_rounded_as_pytorch_rounds_them() -> None:
    assert torch.arange(0, 1, 0.1)[:4].tolist() == ARANGE_TENTHS
    # 2.7 by vectors of 8: 1.6000000238 + 11 steps counted from 0.1 * 24 would give another bit.
    assert torch.arange(0, 3.2, 0.1)[27].item() == 2.700000047683716
    assert torch.linspace(0, 1, 8, dtype=torch.float64)[:4].tolist() == LINSPACE_SEVENTHS


def test_arange_has_the_exact_length() -> None:
    assert torch.arange(2**62, 2**62 + 3).tolist() == [2**62, 2**62 + 1, 2**62 + 2]
    assert torch.arange(0, 1, 0.1).numel() == 10
    assert torch.arange(1, 1.3, 0.1).numel() == 4  # the quotient is 3.0000000000000004
    assert torch.arange(0.5, 5.5, 1.5, dtype=torch.int32).tolist() == [0, 1, 2, 3]


def test_a_buffer_is_shared_until_it_is_copied() -> None:
    memory = bytearray(b"abcd")
    shared = torch.frombuffer(memory, dtype=torch.uint8)
    copied = torch.asarray(memory, dtype=torch.uint8, copy=True)
    memory[0] = 0
    assert shared.tolist() == [0, 98, 99, 100]
    assert copied.tolist() == [97, 98, 99, 100]
    array = np.zeros(2)
    for alias in (torch.from_numpy(array), torch.as_tensor(array), torch.asarray(array)):
        array += 1
        assert alias.tolist() == array.tolist()


def test_bytes_cannot_be_written_through_a_tensor() -> None:
    with pytest.warns(UserWarning, match="not writable"):
        x = torch.frombuffer(b"ab", dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="read-only"):
        x.fill_(0)


def test_as_tensor_gives_back_what_fits() -> None:
    x = torch.ones(2)
    assert torch.as_tensor(x) is x
    assert torch.asarray(x) is x
    with pytest.warns(UserWarning, match="copy construct"):
        assert torch.tensor(x) is not x


def test_windows_equal_their_definitions() -> None:
    n = np.arange(9)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 9)
    np.testing.assert_allclose(torch.hann_window(9).numpy(), hann, atol=1e-7)
    gaussian = np.exp(-(((n - 4) / 2.0) ** 2) / 2)
    np.testing.assert_allclose(
        torch.signal.windows.gaussian(9, std=2.0).numpy(), gaussian, atol=1e-7
    )
