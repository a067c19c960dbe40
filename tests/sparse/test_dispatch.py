"""What has no meaning for sparse tensors is refused, in one place and by one error; users' classes come first."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

import flambeau as torch
from flambeau.dispatch.registry import NAMESPACES
from flambeau.dispatch.torch_function import EVERY_LAYOUT
from flambeau.ops import families
from flambeau.sparse.dispatch import IN_PLACE, TABLE, _load


def sparse() -> torch.Tensor:
    return torch.tensor([[0.0, 1.5], [2.5, 0.0]]).to_sparse()


_load()
families.load_all()
KNOWN = {name.rpartition(".")[2] for name in TABLE} | EVERY_LAYOUT
KNOWN.add("svd_lowrank")  # made of products alone, which have a meaning
REFUSED = [
    (space, name)
    for space in ("torch", "nn.functional", "special", "linalg", "fft")
    for name, function in NAMESPACES[space].items()
    if name not in KNOWN
    and name.rstrip("_") not in IN_PLACE
    and inspect.signature(function).parameters
    and next(iter(inspect.signature(function).parameters)) in ("input", "x", "A", "self")
]


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_no_function_takes_a_sparse_tensor_for_a_dense_one(layout: Any) -> None:
    """Each of those that say nothing of sparse tensors refuses one, whatever its other arguments are."""
    assert len(REFUSED) > 250
    x = sparse().to_sparse(layout=layout)
    for space, name in REFUSED:
        function = NAMESPACES[space][name]
        needed = [
            p
            for p in list(inspect.signature(function).parameters.values())[1:]
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        with pytest.raises((NotImplementedError, RuntimeError, TypeError, ValueError)):
            function(x, *(1 for _ in needed))


def test_the_refusal_says_what_to_do() -> None:
    for call in (
        torch.cos,
        torch.exp,
        torch.Tensor.mean,
        lambda x: x == x,
        lambda x: torch.sort(x),
    ):
        with pytest.raises(NotImplementedError, match=r"\.to_dense\(\) first"):
            call(sparse())
    with pytest.raises(NotImplementedError, match="SparseCsrCPU"):
        torch.cos(sparse().to_sparse_csr())
    with pytest.raises(TypeError, match="to_dense"):
        sparse().numpy()
    with pytest.raises(RuntimeError, match="semi-structured"):
        torch.sparse.to_sparse_semi_structured(torch.eye(4))


def test_users_classes_come_first() -> None:
    class Tagged(torch.Tensor):
        seen: list = []

        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            cls.seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    y = torch.ones(2, 2).as_subclass(Tagged)
    found = torch.mm(sparse(), y)
    assert type(found) is Tagged
    assert Tagged.seen == ["mm"]
    assert found.tolist() == [[1.5, 1.5], [2.5, 2.5]]
    with torch._C.DisableTorchFunctionSubclass():
        assert (sparse() * 2).to_dense().tolist() == [[0.0, 3.0], [5.0, 0.0]]


def test_modes_see_the_calls() -> None:
    from flambeau.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        names: list = []

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    x = sparse()
    with Watch():
        torch.sin(x)
    assert "sin" in Watch.names


def test_dense_formulas_keep_their_fast_path() -> None:
    """Sparse tensors have kinds of their own: a formula's function has its own code, and no guard's."""
    x = sparse()
    assert x._kind is not torch.ones(1)._kind
    assert x._kind.strided is torch.ones(1)._kind
    assert x._kind.with_dtype(torch.float64) is x.double()._kind


def test_names_of_arguments() -> None:
    x = sparse()
    assert x.sum(axis=0).to_dense().tolist() == [2.5, 1.5]
    assert torch.add(input=x, other=x, alpha=2).to_dense().tolist() == [[0.0, 4.5], [7.5, 0.0]]
    out = torch.empty(2, 2)
    assert torch.mm(x, torch.eye(2), out=out) is out
    assert out.tolist() == x.to_dense().tolist()


def test_writing_in_place() -> None:
    x = sparse()
    alias = x
    x.mul_(2).add_(sparse()).sqrt_()

    assert alias.values().tolist() == pytest.approx([4.5**0.5, 7.5**0.5])
    assert x._version == 3
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        sparse().requires_grad_().mul_(2)
    y = sparse().requires_grad_()
    z = y * 1
    z.mul_(3)
    torch.sparse.sum(z).backward()
    assert y.grad.values().tolist() == [3.0, 3.0]
    dense = torch.ones(2, 2)
    dense += sparse()
    assert dense.tolist() == [[1.0, 2.5], [3.5, 1.0]]
    with pytest.raises(RuntimeError, match="copy_"):
        dense.copy_(sparse())


def test_copies() -> None:
    x = sparse().requires_grad_()
    deep = copy.deepcopy(x)
    assert deep.requires_grad
    deep.detach()._values().zero_()
    assert x.detach().values().tolist() == [1.5, 2.5]
    shallow = copy.copy(sparse())
    assert shallow.layout is torch.sparse_coo
    back = pickle.loads(pickle.dumps(sparse().to_sparse_csr()))
    assert back.layout is torch.sparse_csr
    assert back.to_dense().tolist() == sparse().to_dense().tolist()


def test_modules_hold_sparse_buffers_and_parameters() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("adjacency", sparse().to_sparse_csr())
            self.weight = torch.nn.Parameter(sparse())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sparse.mm(self.weight, self.adjacency @ x)

    net = Net()
    assert isinstance(net.weight, torch.nn.Parameter)
    assert repr(net.weight).startswith("Parameter containing:\ntensor(indices=tensor([[0, 1],")
    net(torch.ones(2, 1)).sum().backward()
    assert net.weight.grad.values().tolist() == [2.5, 1.5]
    other = Net()
    other.load_state_dict(net.state_dict())
    assert other.double().adjacency.dtype is torch.float64
    torch.optim.SGD(net.parameters(), lr=0.1)


def test_comparisons() -> None:
    torch.testing.assert_close(sparse(), sparse())
    with pytest.raises(AssertionError, match="Sparse COO values are not close"):
        torch.testing.assert_close(sparse(), sparse() * 2)
    with pytest.raises(AssertionError, match="layout"):
        torch.testing.assert_close(sparse(), sparse().to_sparse_csr())
    torch.testing.assert_close(sparse(), sparse().to_sparse_csr(), check_layout=False)


def test_arrays_beside_operators() -> None:
    array = torch.arange(4.0).reshape(2, 2).numpy()
    for product in (sparse() * array, array * sparse()):
        assert product.to_dense().tolist() == [[0.0, 1.5], [5.0, 0.0]]
    assert (sparse() @ array).tolist() == [[3.0, 4.5], [0.0, 2.5]]


def test_leaves_keep_their_history_where_nothing_is_recorded() -> None:
    x = sparse().requires_grad_()
    with torch.no_grad():
        x.mul_(2)
    assert x.is_leaf
    assert x.requires_grad
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        torch.sparse.sum(x * x).backward()
    assert x.grad.values().tolist() == [6.0, 10.0]


def test_functions_of_users_give_and_take_sparse_tensors() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
            assert g.layout is torch.sparse_coo
            return g * 2

    x = sparse().requires_grad_()
    y = Twice.apply(x)
    y.retain_grad()
    torch.sparse.sum(y).backward()
    assert y.grad.values().tolist() == [1.0, 1.0]
    assert x.grad.values().tolist() == [2.0, 2.0]
