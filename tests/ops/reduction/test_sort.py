"""max, sort, topk, cumsum, masked_fill, embedding: values and gradients that torch gives."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch


def test_max_of_all_along_a_dimension_and_of_two() -> None:
    x = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 7.0]], requires_grad=True)
    assert torch.max(x).item() == 7.0
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([5.0, 7.0], [1, 0])
    values.sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert torch.max(x, torch.tensor(3.0)).tolist() == [[3.0, 5.0, 3.0], [7.0, 3.0, 7.0]]


def test_sort_and_topk() -> None:
    x = torch.tensor([3.0, 1.0, 3.0, 2.0], requires_grad=True)
    values, indices = x.sort(descending=True)
    assert (values.tolist(), indices.tolist()) == ([3.0, 3.0, 2.0, 1.0], [0, 2, 3, 1])
    (x.topk(2).values * torch.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 10.0, 0.0]
    with pytest.raises(RuntimeError, match="out of range"):
        x.topk(5)


def test_cumsum_goes_back_as_a_reversed_one() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.cumsum(0)
    assert y.tolist() == [1.0, 3.0, 6.0]
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [111.0, 110.0, 100.0]


def test_masked_fill_and_ignored_classes() -> None:
    x = torch.zeros(3)
    assert x.masked_fill(torch.tensor([True, False, True]), 5).tolist() == [5.0, 0.0, 5.0]
    scores = torch.zeros(2, 4, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([1, -100]))
    loss.backward()
    assert scores.grad.tolist() == [[0.25, -0.75, 0.25, 0.25], [0.0, 0.0, 0.0, 0.0]]


def test_nll_loss_gives_each_class_its_share() -> None:
    scores = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.nll_loss(scores, torch.tensor([2, 0])).backward()
    assert scores.grad.tolist() == [[0.0, 0.0, -0.5], [-0.5, 0.0, 0.0]]


def test_embedding_adds_up_where_an_index_repeats() -> None:
    table = torch.nn.Embedding(3, 2, padding_idx=0)
    table(torch.tensor([[1, 1, 0]])).sum().backward()
    assert table.weight.grad.tolist() == [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0]]
    with pytest.raises(IndexError):
        table(torch.tensor([3]))


def test_parts_of_complex_numbers_are_views() -> None:
    z = torch.tensor([1 + 2j, 3 - 4j])
    assert (z.real.tolist(), z.imag.tolist()) == ([1.0, 3.0], [2.0, -4.0])
    z.real[0] = 9
    assert z.tolist() == [9 + 2j, 3 - 4j]


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_topk_of_long_rows(largest: bool, k: int) -> None:
    rng = np.random.default_rng(k)
    x = rng.normal(size=(3, 500))
    x[1, 7] = np.nan
    values, indices = torch.from_numpy(x).topk(k, 1, largest)
    want = np.sort(x, 1)  # nan last, as the largest
    want = want[:, ::-1][:, :k] if largest else want[:, :k]
    np.testing.assert_array_equal(values.numpy(), want)
    np.testing.assert_array_equal(np.take_along_axis(x, indices.numpy(), 1), want)


def test_sorting_keeps_equal_elements_in_their_order() -> None:
    x = torch.tensor([1, 0] * 50)
    assert x.sort().indices.tolist() == [*range(1, 100, 2), *range(0, 100, 2)]
    assert x.argsort(descending=True).tolist() == [*range(0, 100, 2), *range(1, 100, 2)]


def test_running_sums_are_added_in_double_precision() -> None:
    x = torch.full((100_000,), 0.1)
    assert abs(x.cumsum(0)[-1].item() - 10000.0) < 1e-2


def test_named_results_print_their_fields() -> None:
    text = repr(torch.tensor([2, 1]).sort())
    assert text == "torch.return_types.sort(\nvalues=tensor([1, 2]),\nindices=tensor([1, 0]))"


def test_cumprod_across_zeros_against_differences() -> None:
    x = np.array([2.0, 0.0, 3.0, -1.0, 0.0, 4.0])
    weight = np.array([0.3, 0.7, -0.2, 0.9, 0.4, 0.1])
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    (leaf.cumprod(0) * torch.from_numpy(weight)).sum().backward()
    for k in range(6):
        step = np.eye(6)[k] * 1e-6
        slope = (np.cumprod(x + step) - np.cumprod(x - step)) @ weight / 2e-6
        np.testing.assert_allclose(leaf.grad[k].item(), slope, rtol=1e-5, atol=1e-8)


def test_quantiles_of_many_shares_against_numpy() -> None:
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(4, 37)), np.linspace(0, 1, 11)
    for way in ("linear", "lower", "higher", "midpoint", "nearest"):
        got = torch.from_numpy(x).quantile(torch.from_numpy(q), 1, interpolation=way)
        np.testing.assert_allclose(got.numpy(), np.quantile(x, q, axis=1, method=way), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_mode_counts_nan_as_one_value(dtype: torch.dtype) -> None:
    """It is the largest value, so of several as frequent ones it is the last choice."""
    nan = float("nan")
    for row, want in [([nan, 1, nan], nan), ([1, nan, nan, 1], 1), ([nan, 2], 2), ([nan], nan)]:
        x = torch.tensor(row, dtype=dtype)
        found = torch.mode(x)
        np.testing.assert_equal(found.values.float().item(), float(want))
        np.testing.assert_equal(x[found.indices].float().item(), float(want))
