"""Python numbers on their way into tensors. What is expected was seen in PyTorch 2.13."""

from __future__ import annotations

import math
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


SETS = {
    "an integer": lambda x, v: x.__setitem__(0, v),
    "a slice": lambda x, v: x.__setitem__(slice(0, 1), v),
    "a mask": lambda x, v: x.__setitem__(MASK, v),
    "an index": lambda x, v: x.__setitem__(PLACE, v),
}


@pytest.mark.parametrize("how", SETS)
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int8, torch.int64, torch.float16, torch.float32, torch.complex64]
)
def test_assignment_takes_integers_of_64_bits(how: str, dtype: Any) -> None:
    for value in (2**63, 2**64, 10**30, -(2**63) - 1):
        x = torch.zeros(2, dtype=dtype)
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            SETS[how](x, value)
        assert not x.any()


def test_assignment_of_what_uint64_holds() -> None:
    x = torch.zeros(2, dtype=torch.uint64)
    x[0] = 2**63
    assert x.tolist() == [2**63, 0]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_a_number_that_rounds_to_the_largest_is_held(write: str, dtype: Any) -> None:
    """The largest float32 is 3.40282346638528860e38; half a step above it is 3.40282356779733661e38."""
    largest = torch.finfo(torch.float32).max
    for value in (3.4028235e38, -3.4028235e38):
        made = WRITES[write](torch.zeros(2, dtype=dtype), value)
        assert abs(made[0].item()) == largest
    for value in (3.4028236e38, 3.402823567797337e38):
        with pytest.raises(RuntimeError, match="without overflow"):
            WRITES[write](torch.zeros(2, dtype=dtype), value)


ARITHMETIC = {
    "+": lambda x, v: x + v,
    "reflected +": lambda x, v: v + x,
    "-": lambda x, v: x - v,
    "*": lambda x, v: x * v,
    "/": lambda x, v: x / v,
    "+=": lambda x, v: x.__iadd__(v),
    "==": lambda x, v: x == v,
    "<": lambda x, v: x < v,
    ">": lambda x, v: x > v,
    "add": lambda x, v: torch.add(x, v),
    "where": lambda x, v: torch.where(x > 0, x, v),
}


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("shape", [(2,), ()])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bfloat16, torch.float32])
def test_integers_of_more_than_64_bits_are_refused(name: str, shape: Any, dtype: Any) -> None:
    for value in (2**64, 10**30, -(2**63) - 1):
        with pytest.raises(OverflowError, match="int too big to convert"):
            ARITHMETIC[name](torch.ones(shape, dtype=dtype), value)


def test_a_float_of_the_same_value_makes_no_integer_valid() -> None:
    x = torch.ones(2)
    assert (x + 2.0**64).tolist() == [2.0**64] * 2
    with pytest.raises(OverflowError):
        x + 2**64
    assert (x + math.inf).isinf().all()


def test_bools_with_integers_beyond_int64() -> None:
    for name in ("+", "*", "==", "<"):
        with pytest.raises(RuntimeError, match="without overflow"):
            ARITHMETIC[name](torch.ones(2, dtype=torch.bool), 2**63)
    assert (torch.ones(1, dtype=torch.int64) + 2**63).tolist() == [-(2**63) + 1]  # wraps around


@pytest.mark.parametrize("value", [300, -1, 1e39, math.inf, math.nan, 2**64, 300.7])
def test_padding_holds_its_value(value: float) -> None:
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.nn.functional.pad(torch.zeros(2, dtype=torch.uint8), (0, 1), value=value)
    assert torch.nn.functional.pad(torch.zeros(1), (0, 1), value=2.5).tolist() == [0, 2.5]
