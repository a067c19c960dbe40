"""torch.Size: what it prints, what stays a Size, what it refuses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from flambeau.core.size import Size, trusted

SHAPE = Size([2, 3, 4])


class Seven:
    def __index__(self) -> int:
        return 7


def assert_size(value: Any, expected: str) -> None:
    assert type(value) is Size
    assert repr(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Size(), "torch.Size([])"),
        (Size((2, 3)), "torch.Size([2, 3])"),
        (Size(range(3)), "torch.Size([0, 1, 2])"),
        (Size([True, Seven(), np.int64(3), np.array(4)]), "torch.Size([1, 7, 3, 4])"),
        (trusted((5, 6)), "torch.Size([5, 6])"),
        (SHAPE[1:], "torch.Size([3, 4])"),
        (SHAPE[::2], "torch.Size([2, 4])"),
        (SHAPE + (1,), "torch.Size([2, 3, 4, 1])"),  # noqa: RUF005
        ((1,) + SHAPE, "torch.Size([1, 2, 3, 4])"),  # noqa: RUF005
        (SHAPE + SHAPE[:1], "torch.Size([2, 3, 4, 2])"),
        (SHAPE[:2] * 2, "torch.Size([2, 3, 2, 3])"),
        (2 * SHAPE[:1], "torch.Size([2, 2])"),
        (sum([Size([1]), Size([2])], ()), "torch.Size([1, 2])"),
        (copy.copy(SHAPE), "torch.Size([2, 3, 4])"),
        (copy.deepcopy(SHAPE), "torch.Size([2, 3, 4])"),
        (pickle.loads(pickle.dumps(SHAPE)), "torch.Size([2, 3, 4])"),
    ],
)
def test_is_a_size(value: Any, expected: str) -> None:
    assert_size(value, expected)


def test_items_are_plain_ints() -> None:
    assert [type(item) for item in Size([True, Seven(), np.int32(3)])] == [int, int, int]


def test_behaves_as_the_tuple() -> None:
    assert SHAPE == (2, 3, 4)
    assert hash(SHAPE) == hash((2, 3, 4))
    assert SHAPE[-1] == 4
    assert f"{SHAPE}" == str(SHAPE) == "torch.Size([2, 3, 4])"
    first, *rest = SHAPE
    assert (first, rest) == (2, [3, 4])


@pytest.mark.parametrize(("shape", "count"), [((2, 3, 4), 24), ((), 1), ((0, 3), 0)])
def test_numel(shape: tuple[int, ...], count: int) -> None:
    assert Size(shape).numel() == count


@pytest.mark.parametrize(
    ("items", "position", "name"),
    [
        ([1.5], 0, "float"),
        ("ab", 0, "str"),
        ([1, None], 1, "NoneType"),
        ([2, 3, np.array([1, 2])], 2, "ndarray"),
        ([Size([1])], 0, "Size"),
    ],
)
def test_refuses_what_is_no_integer(items: Any, position: int, name: str) -> None:
    match = rf"torch.Size\(\) takes an iterable of 'int' \(item {position} is '{name}'\)"
    with pytest.raises(TypeError, match=match):
        Size(items)


def test_refuses_other_operands() -> None:
    with pytest.raises(TypeError, match="item 3 is 'float'"):
        SHAPE + (1.5,)  # noqa: RUF005
    for other in ([1], 3, None):
        with pytest.raises(TypeError):
            SHAPE + other  # type: ignore[operator]
        with pytest.raises(TypeError):
            other + SHAPE  # type: ignore[operator]
    with pytest.raises(TypeError):
        SHAPE * 1.5  # type: ignore[operator]


def test_is_closed() -> None:
    with pytest.raises(AttributeError):
        SHAPE.name = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Shape", (Size,), {})
