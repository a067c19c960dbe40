"""Views by strides where elements share memory: their gradients of every order, and copies with a part replaced."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from tests.ops.checker import assert_gradients, derived

WEIGHTS = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)


def expanded(x: torch.Tensor) -> torch.Tensor:
    return x.expand(3, 2).as_strided((3, 2), (0, 1))


SEEN = {
    "expanded": expanded,
    "expanded, other strides": lambda x: x.expand(3, 2).as_strided((2,), (1,)),
    "expanded in front": lambda x: x.reshape(2, 1).expand(2, 3).as_strided((2, 3), (1, 0)),
    "windows": lambda x: x.repeat(3).unfold(0, 3, 1).as_strided((4, 3), (1, 1)),
    "windows, every other": lambda x: x.repeat(3).unfold(0, 3, 1).as_strided((3,), (2,)),
    "of itself": lambda x: expanded(x).as_strided((2, 2), (1, 0)),
    "overlapping twice": lambda x: (
        x.repeat(2).as_strided((3, 2), (1, 1)).as_strided((2, 2), (1, 1))
    ),
    "a part": lambda x: x.repeat(3)[2:].as_strided((2, 2), (2, 1)),
    "transposed": lambda x: x.repeat(3).reshape(3, 2).t().as_strided((2, 2), (1, 2)),
    "one element": lambda x: x[:1].expand(4).as_strided((), ()),
    "no elements": lambda x: x.expand(3, 2).as_strided((0, 2), (1, 1)),
    "copied": lambda x: torch.as_strided_copy(x.expand(3, 2), (3, 2), (0, 1)),
}


@pytest.mark.parametrize("name", SEEN)
def test_gradients_agree_with_differences(name: str) -> None:
    """With squares around the view, so that the second derivative sees it twice."""
    assert_gradients(lambda x: SEEN[name](x * x) ** 2, [np.array([0.7, 1.3])])


def test_each_element_of_memory_is_counted_once() -> None:
    """y[i, j] = x[j], so the gradient of sum(y z) is the sum of z over i."""
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (expanded(x) * WEIGHTS).sum().backward()
    assert x.grad.tolist() == [6, 9]


def test_memory_beside_the_input_is_constant() -> None:
    """Gradients go to the tensor that the function was given, as in PyTorch, not to what it is a view of."""
    x = torch.ones(6, dtype=torch.float64, requires_grad=True)
    (x.clone()[2:].as_strided((3, 2), (2, 1), 0) * WEIGHTS).sum().backward()
    assert x.grad.tolist() == [0, 0, 2, 3, 4, 5]


def test_second_derivative_is_not_multiplied() -> None:
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad((expanded(x) ** 2).sum(), x, create_graph=True)
    first.sum().backward()
    assert x.grad.tolist() == [6, 6]


@pytest.mark.parametrize("name", SEEN)
def test_forward_mode(name: str) -> None:
    x = torch.tensor([0.7, 1.3], dtype=torch.float64)
    v = torch.tensor([0.5, -2.0], dtype=torch.float64)
    function = SEEN[name]
    value, slope = torch.func.jvp(lambda x: function(x * x), (x,), (v,))
    np.testing.assert_allclose(value.numpy(), function(x * x).numpy())
    np.testing.assert_allclose(slope.numpy(), function(2 * x * v).numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_many_elements_of_one_place_in_half_types(dtype: torch.dtype) -> None:
    """3000 tenths are added in float32 and rounded once."""
    x = torch.ones(1, dtype=dtype, requires_grad=True)
    x.expand(3000).as_strided((3000,), (0,)).backward(torch.full((3000,), 0.1, dtype=dtype))
    assert x.grad.item() == pytest.approx(300, rel=4e-3)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("more", [0, 40])
def test_windows_of_a_tensor_that_was_written_to(create_graph: bool, more: int) -> None:
    """Their gradients are added up in float32, where they lie in the tensor; of any number of dimensions."""
    x = torch.ones(2048, dtype=torch.bfloat16, requires_grad=True)
    y = x.clone()
    windows = y.reshape(2048, *(1,) * more).unfold(0, 1024, 1)
    y.mul_(2)
    (grad,) = torch.autograd.grad(windows.sum(), x, create_graph=create_graph)
    assert grad[1024].item() == pytest.approx(2048, rel=4e-3)


# ------------------------------------------------------------------------------ as_strided_scatter


def scattered(*args):
    return lambda x, y: torch.as_strided_scatter(x * x, y * y, *args)


@pytest.mark.parametrize(
    ("shape", "args"),
    [
        ((2,), ((2,), (1,), 1)),
        ((2, 2), ((2, 2), (1, 2), 0)),
        ((1,), ((1,), (1,), 0)),
        ((2, 2), ((2, 2), (3, 1), 4)),
        ((2, 2), ((2, 2), (1, 1), 0)),
        ((), ((), (), 5)),
    ],
)
def test_gradients_of_scatter_agree_with_differences(shape: tuple, args: tuple) -> None:
    """What was written over gets none: the derivative by a number that is in no result is 0."""
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(0.5, 1.5, (3, 3)), rng.uniform(0.5, 1.5, shape)]
    assert_gradients(scattered(*args), arrays)


def test_scatter_of_the_whole_leaves_no_gradient() -> None:
    x, y = (np.full(1, v) for v in (2.0, 3.0))
    grads = derived(scattered((1,), (1,), 0), [x, y], [np.ones(1)])[1]
    assert [g.item() for g in grads] == [0, 6]


def as_seen(view) -> list:
    return torch.as_strided_scatter(view, torch.full((2,), 9), (2,), (1,), 1).tolist()


def test_scatter_keeps_the_place_in_memory() -> None:
    """What strides mean depends on how the input lies, as for as_strided; memory beside the input is not seen."""
    x = torch.arange(12).reshape(3, 4)
    assert as_seen(x) == [[0, 9, 9, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert as_seen(x.t()) == [[0, 4, 8], [9, 5, 9], [9, 6, 10], [3, 7, 11]]
    assert as_seen(x[:, ::2]) == [[0, 9], [4, 6], [8, 10]]
    assert as_seen(x[1:]) == [[4, 5, 6, 7], [8, 9, 10, 11]]
    assert x.tolist() == torch.arange(12).reshape(3, 4).tolist()
    first = torch.as_strided_scatter(x[1:], torch.full((2,), 9), (2,), (1,))
    assert first.tolist() == [[9, 9, 6, 7], [8, 9, 10, 11]]


def test_scatter_of_an_expanded_tensor_is_that_of_its_copy() -> None:
    x = torch.arange(3).expand(2, 3)
    result = torch.as_strided_scatter(x, torch.full((2,), 9), (2,), (1,), 1)
    assert result.tolist() == [[0, 9, 9], [0, 1, 2]]


def test_scatter_refuses_what_does_not_fit() -> None:
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match="src to have a size equal"):
        torch.as_strided_scatter(x, torch.ones(3), (2,), (1,))
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.as_strided_scatter(x, torch.ones(2), (2,), (0,))
    with pytest.raises(RuntimeError, match="out of bounds"):
        torch.as_strided_scatter(x, torch.ones(2), (2,), (3,))


def test_scatter_converts_to_the_dtype_of_the_input() -> None:
    result = torch.as_strided_scatter(
        torch.zeros(3), torch.ones(2, dtype=torch.float64), (2,), (1,)
    )
    assert result.dtype is torch.float32
    assert result.tolist() == [1, 1, 0]


def test_a_view_of_memory_beside_the_tensor_is_not_remembered() -> None:
    """The same call of a tensor that lies alike in smaller memory is refused each time."""
    for _ in range(5):
        x = torch.arange(12)
        assert torch.as_strided(x[:6], (2,), (8,)).tolist() == [0, 8]
        assert torch.as_strided(x[4:], (2,), (1,), 0).tolist() == [0, 1]
        assert torch.as_strided(x[4:], (2,), (1,)).tolist() == [4, 5]
    for _ in range(5):
        with pytest.raises(RuntimeError, match="out of bounds"):
            torch.as_strided(torch.arange(6), (2,), (8,))


def test_gradient_of_overlapping_sources_goes_to_the_last() -> None:
    x, src = torch.zeros(4, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    y = torch.as_strided_scatter(x, src, (2, 2), (1, 1))
    y.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert x.grad.tolist() == [0, 0, 0, 4]
    assert src.grad.tolist() == [[1, 0], [2, 3]]
