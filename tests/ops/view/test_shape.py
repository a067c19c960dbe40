"""Views: what shares memory, and what writes to it do to values, versions and histories."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import flambeau as torch

VIEWS = {
    "view": lambda x: x.view(3, 4),
    "dtype view": lambda x: x.view(torch.int64),
    "reshape": lambda x: x.reshape(-1),
    "view of a strided one": lambda x: x.t().view(6, 2, 1),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "mH": lambda x: x.mH,
    "movedim": lambda x: x.movedim(0, 1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(),
    "expand": lambda x: x[:1].expand(3, 6),
    "broadcast_to": lambda x: torch.broadcast_to(x, (2, 2, 6)),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 3)),
    "select": lambda x: x.select(0, 1),
    "narrow": lambda x: x.narrow(1, 2, 2),
    "split": lambda x: x.split(1)[1],
    "split_with_sizes": lambda x: x.split_with_sizes([2, 4], 1)[1],
    "tensor_split": lambda x: x.tensor_split(4, 1)[1],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "hsplit": lambda x: x.hsplit(2)[1],
    "vsplit": lambda x: x.vsplit(2)[1],
    "unbind": lambda x: x.unbind(0)[1],
    "unfold": lambda x: x.unfold(1, 2, 1),
    "diagonal": lambda x: x.diagonal(1),
    "as_strided": lambda x: x.as_strided((2, 2), (1, 2), 1),
    "int": lambda x: x[1],
    "slice": lambda x: x[:, 1:5:2],
    "mixed": lambda x: x[1, 2:4],
    "None": lambda x: x[None, ..., None],
    "nothing": lambda x: x[()],
    "detach": lambda x: x.detach(),
    "atleast_3d": lambda x: torch.atleast_3d(x),
    "real": lambda x: torch.real(x),
}


def matrix() -> torch.Tensor:
    return torch.arange(12, dtype=torch.float64).reshape(2, 6).clone()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_and_version(name: str) -> None:
    x = matrix()
    view = VIEWS[name](x)
    assert np.shares_memory(view._array, x._array)
    x.add_(100)
    assert view._version == x._version == 1
    if view.dtype is x.dtype:
        assert view.min().item() >= 100
        with torch.no_grad():
            (view if 0 not in view.stride() else x).zero_()
        assert x._version == 2


@pytest.mark.parametrize("name", [n for n in VIEWS if n not in ("dtype view", "detach", "real")])
def test_a_plain_view_gets_history_when_its_memory_does(name: str) -> None:
    x, w = matrix(), torch.full((2, 6), 3.0, dtype=torch.float64, requires_grad=True)
    view = VIEWS[name](x)
    x.mul_(w)
    assert view.requires_grad
    assert not view.is_leaf
    (grad,) = torch.autograd.grad(view.sum(), w)
    want = matrix()
    want.requires_grad_()
    (expected,) = torch.autograd.grad((VIEWS[name](want * want)).sum(), want)
    np.testing.assert_allclose(grad.numpy(), expected.numpy() / 2)


def test_no_history_reaches_detached_and_retyped_views() -> None:
    x, w = matrix(), torch.ones(6, dtype=torch.float64, requires_grad=True)
    free, bits = x.detach(), x.view(torch.int64)
    x.mul_(w)
    assert [t.requires_grad for t in (x, free, bits)] == [True, False, False]


def test_views_are_found_where_the_collector_was_told_to_leave_them() -> None:
    x, w = matrix(), torch.ones(6, dtype=torch.float64, requires_grad=True)
    view = x[0]
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        x.mul_(w)
        assert gc.get_freeze_count() <= before  # what the program put aside is its own affair
    finally:
        gc.unfreeze()
    assert view.requires_grad


def test_a_write_through_one_plain_view_reaches_its_base_and_the_other_views() -> None:
    x, w = torch.zeros(2, 3), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    first, column = x[0], x[:, 1]
    first.add_(w)
    assert [t.requires_grad for t in (x, column)] == [True, True]
    assert column.tolist() == [2.0, 0.0]
    (column * torch.tensor([10.0, 1.0])).sum().backward()
    assert w.grad.tolist() == [0.0, 10.0, 0.0]


def test_views_made_later_are_kept_in_step_too() -> None:
    x, w = torch.zeros(3), torch.tensor(2.0, requires_grad=True)
    x[0] = w
    later = x[:2]
    x[1] = w * 3
    assert later.tolist() == [2.0, 6.0]
    later.sum().backward()
    assert w.grad.item() == 4.0


def test_complex_parts_written_with_history() -> None:
    z, w = torch.zeros(2, dtype=torch.complex128), torch.ones(2, dtype=torch.float64)
    w.requires_grad_()
    z.imag.copy_(w * 2)
    assert z.tolist() == [2j, 2j]
    (z.imag * z.imag).sum().backward()
    assert w.grad.tolist() == [8.0, 8.0]


def test_parts_of_one_output_are_not_written_in_place() -> None:
    x = torch.zeros(2, 3, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="output of a function that returns multiple views"):
        x.unbind(0)[0].add_(1)


def test_a_leaf_that_is_a_view_is_not_written_in_place() -> None:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x[0] = 1


def test_a_copy_shares_nothing() -> None:
    x = matrix()
    for name in ("select_copy", "narrow_copy", "unsqueeze_copy", "diagonal_copy", "t_copy"):
        args = {"select_copy": (0, 1), "narrow_copy": (0, 0, 1), "unsqueeze_copy": (0,)}
        copied = getattr(torch, name)(x, *args.get(name, ()))
        assert not np.shares_memory(copied._array, x._array)


def test_as_strided_scatter_keeps_the_gradient_of_what_it_does_not_write() -> None:
    x = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    part = torch.ones(2, dtype=torch.float64, requires_grad=True)
    torch.as_strided_scatter(x, part, (2,), (2,)).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert part.grad.tolist() == [1.0, 1.0]


def test_strides_of_new_and_of_missing_dimensions() -> None:
    """Recorded: PyTorch's strides of unsqueezed, indexed and empty tensors."""
    x = torch.zeros(3, 4)
    assert x.unsqueeze(0).stride() == (12, 4, 1)
    assert x.unsqueeze(2).stride() == (4, 1, 1)
    assert x.t().unsqueeze(1).stride() == (1, 12, 4)
    assert x[:, None].stride() == (4, 4, 1)
    assert torch.zeros(3, 0).stride() == (1, 1)
    assert torch.zeros(2, 0, 3).stride() == (3, 3, 1)
    assert x[:, 4:].stride() == (4, 1)
    assert torch.zeros(0, 3).view(0, 2, 5).stride() == (10, 5, 1)


@pytest.mark.parametrize("rows", [1, 3])
def test_several_views_of_one_node(rows: int) -> None:
    x = torch.arange(3.0 * rows).reshape(rows, 3).clone().requires_grad_()
    parts = x.unbind(0)
    (parts[-1] * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * (rows - 1) + [[1.0, 2.0, 3.0]]
    x.grad = None
    torch.autograd.grad((x.split(2)[0] ** 2).sum(), x, create_graph=True)[0].sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * min(rows, 2) + [[0.0] * 3] * (rows - min(rows, 2))


def test_writing_parts_one_after_the_other() -> None:
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.zeros(3, 2)
    y[0].add_(w)
    for k in range(3):
        y[k] = w * k
    y.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_fill_diagonal() -> None:
    """Recorded from PyTorch."""
    assert torch.zeros(2, 3).fill_diagonal_(5).tolist() == [[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]]
    tall = torch.zeros(7, 3).fill_diagonal_(5, wrap=True)
    assert tall.nonzero().tolist() == [[0, 0], [1, 1], [2, 2], [4, 0], [5, 1], [6, 2]]
    w = torch.ones(2, 2, requires_grad=True)
    (w * 1).fill_diagonal_(0).sum().backward()
    assert w.grad.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(RuntimeError, match="equal length"):
        torch.zeros(2, 2, 3).fill_diagonal_(1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_parts_of_half_types_stay_so(dtype: Any) -> None:
    assert torch.diag_embed(torch.ones(2, dtype=dtype)).dtype is dtype
    for part in (
        lambda x: x[1:],
        lambda x: x.diagonal(),
        lambda x: x.unfold(0, 2, 1),
        lambda x: x.unbind()[0],
    ):
        x = torch.ones(3, 3, dtype=dtype, requires_grad=True)
        (grad,) = torch.autograd.grad(part(x).sum(), x)
        assert grad.dtype is dtype


def test_sizes_by_name():
    x = torch.arange(2)
    assert x.repeat(repeats=(2, 1)).tolist() == [[0, 1], [0, 1]]
    assert x.view(size=(2, 1)).expand(size=(2, 2)).tolist() == [[0, 0], [1, 1]]
    assert x.clone().resize_(size=(1,)).tolist() == [0]


def test_parts_that_are_no_views_share_the_memory() -> None:
    x = torch.arange(6.0)
    for parts in (
        torch.unsafe_split(x, 2),
        torch.unsafe_chunk(x, 3),
        x.unsafe_split_with_sizes([2, 2, 2]),
    ):
        assert [part.data_ptr() for part in parts] == [x.data_ptr() + 8 * i for i in range(3)]
        version = x._version
        assert parts[1]._base is None
        parts[1].add_(0)
        assert x._version == version
    leaf = torch.ones(4, requires_grad=True)
    first, second = torch.unsafe_split(leaf * 3, 2)
    first.mul_(2)
    (first.sum() + second.sum()).backward()
    assert leaf.grad.tolist() == [6, 6, 3, 3]
