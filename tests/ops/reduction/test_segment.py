"""segment_reduce, against loops and what PyTorch 2.13 gave."""

from __future__ import annotations

import math
from typing import Any

import pytest

import flambeau as torch

DATA = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
LENGTHS = torch.tensor([2, 0, 3, 1])
EMPTY = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}
VALUES = {
    "sum": [3.0, 12.0, 6.0],
    "mean": [1.5, 4.0, 6.0],
    "max": [2.0, 5.0, 6.0],
    "min": [1.0, 3.0, 6.0],
    "prod": [2.0, 60.0, 6.0],
}
INITIAL = {
    "sum": [13, 10, 22, 16],
    "mean": [6.5, 10, 22 / 3, 16],
    "max": [10, 10, 10, 10],
    "min": [1, 10, 3, 6],
    "prod": [20, 10, 600, 60],
}


def same(got: torch.Tensor, expected: list[float]) -> None:
    assert got.flatten().tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str
)
@pytest.mark.parametrize("how", VALUES)
def test_values(how: str, dtype: Any) -> None:
    x = torch.tensor(DATA, dtype=dtype)
    first, *rest = VALUES[how]
    for options in (
        {"lengths": LENGTHS},
        {"lengths": LENGTHS.int()},
        {"offsets": torch.tensor([0, 2, 2, 5, 6])},
    ):
        made = torch.segment_reduce(x, how, **options)
        assert made.dtype is dtype
        same(made, [first, EMPTY[how], *rest])
    made = torch.segment_reduce(x, how, lengths=LENGTHS, initial=10)
    assert made.tolist() == pytest.approx(INITIAL[how], rel=0.01)


GRADIENTS = {
    "sum": [1.0, 1, 3, 3, 3, 4],
    "mean": [0.5, 0.5, 1, 1, 1, 4],
    "max": [0.5, 0.5, 1.5, 1.5, 0, 4],
    "min": [0.5, 0.5, 0, 0, 3, 4],
    "prod": [1.0, 1, 0, 0, 27, 4],
}


@pytest.mark.parametrize("how", GRADIENTS)
def test_gradients_are_shared_by_ties_and_go_around_zeros(how: str) -> None:
    x = torch.tensor([1.0, 1, 3, 3, 0, 0], requires_grad=True)
    y = torch.segment_reduce(x, how, lengths=torch.tensor([2, 3, 1]))
    (y * torch.tensor([1.0, 3, 4])).sum().backward()
    same(x.grad, GRADIENTS[how])  # type: ignore[arg-type]


@pytest.mark.parametrize("how", VALUES)
@pytest.mark.parametrize("initial", [None, 0.25])
def test_gradients_to_second_order(how: str, initial: float | None) -> None:
    lengths = torch.tensor([[2, 0, 3], [1, 2, 2]])
    x = torch.linspace(0.5, 2.5, 20, dtype=torch.float64).reshape(2, 5, 2).flip(1)
    x = (x * torch.tensor([1.0, -1.0, 2.0, 1.0, -3.0], dtype=torch.float64)[:, None]).detach()

    def f(x: torch.Tensor) -> torch.Tensor:
        made = torch.segment_reduce(x, how, lengths=lengths, axis=1, initial=initial)
        return made.nan_to_num(0, 0, 0).sin()

    x.requires_grad_()
    assert torch.autograd.gradcheck(f, (x,))
    assert torch.autograd.gradgradcheck(f, (x,))


def test_dimensions() -> None:
    x = torch.arange(12.0).reshape(2, 6)
    lengths = torch.tensor([[2, 4], [1, 5]])
    assert torch.segment_reduce(x, "sum", lengths=lengths, axis=1).tolist() == [[1, 14], [6, 45]]
    assert torch.segment_reduce(x, "max", lengths=lengths, axis=-1).tolist() == [[1, 5], [6, 11]]
    made = torch.segment_reduce(x.t(), "sum", lengths=LENGTHS)
    assert made.tolist() == [[1, 13], [0, 0], [9, 27], [5, 11]]
    x = torch.arange(24.0).reshape(2, 3, 4)
    made = torch.segment_reduce(x, "sum", lengths=torch.tensor([[2, 1], [1, 2]]), axis=1)
    assert made[:, :, 0].tolist() == [[4, 8], [12, 36]]
    assert (
        torch.segment_reduce(x[:, :0], "max", lengths=torch.zeros(2, 1).long(), axis=1)
        .isinf()
        .all()
    )


def test_what_no_segment_has_counts_for_nothing() -> None:
    x = torch.tensor(DATA, requires_grad=True)
    y = torch.segment_reduce(x, "sum", lengths=torch.tensor([2, 2]), unsafe=True)
    assert y.tolist() == [3, 7]
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1, 0, 0]  # type: ignore[union-attr]
    y = torch.segment_reduce(x, "max", offsets=torch.tensor([1, 3, 4]))
    assert y.tolist() == [3, 4]


def test_long_segments_of_half_types_do_not_stall() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.full((3000,), 0.1, dtype=dtype)
        for how, expected in (("sum", 300), ("mean", 0.1)):
            made = torch.segment_reduce(x, how, lengths=torch.tensor([3000]))
            assert made.item() == pytest.approx(expected, rel=0.01)


def test_nan_is_the_extreme_of_its_segment() -> None:
    x = torch.tensor([1.0, math.nan, 3.0])
    for how in ("max", "min"):
        made = torch.segment_reduce(x, how, lengths=torch.tensor([2, 1]))
        assert made.isnan().tolist() == [True, False]


WRONG: dict[str, tuple[type, dict[str, Any]]] = {
    "do not add up": (RuntimeError, {"lengths": torch.tensor([2, 2])}),
    "too long": (RuntimeError, {"lengths": torch.tensor([2, 7])}),
    "too long, unsafe": (RuntimeError, {"lengths": torch.tensor([2, 7]), "unsafe": True}),
    "negative": (RuntimeError, {"lengths": torch.tensor([7, -1])}),
    "descending": (RuntimeError, {"offsets": torch.tensor([0, 4, 2, 6])}),
    "outside": (RuntimeError, {"offsets": torch.tensor([0, 9])}),
    "neither": (RuntimeError, {}),
    "indices": (RuntimeError, {"indices": torch.tensor([0, 0, 1, 1, 1, 2])}),
    "axis": (IndexError, {"lengths": LENGTHS, "axis": 1}),
    "floats": (NotImplementedError, {"lengths": LENGTHS.float()}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    error, options = WRONG[name]
    with pytest.raises(error):
        torch.segment_reduce(torch.tensor(DATA), "sum", **options)
    with pytest.raises(RuntimeError, match="median"):
        torch.segment_reduce(torch.tensor(DATA), "median", lengths=LENGTHS)
    with pytest.raises(NotImplementedError, match="float"):
        torch.segment_reduce(torch.arange(6), "sum", lengths=LENGTHS)
