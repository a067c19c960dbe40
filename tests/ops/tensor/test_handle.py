"""What tensors say of each other."""

import pytest

import flambeau as torch


def test_a_number_is_no_tensor_to_compare_with() -> None:
    with pytest.raises(TypeError, match=r"equal\(\): argument 'other' .* must be Tensor, not int"):
        torch.equal(torch.ones(1), 1)
    with pytest.raises(TypeError, match=r"is_same_size\(\): argument 'other' .* not int"):
        torch.ones(1).is_same_size(1)
