"""What nodes saved, by PyTorch's names."""

import pytest

import flambeau as torch

F = torch.nn.functional


@pytest.fixture
def x():
    return (torch.rand(3, 3) + 0.1).requires_grad_()


@pytest.fixture
def w():
    return (torch.rand(3, 3) + 0.1).requires_grad_()


def names(node):
    return {name[7:] for name in dir(node) if name.startswith("_saved_")}


# The names under which PyTorch 2.13 shows tensors that the node saved, as far as the formula here needs them too.
NAMES = {
    "mul": (lambda x, w: x * w, {"self", "other"}),
    "add": (lambda x, w: x + w, set()),
    "exp": (lambda x, w: x.exp(), {"result"}),
    "sin": (lambda x, w: x.sin(), {"self"}),
    "tanh": (lambda x, w: x.tanh(), {"result"}),
    "pow": (lambda x, w: x**w, {"self", "exponent", "result"}),
    "atan2": (lambda x, w: torch.atan2(x, w), {"self", "other"}),
    "addcmul": (lambda x, w: torch.addcmul(x, x, w, value=2), {"tensor1", "tensor2", "value"}),
    "softmax": (lambda x, w: x.softmax(1), {"result"}),
    "mm": (lambda x, w: x @ w, {"self", "mat2"}),
    "bmm": (lambda x, w: torch.bmm(x[None], w[None]), {"self", "mat2"}),
    "linear": (lambda x, w: F.linear(x, w, w[0]), {"mat1", "mat2"}),
    "where": (lambda x, w: torch.where(x > 0.5, x, w), {"condition"}),
    "elu": (lambda x, w: F.elu(x), {"self", "alpha"}),
    "transpose": (lambda x, w: x.transpose(0, 1), {"dim0", "dim1"}),
    "view": (lambda x, w: x.view(9), {"self_sym_sizes"}),
    "cumsum": (lambda x, w: x.cumsum(1), {"dim"}),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name, x, w):
    call, expected = NAMES[name]
    assert names(call(x, w).grad_fn) <= expected
    assert bool(names(call(x, w).grad_fn)) == bool(expected)


def test_operands_are_the_tensors_themselves(x, w):
    node = (x * w).grad_fn
    assert node._saved_self is x
    assert node._saved_other is w
    made, constant = x + 1, torch.ones(3, 3)
    node = (made * constant).grad_fn
    assert node._saved_other is constant
    assert node._saved_self is None
    node = (made * w).grad_fn
    assert node._saved_self is made
    assert (made @ w).grad_fn._saved_self is made
    assert (made @ w).grad_fn._saved_mat2 is w


def test_a_tensor_that_nobody_holds_any_more(x, w):
    node = ((x + 1) * w).grad_fn
    assert node._saved_self.grad_fn is node.next_functions[0][0]
    assert torch.equal(node._saved_self, x + 1)


def test_results(x):
    y = x.exp()
    assert y.grad_fn._saved_result.grad_fn is y.grad_fn
    assert torch.equal(y.grad_fn._saved_result, y)
    for y in (x.softmax(0), x.log_softmax(1), x.tanh()):
        saved = y.grad_fn._saved_result
        assert saved.shape == y.shape
        assert torch.equal(saved, y)


def test_numbers(x):
    node = (x * 2).grad_fn
    assert node._saved_self is None
    assert node._saved_other.item() == 2
    assert torch.addcmul(x, x, x, value=3).grad_fn._saved_value == 3
    assert x.view(9).grad_fn._saved_self_sym_sizes == (3, 3)
    assert x.transpose(0, 1).grad_fn._saved_dim1 == 1


def test_what_is_not_saved_is_no_attribute(x, w):
    assert not hasattr((x + w).grad_fn, "_saved_self")
    assert not hasattr(x.exp().grad_fn, "_saved_self")
    with pytest.raises(
        AttributeError, match="'AddBackward0' object has no attribute '_saved_self'"
    ):
        _ = (x + w).grad_fn._saved_self


@pytest.mark.parametrize("call", [lambda x, w: x * w, lambda x, w: x @ w])
def test_freed_and_written(call, x, w):
    y = call(x, w)
    y.sum().backward(retain_graph=True)
    assert y.grad_fn._saved_self is x
    with torch.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _ = y.grad_fn._saved_self
    y = call(x, w)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        _ = y.grad_fn._saved_self
    assert "_saved_self" in dir(y.grad_fn)


def test_through_hooks(x, w):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        y = x * w
    assert y.grad_fn._saved_self.tolist() == x.tolist()


def test_recorded_gradients_have_nodes_too(x):
    (g,) = torch.autograd.grad(x.exp().sum(), x, create_graph=True)
    assert isinstance(names(g.grad_fn), set)
