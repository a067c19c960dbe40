"""Constructors, checks of indices, printing and files of sparse tensors."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.serialization.error import SerializationError

LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc]


def dense() -> torch.Tensor:
    return torch.tensor([[0.0, 0.0, 3.0, 0.0], [4.0, 0.0, 5.0, 6.0]])


def in_layout(layout: Any, x: torch.Tensor | None = None) -> torch.Tensor:
    blocks = {"blocksize": (1, 2)} if layout in LAYOUTS[3:] else {}
    return (dense() if x is None else x).to_sparse(layout=layout, **blocks)


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_every_layout_becomes_every_other(first: Any, second: Any) -> None:
    """And the gradient comes back in the first one."""
    x = in_layout(first).requires_grad_()
    y = in_layout(second, x)
    assert y.layout is second
    assert y.to_dense().tolist() == dense().tolist()
    (y.to_dense() * torch.arange(8.0).reshape(2, 4)).sum().backward()
    if y is not x:
        assert x.grad.layout is first
        wanted = torch.arange(8.0).reshape(2, 4).sparse_mask(in_layout(first))
        torch.testing.assert_close(x.grad, wanted)


def test_random_matrices_against_numpy() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        rows, columns = (int(n) for n in random.integers(1, 9, 2))
        array = random.integers(-2, 3, (2 * rows, 3 * columns)) * (
            random.random((2 * rows, 3 * columns)) < 0.4
        )
        x = torch.from_numpy(array.astype(np.float64))
        for layout, blocks in zip(LAYOUTS, (None, None, None, (2, 3), (1, 3))):
            options = {} if blocks is None else {"blocksize": blocks}
            y = x.to_sparse(layout=layout, **options)
            assert (y.to_dense().numpy() == array).all()
            assert (y.transpose(0, 1).to_dense().numpy() == array.T).all()
            assert (y.to_sparse_coo().to_sparse_csc().to_dense().numpy() == array).all()
        coo = x.to_sparse()
        order = random.permutation(coo._nnz())
        shuffled = torch.sparse_coo_tensor(
            coo.indices()[:, order], coo.values()[order], coo.shape
        ).coalesce()
        assert shuffled.indices().tolist() == coo.indices().tolist()
        assert shuffled.values().tolist() == coo.values().tolist()
        with torch.sparse.check_sparse_tensor_invariants():
            torch.sparse_coo_tensor(coo.indices(), coo.values(), coo.shape, is_coalesced=True)


def test_values_and_indices_are_the_tensors_own_memory() -> None:
    values = torch.tensor([1.0, 2.0])
    x = torch.sparse_coo_tensor([[0, 1]], values, (3,), is_coalesced=True)
    values[0] = 7
    x.values()[1] = 8
    assert x.to_dense().tolist() == [7.0, 8.0, 0.0]
    assert values.tolist() == [7.0, 8.0]


def test_values_that_require_grad() -> None:
    values = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = torch.sparse_coo_tensor([[0, 1, 1]], values, (3,))
    assert x.grad_fn.name() == "SparseCooTensorWithDimsAndTensorsBackward0"
    (x.to_dense() * torch.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert values.grad.tolist() == [10.0, 20.0, 20.0]


@pytest.mark.parametrize(
    ("compressed", "plain", "message"),
    [
        ([0, 1, 3], [2, 0, 5], "`0 <= col_indices < ncols` is not satisfied"),
        ([0, 1, 4], [2, 0, 2], r"`crow_indices\[..., -1\] == nnz` is not satisfied"),
        ([1, 1, 3], [2, 0, 2], r"`crow_indices\[..., 0\] == 0` is not satisfied"),
        ([0, 1, 3], [2, 2, 0], "sorted and distinct along the last dimension"),
        ([0, 1, 3], [2, 1, 1], "sorted and distinct along the last dimension"),
        ([0, 4, 3], [2, 0, 2], r"`0 <= crow_indices\[..., 1:\] - crow_indices"),
        ([0, 3], [2, 0, 2], r"must be equal to the number of rows \+ 1 \(=3\), but got 2"),
        ([0, 1, 2], [2, 0], r"col_indices.shape\[-1\] must be equal to nnz"),
    ],
)
def test_invariants(compressed: list, plain: list, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.sparse_csr_tensor(compressed, plain, [1.0, 2.0, 3.0], (2, 3), check_invariants=True)


def test_whether_invariants_are_checked() -> None:
    check = torch.sparse.check_sparse_tensor_invariants
    assert not check.is_enabled()
    wrong = lambda: torch.sparse_coo_tensor([[5]], [1.0], (2,))  # noqa: E731
    wrong()
    with check():
        with pytest.raises(RuntimeError, match="for dim 0, size is 2 but found index 5"):
            wrong()
        with check(False):
            wrong()
    with pytest.raises(RuntimeError, match="index 5"):
        check()(wrong)()
    check.enable()
    assert check.is_enabled()
    check.disable()
    assert not check.is_enabled()


def save(x: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(x, buffer)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files(layout: Any) -> None:
    x = in_layout(layout).double()
    back = torch.load(save({"x": [x, x]}))["x"]
    assert back[0] is back[1]
    torch.testing.assert_close(back[0], x)
    uncoalesced = torch.sparse_coo_tensor([[1, 1]], [1.0, 2.0], (3,))
    assert not torch.load(save(uncoalesced)).is_coalesced()


def test_files_have_pytorchs_names() -> None:
    with zipfile.ZipFile(save(in_layout(torch.sparse_csr))) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        text = archive.read(name)
    assert b"torch._utils\n_rebuild_sparse_tensor" in text
    assert b"torch.serialization\n_get_layout" in text
    assert b"torch.sparse_csr" in text


def test_files_with_wrong_indices_are_refused() -> None:
    for x in (
        torch.sparse_coo_tensor([[7]], [1.0], (2,)),
        torch.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (2,), is_coalesced=True),
        torch.sparse_csr_tensor([0, 1, 1], [9], [1.0], (2, 2)),
        torch.sparse_csr_tensor([0, 7, 1], [0], [1.0], (2, 2)),
    ):
        with pytest.raises(SerializationError, match="a sparse tensor of the file cannot be made"):
            torch.load(save(x))


def test_names() -> None:
    """The public names of torch.sparse are there."""
    for name in (
        *("addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm"),
        *("sampled_addmm", "softmax", "solve", "spdiags", "spsolve", "sum"),
        *("SparseSemiStructuredTensor", "to_sparse_semi_structured"),
    ):
        assert callable(getattr(torch.sparse, name))
    assert isinstance(torch.eye(2).to_sparse(), torch.sparse.FloatTensor)
    old = torch.sparse.DoubleTensor(torch.tensor([[1]]), torch.tensor([2.0]).double(), (2,))
    assert old.to_dense().tolist() == [0.0, 2.0]
    with pytest.raises(TypeError, match=r"expected values of torch\.float64"):
        torch.sparse.DoubleTensor(torch.tensor([[1]]), torch.tensor([2.0]), (2,))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3), (2, 3, 0), (0, 0)])
def test_tensors_without_elements(shape: tuple) -> None:
    x = torch.zeros(shape)
    made = [x.to_sparse(count) for count in range(1, len(shape) + 1)]
    if len(shape) == 2:
        made += [x.to_sparse_csr(), x.to_sparse_csc()]
    for y in made:
        assert y._nnz() == 0
        for z in (y, y + y, y * y, y.clone(), torch.zeros_like(y)):
            assert z.to_dense().shape == x.shape
        assert "nnz=0" in repr(y)
        if len(shape) == 2 and not y.dense_dim():
            assert (y @ torch.ones(shape[1], 4)).tolist() == [[0.0] * 4] * shape[0]


def test_memory_and_random_layouts_are_refused_as_not_implemented():
    x = torch.eye(2).to_sparse()
    for call in (x.storage, x.untyped_storage, lambda: torch.randn(2, layout=torch.sparse_coo)):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(RuntimeError, match="data pointer"):
        x.data_ptr()
