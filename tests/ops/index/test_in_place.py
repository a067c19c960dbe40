"""Writes at indices, in place: the result, the gradient, what they cost, and what a failure leaves."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flambeau as torch
from flambeau.kernels.runtime import memory

PLACES, WIDE = torch.tensor([4, 1, 4]), torch.tensor([[4, 4], [1, 0], [4, 2]])
FLAT = torch.tensor([3, 0, -1])
ROWS = torch.tensor([[True], [False], [True], [False], [False]])
REDUCTIONS = ("sum", "mean", "prod", "amax", "amin")

FORMS: dict[str, tuple[Callable, Callable]] = {
    "index_add": (
        lambda x, v: x.index_add(0, PLACES, v, alpha=2),
        lambda x, v: x.index_add_(0, PLACES, v, alpha=2),
    ),
    "index_copy": (
        lambda x, v: x.index_copy(0, PLACES[:2], v[:2]),
        lambda x, v: x.index_copy_(0, PLACES[:2], v[:2]),
    ),
    "index_fill": (
        lambda x, v: x.index_fill(0, FLAT, v[0, 0]),
        lambda x, v: x.index_fill_(0, FLAT, v[0, 0]),
    ),
    "scatter": (
        lambda x, v: x.scatter(0, WIDE[:2], v[:2]),
        lambda x, v: x.scatter_(0, WIDE[:2], v[:2]),
    ),
    "scatter a number": (
        lambda x, v: x.scatter(0, WIDE, 3),
        lambda x, v: x.scatter_(0, WIDE, 3),
    ),
    "scatter add": (
        lambda x, v: x.scatter(0, WIDE, v, reduce="add"),
        lambda x, v: x.scatter_(0, WIDE, v, reduce="add"),
    ),
    "scatter multiply": (
        lambda x, v: x.scatter(0, WIDE, v, reduce="multiply"),
        lambda x, v: x.scatter_(0, WIDE, v, reduce="multiply"),
    ),
    "scatter_add": (
        lambda x, v: x.scatter_add(0, WIDE, v),
        lambda x, v: x.scatter_add_(0, WIDE, v),
    ),
    **{
        f"scatter_reduce {how} {include}": (
            lambda x, v, how=how, include=include: x.scatter_reduce(
                0, WIDE, v, how, include_self=include
            ),
            lambda x, v, how=how, include=include: x.scatter_reduce_(
                0, WIDE, v, how, include_self=include
            ),
        )
        for how in REDUCTIONS
        for include in (True, False)
    },
    **{
        f"index_reduce {how}": (
            lambda x, v, how=how: x.index_reduce(0, PLACES, v, how),
            lambda x, v, how=how: x.index_reduce_(0, PLACES, v, how),
        )
        for how in REDUCTIONS[1:]
    },
    "put": (
        lambda x, v: x.put(FLAT, v[:, 0]),
        lambda x, v: x.put_(FLAT, v[:, 0]),
    ),
    "put add": (
        lambda x, v: x.put(FLAT, v[:, 0], accumulate=True),
        lambda x, v: x.put_(FLAT, v[:, 0], accumulate=True),
    ),
    "index_put": (
        lambda x, v: x.index_put((PLACES[:2],), v[:2]),
        lambda x, v: x.index_put_((PLACES[:2],), v[:2]),
    ),
    "index_put add": (
        lambda x, v: x.index_put((PLACES,), v, accumulate=True),
        lambda x, v: x.index_put_((PLACES,), v, accumulate=True),
    ),
    "masked_fill": (
        lambda x, v: x.masked_fill(ROWS, v[0, 0]),
        lambda x, v: x.masked_fill_(ROWS, v[0, 0]),
    ),
    "masked_scatter": (
        lambda x, v: x.masked_scatter(ROWS, v),
        lambda x, v: x.masked_scatter_(ROWS, v),
    ),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def laid_out(x: Any, layout: str) -> Any:
    if layout == "transposed":
        return x.t().contiguous().t()
    if layout == "strided":
        return torch.stack([x, x], -1)[..., 0]
    return x


@pytest.mark.parametrize("layout", ["in order", "transposed", "strided"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int32, torch.complex64])
@pytest.mark.parametrize("name", FORMS)
def test_the_result_is_that_of_the_other_form(name: str, dtype: Any, layout: str) -> None:
    if dtype.is_complex and ("amax" in name or "amin" in name):
        return  # they have no order
    copying, writing = FORMS[name]
    x = torch.arange(10.0).reshape(5, 2).to(dtype)
    v = torch.tensor([[1.0, 2], [3, 4], [5, 6]]).to(dtype)
    expected, target = copying(x, v), laid_out(x, layout)
    strides, place = target.stride(), target.data_ptr()
    assert writing(target, v) is target
    assert torch.equal(target, expected)
    assert (target.stride(), target.data_ptr()) == (strides, place)


@pytest.mark.parametrize("name", FORMS)
def test_the_gradient_is_that_of_the_other_form(name: str) -> None:
    copying, writing = FORMS[name]
    weight = torch.arange(1.0, 11).reshape(5, 2).double()
    found = []
    for form in (copying, writing):
        a = (torch.arange(10.0).reshape(5, 2) + 0.5).double().requires_grad_()
        v = torch.tensor([[1.0, 2], [3, 4], [5, 6]]).double().requires_grad_()
        whole = torch.cat([a * 1, a * 1])
        y = form(whole[5:] if form is writing else a * 1, v)
        ((whole[5:] if form is writing else y) * weight).sum().backward()
        found.append((a.grad, v.grad))
    for one, other in zip(*found):
        assert one is other is None or torch.equal(one, other)


@pytest.fixture
def count_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """The most bytes that were asked for since the last question, by NumPy and by kernels."""
    largest = [0]

    def empty(shape: Any, dtype: Any) -> Any:
        made = plain(shape, dtype)
        largest[0] = max(largest[0], made.nbytes)
        return made

    plain = memory.empty
    monkeypatch.setattr(memory, "empty", empty)
    tracemalloc.start()

    def asked() -> int:
        most = max(largest[0], tracemalloc.get_traced_memory()[1])
        largest[0] = 0
        tracemalloc.reset_peak()
        return most

    yield asked
    tracemalloc.stop()


COSTS = [name for name in FORMS if not name.startswith("masked")]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", COSTS)
def test_memory_grows_with_the_index(
    name: str, dtype: Any, count_memory: Callable[[], int]
) -> None:
    x = torch.zeros(100_000, 2, dtype=dtype)
    v = torch.ones(3, 2, dtype=dtype)
    for _ in range(4):  # what is loaded and kept
        FORMS[name][1](x, v)
    start = tracemalloc.get_traced_memory()[0]
    count_memory()
    FORMS[name][1](x, v)
    assert count_memory() - start < 50_000


NEED_OLD = ("prod", "amax", "amin", "multiply")
"""What the gradient needs the values before the write for."""


@pytest.mark.parametrize("name", [n for n in COSTS if not any(how in n for how in NEED_OLD)])
def test_recorded_writes_copy_no_more(name: str, count_memory: Callable[[], int]) -> None:
    x = torch.zeros(100_000, 2)
    v = torch.ones(3, 2, requires_grad=True)
    for _ in range(4):
        x = x.detach()
        start = tracemalloc.get_traced_memory()[0]
        count_memory()
        FORMS[name][1](x, v)
        most = count_memory() - start
    assert most < 100_000


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "index_add_": lambda x, bad: x.index_add_(0, bad, torch.ones(3, 2, dtype=x.dtype)),
    "index_copy_": lambda x, bad: x.index_copy_(0, bad, torch.ones(3, 2, dtype=x.dtype)),
    "index_fill_": lambda x, bad: x.index_fill_(0, bad, 1),
    "index_reduce_": lambda x, bad: x.index_reduce_(
        0, bad, torch.ones(3, 2, dtype=x.dtype), "prod"
    ),
    "scatter_": lambda x, bad: x.scatter_(0, bad[:, None], 1),
    "scatter_ add": lambda x, bad: x.scatter_(0, bad[:, None], 1, reduce="add"),
    "scatter_add_": lambda x, bad: x.scatter_add_(0, bad[:, None], torch.ones(3, 1, dtype=x.dtype)),
    **{
        f"scatter_reduce_ {how}": lambda x, bad, how=how: x.scatter_reduce_(
            0, bad[:, None], torch.ones(3, 1, dtype=x.dtype), how, include_self=False
        )
        for how in REDUCTIONS
    },
    "put_": lambda x, bad: x.put_(bad * 2, torch.ones(3, dtype=x.dtype)),
    "index_put_": lambda x, bad: x.index_put_((bad,), torch.ones(2, dtype=x.dtype)),
    "index_put_ add": lambda x, bad: x.index_put_(
        (bad,), torch.ones(2, dtype=x.dtype), accumulate=True
    ),
    "setitem": lambda x, bad: x.__setitem__(bad, 1),
    "shape": lambda x, bad: x.index_put_((bad.clamp(0, 3),), torch.ones(3, dtype=x.dtype)),
    "scatter_ shape": lambda x, bad: x.scatter_(0, bad[None].clamp(0, 3), 1),
    "masked_scatter_": lambda x, bad: x.masked_scatter_(x == 0, torch.ones(3, dtype=x.dtype)),
    "masked_fill_": lambda x, bad: x.masked_fill_(torch.ones(4, 4, 2, dtype=torch.bool), 1),
}


@pytest.mark.parametrize("size", [4, 4000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_a_failure_leaves_the_tensor_as_it_was(name: str, dtype: Any, size: int) -> None:
    x = torch.zeros(size, 2, dtype=dtype)
    version = x._version
    with pytest.raises((IndexError, RuntimeError)):
        WRONG[name](x, torch.tensor([0, 1, size]))
    assert not x.any()
    assert x._version == version


@pytest.mark.parametrize("size", [8, 5000])
def test_an_index_in_the_memory_that_is_written(size: int) -> None:
    """It is read as it was before the write."""

    def start() -> Any:
        return torch.arange(1, size + 1).clamp(max=size - 1)

    values = torch.full((size,), 10**12)
    apart = start()
    apart[start()] = values
    writes: dict[str, Callable[[Any], Any]] = {
        "setitem": lambda x: x.__setitem__(x, values),
        "index_put_": lambda x: x.index_put_((x,), values),
        "index_copy_": lambda x: x.index_copy_(0, x, values),
        "scatter_": lambda x: x.scatter_(0, x, values),
        "put_": lambda x: x.put_(x, values),
    }
    for write in writes.values():
        x = start()
        write(x)
        assert torch.equal(x, apart)
    base = torch.arange(1, size + 2).clamp(max=size - 1)
    expected = base.clone()
    expected[1:][base[:-1].clone()] = values
    base[1:][base[:-1]] = values
    assert torch.equal(base, expected)
    rows = start()[:, None].expand(size, 2).contiguous()
    expected = rows.clone()
    expected[rows[:, 0].clone()] = torch.full((size, 2), -1)
    rows[rows[:, 0]] = torch.full((size, 2), -1)
    assert torch.equal(rows, expected)


@pytest.mark.parametrize("size", [8, 5000])
def test_values_in_the_memory_that_is_written(size: int) -> None:
    index = torch.arange(size).flip(0)
    for write in (
        lambda x: x.__setitem__(index, x),
        lambda x: x.index_copy_(0, index, x),
        lambda x: x.scatter_(0, index, x),
        lambda x: x.put_(index, x),
    ):
        x = torch.arange(float(size))
        write(x)
        assert torch.equal(x, torch.arange(float(size)).flip(0))
    x = torch.arange(float(size))
    assert torch.equal(x.index_add_(0, index, x), torch.full((size,), size - 1.0))


def test_out_that_is_the_input_is_written_in_place() -> None:
    x = torch.zeros(5)
    place, version = x.data_ptr(), x._version
    assert torch.index_add(x, 0, torch.tensor([1]), torch.ones(1), out=x) is x
    assert (x.data_ptr(), x._version, x[1].item()) == (place, version + 1, 1)
    out = torch.full((5,), 9.0)
    assert torch.scatter(x, 0, torch.tensor([0]), torch.ones(1), out=out).tolist() == [
        1,
        1,
        0,
        0,
        0,
    ]
    with pytest.raises(RuntimeError, match="unsupported operation"):
        torch.scatter(x, 0, torch.tensor([0]), torch.ones(1), out=torch.zeros(1).expand(3))


def test_writes_into_a_tensor_without_dimensions() -> None:
    one = torch.tensor(0)
    for write in (
        lambda x: x.index_add_(0, one, torch.tensor(2.0)),
        lambda x: x.index_copy_(0, one, torch.tensor(3.0)),
        lambda x: x.scatter_(0, one, 3.0),
        lambda x: x.put_(one, torch.tensor(3.0)),
    ):
        x = torch.tensor(1.0)
        assert write(x) is x
        assert x.item() == 3
        assert x.shape == ()
