"""Nested tensors: what is computed of them is what is computed of their parts."""

from __future__ import annotations

import copy

import pytest

import flambeau as torch
from flambeau.nn import functional as F

A, B = torch.arange(6.0).reshape(3, 2), torch.arange(4.0).reshape(2, 2)
LAYOUTS = [torch.strided, torch.jagged]


def nest(layout, *parts: torch.Tensor, **options) -> torch.nested.NestedTensor:
    return torch.nested.nested_tensor(list(parts or (A, B)), layout=layout, **options)


def assert_parts(nested: torch.Tensor, parts: list[torch.Tensor], **options) -> None:
    assert nested.is_nested
    for got, want in zip(nested.unbind(), parts, strict=True):
        torch.testing.assert_close(got, want, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_it_is(layout) -> None:
    n = nest(layout)
    assert (n.layout, n.dtype, n.dim(), n.size(0), n.size(-1), n.numel()) == (
        layout,
        torch.float32,
        3,
        2,
        2,
        10,
    )
    assert_parts(n, [A, B])
    assert torch.equal(n[1], B)
    padded = torch.nested.to_padded_tensor(n, -1.0)
    assert padded.tolist() == [[[0, 1], [2, 3], [4, 5]], [[0, 1], [2, 3], [-1, -1]]]
    assert n.to_padded_tensor(0.0, (2, 4, 3)).shape == (2, 4, 3)
    with pytest.raises(RuntimeError, match="less than"):
        n.to_padded_tensor(0.0, (2, 2, 2))
    assert torch.equal(copy.deepcopy(n), n)


def test_jagged_sizes() -> None:
    n = nest(torch.jagged)
    rows = n.size(1)
    assert repr(rows).startswith("j")
    assert n.shape == (2, rows, 2)
    assert n.offsets().tolist() == [0, 3, 5]
    assert n.values().tolist() == [*A.tolist(), *B.tolist()]
    assert (
        repr(n) == f"NestedTensor(size=(2, {rows}, 2), offsets=tensor([0, 3, 5]), contiguous=True)"
    )
    assert nest(torch.jagged, B, A).size(1) != rows
    assert n.view(2, rows, 2, 1).shape == (2, rows, 2, 1)


def test_strided_repr_is_pytorchs() -> None:
    assert repr(nest(torch.strided)) == (
        "nested_tensor([\n  tensor([[0., 1.],\n          [2., 3.],\n          [4., 5.]]),\n"
        "  tensor([[0., 1.],\n          [2., 3.]])\n])"
    )
    with pytest.raises(RuntimeError, match="irregular"):
        nest(torch.strided).size(1)


W = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "use",
    [
        lambda x: x * 2 - 1,
        lambda x: x + x,
        lambda x: -x,
        torch.sqrt,
        torch.relu,
        F.gelu,
        lambda x: x.double(),
        lambda x: F.linear(x, W, torch.ones(3)),
        lambda x: x @ W.t(),
        lambda x: F.layer_norm(x, (2,), torch.ones(2) * 2, torch.ones(2)),
        lambda x: torch.softmax(x, -1),
        lambda x: F.dropout(x, 0.5, training=False),
        lambda x: x.mean(-1),
        lambda x: x.unflatten(-1, (2, 1)),
        lambda x: torch.cat([x, x * 2], -1),
        lambda x: x.chunk(2, -1)[1],
        lambda x: torch.where(x > 1, x, -x),
        lambda x: x.clone().mul_(3),
        torch.ones_like,
    ],
)
def test_rows_and_elements(layout, use) -> None:
    assert_parts(use(nest(layout)), [use(A), use(B)])


def test_over_the_ragged_dimension() -> None:
    n = nest(torch.jagged)
    assert n.sum(1).tolist() == [[6.0, 9.0], [2.0, 4.0]]
    assert n.amax(1).tolist() == [[4.0, 5.0], [2.0, 3.0]]
    assert n.sum().item() == 21.0
    assert_parts(torch.softmax(n, 1), [torch.softmax(A, 0), torch.softmax(B, 0)])


def test_dense_tensors_broadcast_over_rows() -> None:
    n, row, each = nest(torch.jagged), torch.tensor([1.0, 2.0]), torch.arange(4.0).reshape(2, 1, 2)
    assert_parts(n + row, [A + row, B + row])
    assert_parts(n * each, [A * each[0], B * each[1]])
    with pytest.raises(RuntimeError, match="broadcast"):
        n + torch.ones(2, 3, 2)
    with pytest.raises(RuntimeError, match="do not broadcast"):
        n + nest(torch.jagged, B, A)


def test_gradients() -> None:
    x = A.clone().requires_grad_()
    n = torch.nested.as_nested_tensor([x, B], layout=torch.jagged)
    (n * n).values().sum().backward()
    assert torch.equal(x.grad, 2 * A)
    leaf = nest(torch.jagged, requires_grad=True)
    assert leaf.requires_grad
    out = F.linear(leaf, W)
    out.backward(torch.ones_like(out))
    assert_parts(leaf.grad, [W.sum(0).expand(3, 2), W.sum(0).expand(2, 2)])


def test_from_jagged() -> None:
    values = torch.arange(10.0).reshape(5, 2)
    n = torch.nested.nested_tensor_from_jagged(values, torch.tensor([0, 2, 5]))
    assert_parts(n, [values[:2], values[2:]])
    n = torch.nested.nested_tensor_from_jagged(values, lengths=torch.tensor([4, 1]))
    assert n.offsets().tolist() == [0, 4, 5]
    n = torch.nested.nested_tensor_from_jagged(
        values, torch.tensor([0, 2, 5]), torch.tensor([1, 2])
    )
    assert_parts(n, [values[:1], values[2:4]])
    with pytest.raises(RuntimeError, match="At least one"):
        torch.nested.nested_tensor_from_jagged(values)
    with pytest.raises(RuntimeError, match="rows in all"):
        torch.nested.nested_tensor_from_jagged(values, torch.tensor([0, 2, 6]))
    n = torch.nested.narrow(
        torch.ones(2, 4, 3), 1, torch.tensor([0, 1]), torch.tensor([2, 3]), torch.jagged
    )
    assert n.offsets().tolist() == [0, 2, 5]
    mask = torch.tensor([[True, False, True], [True, True, True]])
    assert torch.nested.masked_select(torch.ones(2, 3), mask).offsets().tolist() == [0, 2, 5]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="list of tensors"):
        torch.nested.nested_tensor(A)
    with pytest.raises(RuntimeError, match="ragged"):
        nest(torch.jagged, A, torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="dimensions"):
        nest(torch.strided, A, torch.ones(2))
    with pytest.raises(NotImplementedError, match="nested tensors"):
        nest(torch.jagged).cumsum(-1)


def test_attention_of_parts() -> None:
    torch.manual_seed(0)
    parts = [torch.randn(3, 8), torch.randn(2, 8)]
    n = nest(torch.jagged, *parts).unflatten(-1, (2, 4)).transpose(1, 2)
    assert n.shape == (2, 2, n.size(2), 4)
    out = F.scaled_dot_product_attention(n, n, n).transpose(1, 2).flatten(-2)
    want = []
    for part in parts:
        x = part.unflatten(-1, (2, 4)).transpose(0, 1)[None]
        want.append(F.scaled_dot_product_attention(x, x, x)[0].transpose(0, 1).flatten(-2))
    assert_parts(out, want)


def test_attention_layers() -> None:
    torch.manual_seed(0)
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    parts = [torch.randn(3, 8), torch.randn(2, 8)]
    n = nest(torch.jagged, *parts)
    out, weights = layer(n, n, n, need_weights=False)
    assert weights is None
    assert_parts(out, [layer(p, p, p)[0] for p in parts])
    with pytest.raises(AssertionError, match="NestedTensor"):
        layer(n, n, n)


def test_an_encoder_leaves_padding_out() -> None:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(8)).eval()
    plain = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(8), enable_nested_tensor=False)
    plain.load_state_dict(model.state_dict())
    plain.eval()
    x = torch.randn(2, 4, 8)
    padding = torch.tensor([[False, False, False, True], [False, False, True, True]])
    with torch.no_grad():
        got, want = (m(x, src_key_padding_mask=padding) for m in (model, plain))
        inside = torch.tensor([[True, False, False, True], [False, False, True, True]])
        assert torch.equal(*(m(x, src_key_padding_mask=inside) for m in (model, plain)))
    torch.testing.assert_close(got[~padding], want[~padding])
    assert torch.equal(got[padding], model.norm.bias.detach().expand(3, 8))
    with_history = model(x, src_key_padding_mask=padding)
    torch.testing.assert_close(with_history, plain(x, src_key_padding_mask=padding))
