"""The fast path takes the usual call, and hands every other one to the general path."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F


def grown(call):
    """Run twice: the first call makes the specialisation, the second goes straight."""
    call()
    return call()


def test_operands_that_are_absent_numbers_or_tensors():
    x = torch.tensor([-2.0, 0.5, 3.0])
    assert grown(lambda: torch.clamp(x, 0.0, 1.0)).tolist() == [0.0, 0.5, 1.0]
    assert grown(lambda: torch.clamp(x, min=-1)).tolist() == [-1.0, 0.5, 3.0]
    assert grown(lambda: torch.clamp(x, max=torch.tensor(1.0))).tolist() == [-2.0, 0.5, 1.0]
    assert grown(lambda: torch.where(x > 0, x, 7)).tolist() == [7.0, 0.5, 3.0]
    assert grown(lambda: torch.where(x > 0, 7, x)).tolist() == [-2.0, 7.0, 7.0]


def test_what_changes_the_dtype_is_promoted():
    whole = torch.tensor([1, 2, 3])
    for _ in range(2):
        assert torch.clamp(whole, 1.5, 2.5).dtype is torch.float32
        assert torch.add(whole, torch.ones(3), alpha=2).tolist() == [3.0, 4.0, 5.0]
        assert torch.where(whole > 1, whole, torch.tensor([0.5, 0.5, 0.5])).tolist() == [0.5, 2, 3]
        assert torch.add(whole, whole, alpha=2).dtype is torch.int64


def test_a_parameter_that_is_a_tensor():
    x, y = torch.ones(2), torch.tensor([1.0, 2.0])
    assert grown(lambda: torch.addcmul(x, y, y, value=0.5)).tolist() == [1.5, 3.0]
    assert torch.addcmul(x, y, y, value=torch.tensor(2.0)).tolist() == [3.0, 9.0]


def test_shapes_that_do_not_broadcast():
    x, y = torch.ones(3), torch.ones(4)
    grown(lambda: torch.lerp(x, x, 0.5))
    with pytest.raises(RuntimeError, match=r"size of tensor a \(3\) must match"):
        torch.lerp(x, y, 0.5)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        torch.ones(3).add_(torch.ones(2, 3))


def test_gradients_of_some_operands():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([0.25, 0.75])
    for _ in range(2):
        x.grad = None
        y = torch.lerp(x, torch.tensor([3.0, 5.0]), w)
        y.sum().backward()
        assert x.grad.tolist() == [0.75, 0.25]
        assert y.grad_fn.name() == "LerpBackward0"
    plain = torch.ones(2)
    assert torch.lerp(plain, plain, w).grad_fn is None
    with torch.no_grad():
        assert torch.lerp(x, plain, w).grad_fn is None


def test_rows_with_several_operands():
    x = torch.tensor([[1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    w, b = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([2.0, 4.0], [1.0, 0.0])
    )
    for _ in range(2):
        y = F.layer_norm(x, (2,), w, b, eps=0.0)
        assert y.tolist() == [[-1.0, 4.0]]
        y.backward(torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    assert b.grad.tolist() == [2.0, 4.0]
    assert w.grad.tolist() == [-2.0, 4.0]
    assert torch.autograd.gradcheck(lambda *v: F.layer_norm(v[0], (2,), *v[1:]), (x, w, b))
    with pytest.raises(IndexError):
        torch.softmax(x, 2)


def test_in_place_writes():
    x = torch.zeros(2, 3)
    for i in range(3):
        assert x.add_(1.0) is x
        assert x._version == i + 1
    assert x.tolist() == [[3.0] * 3] * 2
    row = x[0]
    row.mul_(2).sub_(torch.ones(3), alpha=2)
    assert x.tolist() == [[4.0] * 3, [3.0] * 3]
    assert x.t().add_(torch.arange(3.0)[:, None]).tolist() == [[4.0, 3.0], [5.0, 4.0], [6.0, 5.0]]
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.zeros(1).expand(3).add_(1.0)
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.zeros(2, dtype=torch.int64).add_(0.5)


def test_in_place_writes_and_history():
    leaf = torch.ones(2, requires_grad=True)
    torch.ones(2).mul_(torch.ones(2))
    with pytest.raises(RuntimeError, match="leaf Variable"):
        leaf.mul_(torch.ones(2))
    with torch.no_grad():
        leaf.mul_(torch.full((2,), 3.0))
    assert leaf.tolist() == [3.0, 3.0]
    target = torch.ones(2)
    target.mul_(leaf)
    target.sum().backward()
    assert leaf.grad.tolist() == [1.0, 1.0]
    saved = leaf * (factor := torch.ones(2))
    factor.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()


def test_classes_out_of_bounds_and_ignored():
    scores = torch.tensor([[1.0, 2.0, 3.0]] * 2)
    expected = np.log(np.exp([1.0, 2.0, 3.0]).sum())
    loss = F.cross_entropy(scores, torch.tensor([0, 2]), reduction="none")
    np.testing.assert_allclose(loss.tolist(), [expected - 1, expected - 3], rtol=1e-6)
    for ignored in (-100, 2):
        loss = F.cross_entropy(scores, torch.tensor([0, ignored]), ignore_index=ignored)
        np.testing.assert_allclose(loss.item(), expected - 1, rtol=1e-6)
    for wrong in (3, -1):
        with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
            F.cross_entropy(scores, torch.tensor([0, wrong]))


@pytest.mark.parametrize(
    "call",
    [torch.sqrt, lambda x: torch.true_divide(x, x), lambda x: torch.xlogy(x, x), lambda x: x / 2],
)
def test_integers_follow_the_default_dtype(call):
    """What was traced for one default is not used for the next."""
    x = torch.tensor([1, 4, 9])
    assert grown(lambda: call(x)).dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert grown(lambda: call(x)).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert grown(lambda: call(x)).dtype is torch.float32


def test_a_promotion_is_worked_out_for_what_decides_it():
    """The dtype, whether a tensor has dimensions, and a number's class; not the numbers themselves."""
    whole, real = torch.tensor([1, 2]), torch.tensor([0.5, 0.25], dtype=torch.float64)
    for _ in range(2):
        assert (whole * real).dtype is torch.float64
        assert (whole * real[0]).dtype is torch.float64
        assert (torch.ones(2) * real[0]).dtype is torch.float32
        assert (torch.ones(2) * real).dtype is torch.float64
        assert torch.maximum(whole, whole[:1]).dtype is torch.int64
        assert (whole * 2).tolist() == [2, 4]
        assert (whole * 3).tolist() == [3, 6]
        assert (whole * 0.5).tolist() == [0.5, 1.0]
        assert (whole * True).dtype is torch.int64
        assert (whole * 1j).dtype is torch.complex64


HOLDERS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")  # fmt: skip


@pytest.mark.parametrize("dtype", HOLDERS)
@pytest.mark.parametrize("strided", [False, True])
def test_comparisons_are_written_into_every_dtype(dtype, strided):
    """In place and with out=, by the kernel that converts what it stores."""
    values, others = np.arange(40) % 3, np.arange(40) % 2
    x = torch.tensor(values.repeat(2)).to(getattr(torch, dtype))
    x = x[::2] if strided else x[::2].contiguous()
    y = torch.tensor(others).to(x.dtype)
    want = (np.asarray(x.double()) <= np.asarray(y.double())).astype(float)
    out = torch.zeros(40, dtype=x.dtype)
    assert torch.le(x, y, out=out) is out
    np.testing.assert_array_equal(out.double().numpy(), want)
    version = x._version
    assert x.le_(y) is x
    assert (x.dtype, x._version) == (y.dtype, version + 1)
    np.testing.assert_array_equal(x.double().numpy(), want)


def test_a_wider_result_is_rounded_once_into_its_target():
    x, y = torch.full((5,), 0.1), torch.full((5,), 0.2, dtype=torch.float64)
    want = (np.float64(np.float32(0.1)) * 0.2).astype(np.float32)
    np.testing.assert_array_equal(x.mul_(y).numpy(), np.full(5, want))
    half = torch.full((5,), 3.0, dtype=torch.bfloat16)
    half.div_(torch.full((5,), 7.0))
    assert half.float().tolist() == [0.427734375] * 5  # 3 / 7 in eight bits


def test_what_cannot_hold_the_result_is_left_as_it_was():
    x = torch.arange(3)
    with pytest.raises(RuntimeError, match="can't be cast"):
        x.mul_(torch.full((3,), 0.5))
    assert x.tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.mul(torch.ones(3), 0.5, out=x)
    assert x.tolist() == [0, 1, 2]


def test_large_tensors_are_equal_only_to_the_last_element():
    x = torch.arange(300_000).view(300, 1000)
    for y in (x.clone(), x.t().contiguous().t()):
        assert torch.equal(x, y)
    for place in ((0, 0), (150, 3), (299, 999)):
        y = x.clone()
        y[place] = -1
        assert not torch.equal(x, y)
    assert torch.equal(torch.zeros(0, 90_000), torch.zeros(0, 90_000))
    assert not torch.equal(torch.full((90_000,), float("nan")), torch.full((90_000,), float("nan")))


def test_what_is_real_is_its_own_conjugate():
    x = torch.arange(3.0)
    assert torch.conj_physical(x) is x
    assert x.conj_physical_() is x
    assert torch.conj_physical(x, out=torch.zeros(3)).tolist() == [0, 1, 2]
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert torch.conj_physical(z).tolist() == [1 - 2j, 3 + 1j]
    assert z.conj_physical_() is z
    assert z.tolist() == [1 - 2j, 3 + 1j]
