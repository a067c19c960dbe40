"""Masked tensors: which elements count after a function, and what is refused."""

from __future__ import annotations

import copy

import pytest

import flambeau as torch
from flambeau.masked import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

DATA = torch.arange(12.0).reshape(3, 4)
MASK = DATA % 3 != 0


@pytest.fixture
def x() -> MaskedTensor:
    return masked_tensor(DATA, MASK)


def values(x: MaskedTensor) -> list:
    """Its elements, None where one does not count."""
    assert is_masked_tensor(x)
    pairs = zip(x.get_data().flatten().tolist(), x.get_mask().flatten().tolist())
    return [value if counts else None for value, counts in pairs]


def test_it_is_written_as_pytorch_writes_it(x: MaskedTensor) -> None:
    assert repr(x) == (
        "MaskedTensor(\n"
        "  [\n"
        "    [      --,   1.0000,   2.0000,       --],\n"
        "    [  4.0000,   5.0000,       --,   7.0000],\n"
        "    [  8.0000,       --,  10.0000,  11.0000]\n"
        "  ]\n"
        ")"
    )
    assert repr(x.sum()) == "MaskedTensor( 48.0000, True)"
    assert repr(masked_tensor(torch.tensor(3.0), torch.tensor(False))) == "MaskedTensor(--, False)"
    ints = masked_tensor(torch.arange(4), torch.tensor([True, False, True, True]))
    assert repr(ints) == "MaskedTensor(\n  [0,       --, 2, 3]\n)"


# What PyTorch 2.13 gives for the same tensors.
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.sum(), [48.0]),
        (lambda x: x.sum(1), [3.0, 16.0, 29.0]),
        (lambda x: x.mean(0), [6.0, 3.0, 6.0, 9.0]),
        (lambda x: x.mean(), [6.0]),
        (lambda x: x.prod(0), [32.0, 5.0, 20.0, 77.0]),
        (lambda x: torch.amax(x, 1), [2.0, 7.0, 11.0]),
        (lambda x: x.amin(), [1.0]),
        (lambda x: x.argmax(1), [2, 3, 3]),
        (lambda x: x.argmin(0), [1, 0, 0, 1]),
        (lambda x: x.var(0), [8.0, 8.0, 32.0, 8.0]),
        (lambda x: (x > 0).all(), [True]),
        (lambda x: (2 * x - 1)[0], [None, 1.0, 3.0, None]),
        (lambda x: (x**2)[0], [None, 1.0, 4.0, None]),
        (lambda x: x.clamp(5, 8)[1], [5.0, 5.0, None, 7.0]),
        (lambda x: torch.where(MASK, x, x)[2], [8.0, None, 10.0, 11.0]),
        (lambda x: x.t()[0], [None, 4.0, 8.0]),
        (lambda x: x[:, 1:2].flatten(), [1.0, 5.0, None]),
        (lambda x: torch.cat([x[0], x[1]]), [None, 1.0, 2.0, None, 4.0, 5.0, None, 7.0]),
        (lambda x: x[0].expand(2, 4)[1], [None, 1.0, 2.0, None]),
        (lambda x: x.split(2, 1)[1][1], [None, 7.0]),
        (lambda x: x[MASK][:3], [1.0, 2.0, 4.0]),
        (lambda x: torch.ones_like(x)[0], [None, 1.0, 1.0, None]),
        (lambda x: x.cumsum(0)[2], [12.0, None, 12.0, 18.0]),
    ],
)
def test_functions(x: MaskedTensor, function, expected: list) -> None:
    assert values(function(x)) == expected


def test_softmax_is_over_what_counts(x: MaskedTensor) -> None:
    y = x.softmax(-1)
    assert y.to_tensor(0.0).sum(-1).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert values(y)[:4] == [None, pytest.approx(0.26894143), pytest.approx(0.7310586), None]


def test_nothing_that_counts_gives_nothing() -> None:
    none = masked_tensor(DATA, torch.zeros_like(MASK))
    assert values(none.sum(0)) == [None] * 4
    assert values(none.mean()) == [None]


def test_gradients_have_the_mask() -> None:
    """1/x at a masked zero is infinite, and no gradient that counts sees it."""
    x = masked_tensor(torch.tensor([0.0, -1.0, 2.0]), torch.tensor([False, True, True]), True)
    assert x.is_leaf
    (1 / x).sum().backward()
    assert values(x.grad) == [None, -1.0, -0.25]


def test_gradients_reach_data_that_was_not_copied() -> None:
    data = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    as_masked_tensor(data, torch.tensor([True, False, True])).square().sum().backward()
    assert data.grad.tolist() == [2.0, 0.0, 6.0]


def test_in_place_writes_the_same_tensor(x: MaskedTensor) -> None:
    y = x.clone()
    assert y.add_(1) is y
    assert values(y)[:4] == [None, 2.0, 3.0, None]
    assert values(x)[:4] == [None, 1.0, 2.0, None]


def test_making_one_copies_both() -> None:
    data, mask = DATA.clone(), MASK.clone()
    x = masked_tensor(data, mask)
    data.zero_()
    mask.zero_()
    assert x.sum().item() == 48.0
    assert values(copy.deepcopy(x)) == values(x)


def test_elements_that_count_have_to_be_the_same(x: MaskedTensor) -> None:
    with pytest.raises(ValueError, match="masks must match"):
        x + masked_tensor(DATA, ~MASK)
    assert values(x + masked_tensor(DATA, MASK.clone()))[:2] == [None, 2.0]
    assert values(DATA + x)[:2] == [None, 2.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x @ x.t(),
        lambda x: x.sort(),
        lambda x: torch.linalg.vector_norm(x),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: torch.nn.functional.linear(x, DATA),
    ],
)
def test_functions_without_a_meaning_are_refused(x: MaskedTensor, call) -> None:
    with pytest.raises(TypeError, match=r"MaskedTensor|no implementation"):
        call(x)


def test_lists_and_arrays_have_no_mask(x: MaskedTensor) -> None:
    with pytest.raises(RuntimeError, match="get_data"):
        x.tolist()
    with pytest.raises(RuntimeError, match=r"numpy\.ma"):
        x.numpy()


@pytest.mark.parametrize(
    ("data", "mask", "error", "match"),
    [
        (torch.ones(2), torch.ones(3).bool(), ValueError, "must equal"),
        (torch.ones(2), torch.ones(2), TypeError, "dtype bool"),
        ([1.0], torch.ones(1).bool(), TypeError, "data must be a Tensor"),
        (torch.ones(2), None, TypeError, "mask must be a Tensor"),
        (torch.ones(2, dtype=torch.complex64), torch.ones(2).bool(), TypeError, "not supported"),
    ],
)
def test_what_is_no_masked_tensor(data, mask, error, match: str) -> None:
    with pytest.raises(error, match=match):
        masked_tensor(data, mask)


def test_gradients_of_what_does_not_count_are_zeros():
    """Also where the function has none there."""
    data = torch.tensor([1.0, 0.0, 4.0], requires_grad=True)
    as_masked_tensor(data, data > 0).log().sum().backward()
    assert data.grad.tolist() == [1, 0, 0.25]
    with pytest.raises(ValueError, match="size"):
        as_masked_tensor(data, torch.tensor([True]))
