"""The table of cases: which calls have one key, and which have none."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.core.dtype import dtype
from flambeau.core.size import Size
from flambeau.core.tensor import Tensor


@pytest.fixture
def table():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    from flambeau.kernels.runtime.case_table import CaseTable

    return CaseTable(Tensor, "_array", "_kind", Size, (dtype,))


def test_a_case_is_found_by_equal_arguments_only(table):
    x = torch.zeros(3, 5)
    given = (1, x, (1, 0), None, slice(1, None, 2), ..., torch.float32, 2.5, True)
    table.keep(table.key(*given), "case")
    assert table.find(*given) == "case"
    assert table.find(1, torch.ones(3, 5), *given[2:]) == "case"
    for at, other in (
        (0, 2), (0, 1.0), (0, True), (1, x.t()), (1, x.double()), (1, x[:, :4]), (1, x._array),
        (2, [1, 0]), (2, (1, 0, 0)), (2, (1, False)), (3, 0), (4, slice(1, None, 3)), (5, None),
        (6, torch.float64), (7, 2.25), (7, -2.5), (8, 1), (8, False),
    ):  # fmt: skip
        changed = [*given]
        changed[at] = other
        assert table.find(*changed) is None, (at, other)


def test_nested_arguments_end_where_they_end(table):
    assert table.key((1, 2), 3) != table.key((1,), 2, 3) != table.key((), 1, 2, 3)
    assert table.key([x := torch.zeros(2), x]) != table.key([x], x)
    assert table.key(Size((2, 3))) == table.key((2, 3))


def test_zeros_and_nans_count_by_their_bits(table):
    assert table.key(0.0) != table.key(-0.0)
    assert table.key(float("nan")) == table.key(float("nan"))


@pytest.mark.parametrize("given", [1 << 70, np.float32(1), object(), {}, 2j, tuple(range(200))])
def test_what_has_no_words_has_no_case(table, given):
    assert table.key(given) is None
    assert table.find(given) is None


def test_a_subclass_of_tensors_counts_by_its_layout(table):
    x = torch.nn.Parameter(torch.zeros(3))
    assert table.key(x) == table.key(torch.zeros(3))


def test_many_cases_push_others_out_and_none_is_mistaken(table):
    from flambeau.kernels.runtime.case_table import PLACES

    for i in range(2 * PLACES):
        table.keep(table.key("case", i), i)
    found = [table.find("case", i) for i in range(2 * PLACES)]
    assert all(case in (None, i) for i, case in enumerate(found))
    assert PLACES // 2 < sum(case is not None for case in found) <= PLACES
    assert len(table.kept) <= PLACES
