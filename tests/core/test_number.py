"""Python numbers on their way into tensors. What is expected was seen in PyTorch 2.13."""

from __future__ import annotations

from typing import Any

import pytest

import flambeau as torch

MASK = torch.tensor([True, False])
PLACE = torch.tensor([0])
WRITES = {
    "masked_fill": lambda x, v: x.masked_fill(MASK, v),
    "scatter": lambda x, v: x.scatter(0, PLACE, v),
    "full": lambda x, v: torch.full((2,), v, dtype=x.dtype),
    "fill_": lambda x, v: x.fill_(v),
}
C_NAMES = {
    torch.uint8: "uint8_t",
    torch.int8: "int8_t",
    torch.int16: "int16_t",
    torch.int32: "int",
    torch.int64: "int64_t",
    torch.float16: "c10::Half",
    torch.bfloat16: "c10::BFloat16",
    torch.float32: "float",
    torch.complex64: "c10::complex<float>",
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", C_NAMES, ids=str)
def test_a_number_that_does_not_fit_is_refused_by_the_c_name(write: str, dtype: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot be converted to type") as caught:
        WRITES[write](torch.zeros(2, dtype=dtype), 1e300)
    assert f"type {C_NAMES[dtype]} without overflow" in str(caught.value)


@pytest.mark.parametrize("write", ["masked_fill", "scatter", "full"])
def test_integers_have_64_bits(write: str) -> None:
    for dtype in (torch.bool, torch.int8, torch.int64, torch.bfloat16):
        with pytest.raises(OverflowError, match="int too big to convert"):
            WRITES[write](torch.zeros(2, dtype=dtype), 2**64)


@pytest.mark.parametrize("write", WRITES)
def test_every_number_is_true_or_false(write: str) -> None:
    assert WRITES[write](torch.zeros(2, dtype=torch.bool), 2 + 1j).tolist()[0] is True
    assert WRITES[write](torch.ones(2, dtype=torch.bool), 0.0).tolist()[0] is False


@pytest.mark.parametrize("write", WRITES)
def test_negative_integers_wrap_into_unsigned_types(write: str) -> None:
    assert WRITES[write](torch.zeros(2, dtype=torch.uint8), -200).tolist()[0] == 56
    with pytest.raises(RuntimeError, match="uint8_t"):
        WRITES[write](torch.zeros(2, dtype=torch.uint8), -300)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("key", [slice(None), 0, PLACE, MASK], ids=str)
def test_numbers_set_at_a_key_become_infinite_in_16_bits(dtype: Any, key: Any) -> None:
    x = torch.zeros(2, dtype=dtype)
    x[key] = 1e300
    assert x.tolist()[0] == float("inf")


def test_types_of_masks_are_told_by_their_c_names() -> None:
    names = {
        "uint8": "unsigned char",
        "int16": "short int",
        "int64": "long int",
        "uint32": "unsigned int",
        "bfloat16": "c10::BFloat16",
        "complex128": "c10::complex<double>",
    }
    for dtype, name in names.items():
        mask = torch.zeros(2, dtype=getattr(torch, dtype))
        with pytest.raises(RuntimeError, match="boolean masks") as caught:
            torch.zeros(2).masked_fill(mask, 1.0)
        assert str(caught.value).endswith(f"dtype {name}")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_floats_hold_ints_beyond_int64(dtype, value):
    expected = float("inf") if dtype is torch.float16 else float(value)
    assert torch.full((1,), value, dtype=dtype).item() == expected
    assert torch.zeros(1, dtype=dtype).fill_(value).item() == expected
