"""In-place writes to tensors with history, to views, and through views: PyTorch's results and errors."""

from __future__ import annotations

import threading

import pytest

import flambeau as torch
from flambeau.core.tensor import PRUNED, register


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def name(x: torch.Tensor) -> str | None:
    return None if x.grad_fn is None else x.grad_fn.name()


def overlapping(x):
    b = x * 1
    b[1:].mul_(2)
    b[:2].mul_(3)
    return b


def chained_views(x):
    b = x * 1
    b.view(2, 2).t()[0].mul_(torch.tensor([10.0, 100.0]))
    return b.view(2, 2) * torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def element(x):
    b = x * 1
    b[1] = x[0] * 2
    return b * b


def indexed(x):
    b = torch.zeros(3)
    b[torch.tensor([0, 2])] = x[:2] * 2
    return b * b


def masked(x):
    b = x * 1
    b[b > 1.5] = 0
    return b


def zeroed(x):
    b = x * 1
    b[0:2].zero_()
    return b


def copied(x):
    b = torch.zeros(3, dtype=torch.float64)
    b[1:].copy_(x[1:] * 2)
    return b * b


def diagonal(x):
    b = torch.zeros(2, 2)
    b.select(0, 1).add_(x)
    b.diagonal().mul_(x)
    return b * b


def expanded(x):
    b = x * 1
    v = b.expand(2, 3)
    b.mul_(2)
    return v


def unfolded(x):
    b = x * 1
    v = b.unfold(0, 2, 1)
    b.mul_(2)
    return v


def looped(x):
    total = torch.zeros(2)
    for i in range(3):
        total += x * i
    return total


def filled_by_rows(x):
    out = torch.empty(3, 2)
    for i in range(3):
        out[i] = x * i
    return out.pow(2)


def not_saved(x):
    b = x * 1
    y = b[0:1] + 1
    b[0:1].add_(1)
    return y + b


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (overlapping, [1.0, 2.0, 3.0], [3.0, 6.0, 2.0]),
        (chained_views, [1.0, 2.0, 3.0, 4.0], [10.0, 2.0, 300.0, 4.0]),
        (element, [1.0, 2.0, 3.0], [10.0, 0.0, 6.0]),
        (indexed, [1.0, 2.0, 3.0], [8.0, 16.0, 0.0]),
        (masked, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0]),
        (zeroed, [1.0, 2.0, 3.0], [0.0, 0.0, 1.0]),
        (copied, [1.0, 2.0, 3.0], [0.0, 16.0, 24.0]),
        (diagonal, [1.0, 2.0], [2.0, 32.0]),
        (expanded, [1.0, 2.0, 3.0], [4.0, 4.0, 4.0]),
        (unfolded, [1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 4.0, 2.0]),
        (looped, [1.0, 1.0], [3.0, 3.0]),
        (filled_by_rows, [1.0, 1.0], [10.0, 10.0]),
        (not_saved, [2.0, 3.0], [3.0, 1.0]),
    ],
)
def test_gradients_are_pytorchs(function, values, expected) -> None:
    x = torch.tensor(values, requires_grad=True)
    function(x).sum().backward()
    assert x.grad.dtype is torch.float32
    assert x.grad.tolist() == expected


@pytest.mark.parametrize(
    "function", [overlapping, element, indexed, masked, copied, diagonal, filled_by_rows]
)
def test_gradients_of_gradients_agree_with_the_first_ones(function) -> None:
    x = torch.tensor([1.25, 2.0, 3.0][: 3 if function not in (diagonal, filled_by_rows) else 2])
    x = x.double().requires_grad_() if function is overlapping else x.requires_grad_()
    (first,) = torch.autograd.grad(function(x).sum(), x)
    (second,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    assert second.tolist() == first.tolist()


def test_second_derivative_through_a_written_view() -> None:
    x = leaf(1.0, 2.0, 3.0)
    b = x * 1
    b.narrow(0, 1, 2).exp_()
    (g,) = torch.autograd.grad(b.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert g.tolist() == pytest.approx([1.0, 7.389056, 20.085537])
    assert h.tolist() == pytest.approx([0.0, 7.389056, 20.085537])


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (
            lambda b: torch.view_as_real(b).mul_(torch.tensor([2.0, 3.0])),
            [8 + 36j, 24 - 18j],
        ),
        (lambda b: b.real.mul_(2), [8 + 4j, 24 - 2j]),
        (lambda b: b.imag.mul_(2), [2 + 16j, 6 - 8j]),
    ],
)
def test_real_views_of_complex_tensors(write, expected) -> None:
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    b = z * 1
    write(b)
    (b.abs() ** 2).sum().backward()
    assert z.grad.tolist() == pytest.approx(expected)


def test_names_of_bases_and_views_after_a_write() -> None:
    b = torch.zeros(2, 2)
    v, w = b.view(4), b[0]
    w.add_(leaf(1.0, 2.0))
    assert (name(b), name(v), name(w)) == (
        "CopySlices",
        "AsStridedBackward0",
        "AsStridedBackward0",
    )


# ------------------------------------------------------------------------------------- refused


def modify_saved(x):
    y = x.exp()
    y.mul_(2)
    y.sum().backward()


def multiply_by_itself(x):
    b = x * 1
    b.mul_(b)
    b.sum().backward()


def multiply_view_by_itself(x):
    b = x * 1
    v = b[0:1]
    v.mul_(v)
    b.sum().backward()


def other_part_of_the_memory(x):
    b = x * 1
    y = b[0:1] * b[0:1]
    b[1:].add_(1)
    y.backward()


def view_without_history(x):
    b = x * 1
    with torch.no_grad():
        v = b[0:1]
    v.add_(1)


MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (modify_saved, MODIFIED),
        (multiply_by_itself, MODIFIED),
        (multiply_view_by_itself, MODIFIED),
        (other_part_of_the_memory, MODIFIED),
        (
            lambda x: x.add_(1),
            "a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (
            lambda x: x[0:1].add_(1),
            "a view of a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (lambda x: x.__setitem__(0, 5.0), "a view of a leaf Variable that requires grad"),
        (
            view_without_history,
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled",
        ),
        (lambda x: (x * 1).unbind()[0].add_(1), "is a view and is being modified inplace"),
        (lambda x: (x * 1).split(1)[0].add_(1), "is a view and is being modified inplace"),
        (lambda x: (x * 1).chunk(2)[0].mul_(2), "is a view and is being modified inplace"),
        (lambda x: torch.ones(1).expand(3).add_(1), "refers to a single memory location"),
        (
            lambda x: torch.ones(2, dtype=torch.int64).add_(x),
            "result type Float can't be cast to the desired output type Long",
        ),
        (lambda x: (x * 1)[0:1].detach_(), "Can't detach views in-place. Use detach() instead."),
        (
            lambda x: torch.add(x, x, out=torch.ones(2)),
            "functions with out=... arguments don't support automatic differentiation",
        ),
    ],
)
def test_writes_that_would_break_history_are_refused(function, text) -> None:
    with pytest.raises(RuntimeError) as caught:
        function(leaf(2.0, 3.0))
    assert text.rstrip(".") in str(caught.value)


# ----------------------------------------------------------------------------- without history


def test_leaves_may_be_written_under_no_grad() -> None:
    x = leaf(1.0, 2.0)
    v = x[0:1]
    with torch.no_grad():
        x[0] = 5
        x.add_(1)
        v.mul_(2)
    assert (x.tolist(), x.is_leaf, x.requires_grad, x._version) == ([12.0, 3.0], True, True, 3)


def test_a_detached_tensor_is_written_without_history_but_counts_as_a_write() -> None:
    x = leaf(1.0, 2.0)
    b = x * 1
    v = b[0:1]
    d = v.detach()
    d.add_(5)
    assert (b.tolist(), b.requires_grad, d.requires_grad) == ([6.0, 2.0], True, False)
    assert (b._version, v._version, d._version) == (1, 1, 1)
    assert v.detach().storage_offset() == 0
    assert b[1:].detach().storage_offset() == 1


def test_a_recorded_write_to_a_detached_tensor_concerns_only_that_one() -> None:
    w = leaf(3.0)
    b = torch.ones(2)
    v, d = b[0:1], b[0:1].detach()
    d.mul_(w)
    assert (b.tolist(), b.requires_grad, v.requires_grad, d.requires_grad) == (
        [3.0, 1.0],
        False,
        False,
        True,
    )
    d.sum().backward()
    assert w.grad.tolist() == [1.0]
    whole = b.detach()
    whole.mul_(w)
    assert (v.requires_grad, b.requires_grad) == (False, False)


def test_data_shares_memory_and_counts_versions_apart() -> None:
    x = leaf(1.0, 2.0)
    b = x * 1
    b.data.mul_(5)
    b.sum().backward()
    assert (b.tolist(), b._version, x.grad.tolist()) == ([5.0, 10.0], 0, [1.0, 1.0])


def test_a_view_that_became_a_leaf() -> None:
    b = torch.zeros(3)
    v = b[0:1]
    v.requires_grad_()
    with pytest.raises(RuntimeError, match="leaf"):
        v.add_(1)
    b.add_(1)
    assert (b.tolist(), v.is_leaf) == ([1.0, 1.0, 1.0], True)
    b.add_(leaf(1.0, 1.0, 1.0))
    assert (b.requires_grad, v.requires_grad, v.is_leaf) == (True, True, False)


def test_which_tensors_are_views() -> None:
    x = leaf(1.0, 2.0)
    y = x.view(1, 2).squeeze(0).unsqueeze(0)
    assert (y._is_view(), y._base is x, x._is_view(), x.detach()._is_view()) == (
        True,
        True,
        False,
        False,
    )
    assert (x * 1)[0]._is_view()


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        with torch.no_grad():
            x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2, g


def test_views_get_history_from_a_function_that_writes_its_input() -> None:
    w, x = torch.ones(3, requires_grad=True), torch.ones(3)
    view = x[:2]
    Doubled.apply(x, w)
    assert view.requires_grad
    (view * torch.tensor([3.0, 5.0])).sum().backward()
    assert w.grad.tolist() == [3.0, 5.0, 0.0]


class Named(torch.Tensor):
    pass


def test_views_of_a_subclass_get_history() -> None:
    w, x = torch.ones(3, requires_grad=True), torch.ones(3).as_subclass(Named)
    view = x[1:]
    x.mul_(w)
    assert type(view) is Named
    assert view.requires_grad


def test_a_resized_tensor_gets_history_from_a_view_of_it() -> None:
    w, x = torch.ones(2, requires_grad=True), torch.ones(4)[2:]
    x.resize_(3)
    x.zero_()
    x[1:].add_(w)
    assert x.requires_grad
    (x * torch.tensor([7.0, 2.0, 3.0])).sum().backward()
    assert w.grad.tolist() == [2.0, 3.0]


def test_views_that_are_gone_are_forgotten_and_the_others_kept() -> None:
    w, x = torch.ones(1000, requires_grad=True), torch.ones(1000)
    kept = [x[i] for i in range(1000)]
    for _ in range(10_000):
        x[0]
    assert len(x._cell) <= 2 * max(len(kept), PRUNED)
    x.mul_(w)
    assert all(view.requires_grad for view in kept)
    del kept[1:]
    for _ in range(10_000):
        x[0]
    assert len(x._cell) <= 2 * 1024 + 1


def test_views_made_by_several_threads_all_get_history() -> None:
    w, x = torch.ones(4, requires_grad=True), torch.ones(4)
    kept: list[list] = [[] for _ in range(4)]

    def work(i: int) -> None:
        for n in range(3000):
            view = x[i]
            if n % 7 == 0:
                kept[i].append(view)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    x.mul_(w)
    assert all(view.requires_grad for views in kept for view in views)


@pytest.mark.parametrize("alive", [PRUNED - 3, PRUNED - 2, PRUNED - 1, 2 * PRUNED - 3, 500, 1021])
def test_a_cell_is_not_pruned_for_every_view(alive):
    looks = 0

    class Cell(list):
        def __getitem__(self, item):
            nonlocal looks
            looks += len(self) if isinstance(item, slice) else 0
            return super().__getitem__(item)

    cell = Cell([0])
    kept = [torch.zeros(1) for _ in range(alive)]
    for item in kept:
        register(item, cell)
    looks = 0
    for _ in range(4096):
        register(torch.zeros(1), cell)
    assert looks <= 4 * (4096 + alive)
    assert len(cell) <= 4 * max(alive, PRUNED)
