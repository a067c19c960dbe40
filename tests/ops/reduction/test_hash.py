"""hash_tensor; values are PyTorch 2.13.0's."""

import pytest

import flambeau as torch

HASHES = [
    ([1.0, 2.0, 3.0], torch.float32, 4609434218613702656),
    ([1.5, 2.5], torch.float64, 9222246136947933184),
    ([1.5, 2.5, 3.0], torch.bfloat16, 4608308318706860032),
    ([1.5, 2.5, -3.0], torch.float16, 13831680355561635840),
    ([1, 2, 3], torch.int64, 0),
    ([1, 2, 3], torch.int32, 0),
    ([-1, 5], torch.int8, 18446744073709551610),
    ([True, False, True], torch.bool, 0),
]


@pytest.mark.parametrize(("values", "dtype", "expected"), HASHES)
def test_hashes(values, dtype, expected):
    result = torch.hash_tensor(torch.tensor(values, dtype=dtype))
    assert (result.dtype, result.shape, result.item()) == (torch.uint64, (), expected)


def test_hashes_along_dimensions():
    x = torch.tensor([[1, 2], [3, 4]])
    assert x.hash_tensor(1).tolist() == [3, 7]
    result = torch.hash_tensor(x.float(), dim=(0,), keepdim=True)
    assert result.tolist() == [[9221120237041090560, 4503599627370496]]
    with pytest.raises(IndexError, match="to have non-zero size"):
        torch.hash_tensor(torch.ones(0, 2), 0)


def test_what_has_no_hash():
    with pytest.raises(RuntimeError, match="Expected reduction dim"):
        torch.hash_tensor(torch.tensor([]))
    with pytest.raises(NotImplementedError, match="complex64"):
        torch.hash_tensor(torch.ones(2, dtype=torch.complex64))
    with pytest.raises(RuntimeError, match="unknown mode 1"):
        torch.hash_tensor(torch.ones(2), mode=1)
