"""Promotion against a record of torch's answers: every pair of types, every group of operands.

PyTorch does not compute in types of eight bits; here that is done in float32, as for the half types.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flambeau.core import dtype as types
from flambeau.core import promotion
from flambeau.core.promotion import PromotionKind

RECORD = json.loads((Path(__file__).parents[1] / "data" / "promotion.json").read_text())
NAMES = RECORD["types"]
DTYPES = [types.DTYPES[name] for name in NAMES]
NUMBERS = (True, 1, 1.0, 1j)
DEFAULTS = ("float32", "float64", "bfloat16")


@pytest.fixture(params=DEFAULTS)
def default(request: pytest.FixtureRequest) -> Iterator[str]:
    before = types.get_default_dtype()
    types.set_default_dtype(types.DTYPES[request.param])
    yield request.param
    types.set_default_dtype(before)


def answer(function: Callable[..., types.dtype], *arguments: Any) -> str:
    try:
        return function(*arguments).name
    except RuntimeError:
        return "error"


def assert_table(
    rows: Iterable[Any], columns: Iterable[Any], function: Callable[..., Any], expected: list[str]
) -> None:
    columns = list(columns)
    for row, line in zip(rows, expected, strict=True):
        answers = [answer(function, row, column) for column in columns]
        assert answers == line.split(), f"row {row}"


def test_the_record_covers_every_type() -> None:
    assert sorted(NAMES) == sorted(types.DTYPES)


def test_promote_types_equals_the_record() -> None:
    assert_table(DTYPES, DTYPES, promotion.promote_types, RECORD["promote"])


def test_can_cast_equals_the_record() -> None:
    for a, line in zip(DTYPES, RECORD["can_cast"], strict=True):
        assert "".join(str(int(promotion.can_cast(a, b))) for b in DTYPES) == line, f"from {a}"


@pytest.mark.parametrize("group", [0, 1], ids=["dimensioned", "zero_dim"])
def test_within_a_group_of_tensors_types_promote(group: int) -> None:
    def both(a: types.dtype, b: types.dtype) -> types.dtype:
        groups: list[list[types.dtype]] = [[], []]
        groups[group] = [a, b]
        return promotion.result_dtype(*groups)

    assert_table(DTYPES, DTYPES, both, RECORD["promote"])


def test_dimensioned_with_zero_dim_equals_the_record() -> None:
    assert_table(DTYPES, DTYPES, lambda a, b: promotion.result_dtype([a], [b]), RECORD["dim_zero"])


def test_tensors_with_numbers_equal_the_record(default: str) -> None:
    record = RECORD[default]
    result = promotion.result_dtype
    assert_table(DTYPES, NUMBERS, lambda a, n: result([a], [], [n]), record["dim_number"])
    assert_table(DTYPES, NUMBERS, lambda a, n: result([], [a], [n]), record["zero_number"])
    assert_table(NUMBERS, NUMBERS, lambda m, n: result([], [], [m, n]), record["number_number"])


@pytest.mark.parametrize("kind", PromotionKind, ids=lambda kind: kind.name)
def test_elementwise_kinds_equal_the_record(kind: PromotionKind, default: str) -> None:
    for common, expected in zip(DTYPES, RECORD[default]["kinds"][kind.name].split(), strict=True):
        compute, result = promotion.elementwise_dtypes(kind, common)
        if common.is_alone and kind is not PromotionKind.NO_OPMATH:
            assert compute is types.float32
            compute = common
        assert f"{compute.name}/{result.name}" == expected, f"common type {common}"


def test_three_groups_are_weighed_in_turn() -> None:
    # Recorded from torch.clamp(dimensioned, zero_dim, number) and torch.clamp of three tensors.
    int8, float16, float32, float64 = types.int8, types.float16, types.float32, types.float64
    assert promotion.result_dtype([int8], [float64], [1j]) is types.complex128
    assert promotion.result_dtype([int8], [types.int64], [2]) is int8
    assert promotion.result_dtype([int8, float16], [float64], [2.5]) is float16
    assert promotion.result_dtype([int8], [float16, float32], [2.5]) is float32
    assert promotion.result_dtype([], [types.bool_], [1, 2.5]) is float32


def test_promotion_is_commutative_and_reflexive() -> None:
    for a, b in itertools.product(DTYPES, repeat=2):
        assert answer(promotion.promote_types, a, b) == answer(promotion.promote_types, b, a)
    assert all(promotion.promote_types(a, a) is a for a in DTYPES)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (np.bool_(True), "bool"),
        (np.uint8(1), "int64"),
        (np.float64(1), "float32"),
        (np.float16(1), "float32"),
        (np.complex128(1), "complex64"),
    ],
    ids=repr,
)
def test_numpy_numbers_count_by_their_category(number: Any, expected: str) -> None:
    assert promotion.number_dtype(number).name == expected


def test_errors_start_as_torch_words_them() -> None:
    match = "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
    with pytest.raises(RuntimeError, match=match + "UInt16 and Char"):
        promotion.promote_types(types.uint16, types.int8)
    match = r"promote_types\(\): argument 'type2' \(position 2\) must be torch.dtype, not int"
    with pytest.raises(TypeError, match=match):
        promotion.promote_types(types.float32, 3)  # type: ignore[arg-type]
    match = r"can_cast\(\): argument 'from_' \(position 1\) must be torch.dtype, not str"
    with pytest.raises(TypeError, match=match):
        promotion.can_cast(from_="float32", to=types.int8)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a number"):
        promotion.result_dtype([types.float32], [], ["a"])
    with pytest.raises(TypeError, match="at least one operand"):
        promotion.result_dtype([])
