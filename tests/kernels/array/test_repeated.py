"""One value everywhere: what is remembered of a layout makes and writes what was made and written at first."""

import numpy as np
import pytest

import flambeau as torch

TIMES = 5
DTYPES = ["float32", "float64", "bfloat16", "int64", "uint8", "bool", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (70, 300)])
def test_what_is_made(shape, dtype):
    x = torch.zeros(shape, dtype=getattr(torch, dtype))
    for form in (x, x.t(), x[::2, ::3], x[:1].expand(4, shape[1])):
        for _ in range(TIMES):
            for made, value in (
                (torch.zeros_like(form), 0),
                (torch.ones_like(form), 1),
                (torch.full_like(form, 1), 1),
                (torch.fill(form, 1), 1),
                (form.new_full(form.shape, 1), 1),
                (form.new_ones(*form.shape), 1),
            ):
                assert made.dtype is x.dtype
                assert made.shape == form.shape
                assert (made == value).all()
                made.fill_(0)  # no other is made of the same memory


@pytest.mark.parametrize("value", [1.5, -0.0, float("nan"), float("inf"), 3, True])
@pytest.mark.parametrize("size", [15, 2047, 2049, 40000])
def test_what_is_written(value, size):
    whole = torch.full((4, size), 7.0)
    for form in (whole[1], whole[:2].t()[:, 1:], whole[::2, ::3]):
        whole.copy_(torch.full((4, size), 7.0))
        expected = whole.numpy().copy()
        at = np.zeros_like(expected)
        torch.from_numpy(at).as_strided(form.shape, form.stride(), form.storage_offset()).fill_(1)
        for _ in range(TIMES):
            assert form.fill_(value) is form
        expected[at == 1] = value
        assert np.array_equal(whole.numpy().view(np.int32), expected.view(np.int32))
        for _ in range(TIMES):
            form.fill_(3).zero_()
        expected[at == 1] = 0
        assert np.array_equal(whole.numpy(), expected)


def test_a_number_that_does_not_fit_is_refused_each_time():
    x = torch.zeros(3, dtype=torch.uint8)
    for _ in range(TIMES):
        with pytest.raises(RuntimeError):
            x.fill_(1000)
        with pytest.raises(RuntimeError):
            torch.full_like(x, 1000)


def test_defaults_are_asked_for_each_time():
    for _ in range(TIMES):
        assert torch.full((3,), 2.0).dtype is torch.ones(3).dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.full((3,), 2.0).dtype is torch.ones(3).dtype is torch.float64
        assert torch.rand(3).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert torch.full((3,), 2.0).is_meta
        assert torch.ones(3).is_meta
        assert torch.rand(3).is_meta
