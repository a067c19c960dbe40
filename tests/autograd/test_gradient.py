"""autograd.backward, autograd.grad and Tensor.backward: their options and their errors."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.autograd import backward, grad


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda x: torch.ones(2).sum().backward(),
            RuntimeError,
            "element 0 of tensors does not require grad and does not have a grad_fn",
        ),
        (
            lambda x: backward([x.sum(), torch.ones(())]),
            RuntimeError,
            "element 1 of tensors does not require grad",
        ),
        (
            lambda x: (x * 2).backward(),
            RuntimeError,
            "grad can be implicitly created only for scalar outputs",
        ),
        (
            lambda x: (x[0] * 1j).backward(),
            RuntimeError,
            "grad can be implicitly created only for real scalar outputs but got torch.complex64",
        ),
        (
            lambda x: (x * 2).backward(torch.ones(3)),
            RuntimeError,
            "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape "
            "of torch.Size([2]).",
        ),
        (lambda x: (x * 2).backward(torch.ones(1)), RuntimeError, "Mismatch in shape"),
        (
            lambda x: (x * 2).backward(torch.ones(2, dtype=torch.complex64)),
            RuntimeError,
            "both grad_output and output are required to have the same dtype",
        ),
        (lambda x: backward(x.sum(), [3.0]), TypeError, "Tensors, Python scalars, or None"),
        (
            lambda x: backward([x.sum(), x.sum()], [torch.tensor(1.0)]),
            RuntimeError,
            "got 2 tensors and 1 gradients",
        ),
        (
            lambda x: x.sum().backward(inputs=[]),
            RuntimeError,
            "`inputs` argument to `backward()` cannot be empty.",
        ),
        (
            lambda x: x.sum().backward(inputs=[torch.ones(2)]),
            RuntimeError,
            "can't retain_grad on Tensor that has requires_grad=False",
        ),
        (
            lambda x: grad(x.sum(), [x, leaf(1.0)]),
            RuntimeError,
            "The differentiated Tensor at index 1 appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior.",
        ),
        (
            lambda x: grad(x.sum(), torch.ones(1)),
            RuntimeError,
            "One of the differentiated Tensors does not require grad",
        ),
        (
            lambda x: grad(x.sum(), []),
            RuntimeError,
            "`inputs` argument to `grad()` cannot be empty.",
        ),
        (
            lambda x: grad(x.sum(), x, materialize_grads=True, allow_unused=False),
            ValueError,
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False.",
        ),
        (
            lambda x: grad(x * 2, x, torch.ones(3, 3), is_grads_batched=True),
            RuntimeError,
            "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the "
            "batch dimension.",
        ),
        (
            lambda x: torch.ones(2, dtype=torch.int64).requires_grad_(),
            RuntimeError,
            "only Tensors of floating point",
        ),
        (
            lambda x: (x * 2).requires_grad_(False),
            RuntimeError,
            "you can only change requires_grad flags of leaf variables.",
        ),
    ],
)
def test_errors_begin_with_pytorchs_words(call, error, text) -> None:
    with pytest.raises(error) as caught:
        call(leaf(1.0, 2.0))
    assert text in str(caught.value)


def test_gradients_of_several_roots_are_added() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    backward([y.sum(), y], [None, torch.tensor([10.0, 100.0])])
    assert x.grad.tolist() == [22.0, 404.0]
    backward((x.sum(),), (torch.tensor(2.0),))
    assert x.grad.tolist() == [24.0, 406.0]


def test_given_gradients_are_cast_to_the_outputs_dtype() -> None:
    x = leaf(1.0, 2.0)
    (x * 2).backward(torch.ones(2, dtype=torch.float64))
    (x * 2).backward(torch.ones(2, dtype=torch.int64))
    assert x.grad.dtype is torch.float32
    assert x.grad.tolist() == [4.0, 4.0]


def test_inputs_restrict_what_is_accumulated() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    z = (y * y).sum()
    z.backward(inputs=[y, w], retain_graph=True)
    assert x.grad is None
    assert (y.grad.tolist(), w.grad.tolist()) == ([6.0, 16.0], [6.0, 32.0])
    z.backward(inputs=w)
    assert w.grad.tolist() == [12.0, 64.0]


def test_an_input_given_twice_is_added_once() -> None:
    x = leaf(1.0)
    (x * 3).backward(inputs=[x, x])
    assert x.grad.tolist() == [3.0]


def test_grad_of_inner_values_and_of_the_output_itself() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y * y
    found = grad(z.sum(), [y, x, z], retain_graph=True)
    assert [g.tolist() for g in found] == [[4.0, 8.0], [8.0, 16.0], [1.0, 1.0]]
    assert grad(x, x, torch.ones(2))[0].tolist() == [1.0, 1.0]
    assert x.grad is None


def test_grad_runs_only_what_lies_between() -> None:
    x, w = leaf(1.0), leaf(2.0)
    y = x.exp()
    z = y * w
    assert grad(z, w)[0].item() == pytest.approx(2.718281828)
    y.backward()  # the part before y was neither run nor freed
    assert x.grad.item() == pytest.approx(2.718281828)


def test_unused_inputs_are_none_or_zeros() -> None:
    x, u = leaf(1.0), torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    assert grad((x * 2).sum(), [x, u], allow_unused=True)[1] is None
    zeros = grad((x * 2).sum(), [x, u], materialize_grads=True)[1]
    assert (zeros.shape, zeros.dtype, zeros.sum().item()) == ((2, 3), torch.float64, 0.0)


def test_batched_gradients_are_stacked() -> None:
    x, u = leaf(1.0, 2.0), leaf(1.0)
    found = grad(x * x, [x, u], torch.eye(2), is_grads_batched=True, allow_unused=True)
    assert found[0].tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert found[1] is None
    found = grad(x * x, [x, u], torch.eye(2), is_grads_batched=True, materialize_grads=True)
    assert found[1].shape == (2, 1)


def test_a_created_graph_is_kept_and_can_be_differentiated() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 27.0
    assert x.grad.requires_grad
    g, x.grad = x.grad, None
    g.backward()
    assert x.grad.item() == 18.0


def test_accumulation_adds_in_place_but_not_to_a_gradient_with_history() -> None:
    x = leaf(1.0)
    (x * 1).backward()
    first = x.grad
    (x * 1).backward()
    assert x.grad is first
    assert first.item() == 2.0
    (x * 1).backward(create_graph=True)
    assert x.grad is not first
    assert (first.item(), x.grad.item()) == (2.0, 3.0)


def test_edges_of_the_graph_serve_as_outputs_and_inputs() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    edge = torch.autograd.graph.get_gradient_edge(y)
    at_x = torch.autograd.graph.get_gradient_edge(x)
    z = (y * y).sum()
    assert grad(z, edge, retain_graph=True)[0].tolist() == [4.0, 8.0]
    assert grad(edge, at_x, torch.ones(2), retain_graph=True)[0].tolist() == [2.0, 2.0]
    z.backward(inputs=at_x)
    assert x.grad.tolist() == [8.0, 16.0]


def test_the_old_names_still_work() -> None:
    x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    assert isinstance(x, torch.autograd.Variable)
    assert type(x) is torch.Tensor
    backward(x * 2, grad_variables=torch.ones(2))
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_second_backward_names_who_freed_what_it_needs() -> None:
    x = leaf(1.0)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time") as caught:
        y.backward()
    assert "ExpBackward0" in str(caught.value)


def test_freed_in_place_history_is_reported_too() -> None:
    x = leaf(1.0, 2.0)
    b = x * 1
    b[0:1].mul_(x[1:])
    b.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        b.sum().backward()


def test_the_graph_can_be_walked() -> None:
    x = leaf(1.0, 2.0)
    y = (x + x).sum()
    ((add, index),) = y.grad_fn.next_functions
    assert (y.grad_fn.name(), add.name(), index) == ("SumBackward0", "AddBackward0", 0)
    accumulate = add.next_functions[0][0]
    assert add.next_functions == ((accumulate, 0), (accumulate, 0))
    assert accumulate.name() == "torch::autograd::AccumulateGrad"
    assert type(accumulate).__name__ == "AccumulateGrad"
    assert repr(accumulate).startswith("<AccumulateGrad object at")
    assert accumulate.variable is x
    assert isinstance(add, torch.autograd.graph.Node)
    add.metadata["note"] = 1
    assert y.grad_fn.next_functions[0][0].metadata == {"note": 1}
    assert add(torch.tensor([1.0, 2.0]))[0].tolist() == [1.0, 2.0]


def test_asking_an_inner_value_for_its_gradient_warns() -> None:
    x = leaf(1.0)
    y = x * 2
    with pytest.warns(UserWarning, match="that is not a leaf Tensor is being accessed"):
        assert y.grad is None
    y.retain_grad()
    assert y.grad is None
    assert x.grad is None
    (y * 2).backward()
    assert y.grad.tolist() == [2.0]
