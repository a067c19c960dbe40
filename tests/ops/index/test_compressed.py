"""Row numbers and row pointers: values recorded from PyTorch."""

import pytest

import flambeau as torch


def test_pointers_of_row_numbers():
    rows = torch.tensor([0, 0, 1, 3])
    assert torch._convert_indices_from_coo_to_csr(rows, 4).tolist() == [0, 2, 3, 3, 4]
    short = torch._convert_indices_from_coo_to_csr(rows, 5, out_int32=True)
    assert short.tolist() == [0, 2, 3, 3, 4, 4]
    assert short.dtype is torch.int32
    assert torch._convert_indices_from_coo_to_csr(rows[:0], 2).tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="supposed to be a vector"):
        torch._convert_indices_from_coo_to_csr(rows.view(2, 2), 4)


def test_row_numbers_of_pointers():
    pointers, columns = torch.tensor([0, 2, 3, 3, 4]), torch.tensor([0, 1, 2, 3])
    found = torch._convert_indices_from_csr_to_coo(pointers, columns)
    assert found.tolist() == [[0, 0, 1, 3], [0, 1, 2, 3]]
    turned = torch._convert_indices_from_csr_to_coo(
        pointers, columns, transpose=True, out_int32=True
    )
    assert turned.tolist() == [[0, 1, 2, 3], [0, 0, 1, 3]]
    assert turned.dtype is torch.int32


def test_row_numbers_of_batches():
    pointers = torch.tensor([[0, 1, 2], [0, 0, 2]])
    columns = torch.tensor([[1, 0], [0, 1]])
    found = torch._convert_indices_from_csr_to_coo(pointers, columns)
    assert found.tolist() == [[0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 1]]
