"""torch.func: values, nesting, what stays recorded, and errors."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

X = torch.tensor([1.0, 2.0])


def cubes(x: torch.Tensor) -> torch.Tensor:
    return (x**3).sum()


def test_gradients() -> None:
    assert grad(cubes)(X).tolist() == [3.0, 12.0]
    assert grad(grad(lambda x: x**3))(torch.tensor(2.0)).item() == 12.0
    by_both = grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(X, X + 1)
    assert [g.tolist() for g in by_both] == [[2.0, 3.0], [1.0, 2.0]]
    nested = grad(lambda p: (p["a"] ** 2).sum() + p["b"][0])({"a": X, "b": [torch.tensor(5.0)]})
    assert nested["a"].tolist() == [2.0, 4.0]
    assert nested["b"][0].item() == 1.0
    g, (value, aux) = grad_and_value(lambda x: (cubes(x), x + 1), has_aux=True)(X)
    assert (g.tolist(), value.item(), aux.tolist()) == ([3.0, 12.0], 9.0, [2.0, 3.0])
    assert grad(lambda x: torch.ones(()))(X).tolist() == [0.0, 0.0]
    with torch.no_grad():
        assert grad(cubes)(X).tolist() == [3.0, 12.0]


def test_results_are_recorded_where_something_else_wants_a_gradient() -> None:
    w = torch.ones(2, requires_grad=True)
    assert not grad(cubes)(X).requires_grad
    assert not X.requires_grad
    g = grad(lambda x: (x * x * w).sum())(X)
    (of_w,) = torch.autograd.grad(g.sum(), w)
    assert of_w.tolist() == [2.0, 4.0]
    (again,) = torch.autograd.grad(grad(cubes)(w).sum(), w)
    assert again.tolist() == [6.0, 6.0]


def test_products_with_jacobians() -> None:
    (value, total), back = vjp(lambda x: (x**2, x.sum()), X)
    assert (value.tolist(), total.item()) == ([1.0, 4.0], 3.0)
    assert back((X, torch.tensor(1.0)))[0].tolist() == [3.0, 9.0]
    value, out = jvp(lambda x: x**2, (X,), (X,))
    assert (value.tolist(), out.tolist()) == ([1.0, 4.0], [2.0, 8.0])
    value, along = linearize(torch.exp, torch.tensor(0.0))
    assert (value.item(), along(torch.tensor(3.0)).item()) == (1.0, 3.0)
    _, out = jvp(lambda x: torch.ones(2), (X,), (X,))
    assert out.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians(jacobian) -> None:
    assert jacobian(lambda x: x**2)(X).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    by_both = jacobian(lambda x, y: x * y, argnums=(0, 1))(X, X + 1)
    assert [g.tolist() for g in by_both] == [[[2.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 2.0]]]
    named = jacobian(lambda x: {"a": x**2, "b": x.sum()})(X)
    assert named["b"].tolist() == [1.0, 1.0]
    result, aux = jacobian(lambda x: (x.sum(), x), has_aux=True)(X)
    assert (result.tolist(), aux.tolist()) == ([1.0, 1.0], [1.0, 2.0])
    assert hessian(cubes)(X).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_mapping_over_a_batch() -> None:
    rows = torch.arange(6.0).reshape(2, 3)
    assert vmap(torch.dot)(rows, rows).tolist() == [5.0, 50.0]
    assert vmap(torch.dot, in_dims=(0, None))(rows, torch.ones(3)).tolist() == [3.0, 12.0]
    same, turned = vmap(lambda x: (x, 2 * x), out_dims=(0, 1))(rows)
    assert same.tolist() == rows.tolist()
    assert turned.tolist() == [[0.0, 6.0], [2.0, 8.0], [4.0, 10.0]]
    assert vmap(vmap(lambda x: x + 1))(rows).tolist() == (rows + 1).tolist()
    assert vmap(lambda d: d["a"].sum(), in_dims=({"a": 1},))({"a": rows}).tolist() == [
        3.0,
        5.0,
        7.0,
    ]
    assert vmap(lambda x: torch.ones(2), out_dims=None)(X).tolist() == [1.0, 1.0]
    assert vmap(lambda x: x.sum())(torch.ones(0, 3)).shape == (0,)
    assert torch.vmap(grad(cubes))(rows).tolist() == (3 * rows**2).tolist()


def test_random_draws_under_vmap() -> None:
    with pytest.raises(RuntimeError, match="random operation while in randomness error mode"):
        vmap(lambda x: torch.randn(3))(X)
    different = vmap(lambda x: torch.randn(3), randomness="different")(X)
    assert different[0].tolist() != different[1].tolist()
    same = vmap(lambda x: torch.randn(3), randomness="same")(X)
    assert same[0].tolist() == same[1].tolist()


def test_modules_as_functions() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    kept = model.weight
    given = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    assert functional_call(model, given, X).tolist() == [3.0]
    assert functional_call(
        model, ({"weight": torch.ones(1, 2)}, {"bias": torch.ones(1)}), (X,)
    ).tolist() == [4.0]
    assert model.weight is kept
    batch = torch.ones(4, 2)
    grads = vmap(grad(lambda p, x: functional_call(model, p, (x,)).sum()), in_dims=(None, 0))(
        given, batch
    )
    assert grads["weight"].shape == (4, 1, 2)
    parameters, buffers = stack_module_state([model, torch.nn.Linear(2, 1)])
    assert parameters["weight"].shape == (2, 1, 2)
    assert parameters["weight"].requires_grad
    assert buffers == {}
    outs = vmap(lambda p, x: functional_call(model, p, (x,)), in_dims=(0, None))(parameters, X)
    assert outs[0].item() == pytest.approx(model(X).item())


def test_tied_parameters_get_one_value() -> None:
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    )
    model[1].weight = model[0].weight
    given = {"0.weight": 2 * torch.eye(2)}
    assert functional_call(model, given, X).tolist() == [4.0, 8.0]
    both = {"0.weight": torch.eye(2), "1.weight": torch.eye(2)}
    with pytest.raises(ValueError, match="which are tied"):
        functional_call(model, both, X)
    assert functional_call(model, both, X, tie_weights=False).tolist() == [1.0, 2.0]


LINEAR = torch.nn.Linear(2, 1)

REFUSED = {
    "a vector": (lambda: grad(lambda x: x * 2)(X), RuntimeError, "got tensor with 1 dims"),
    "a number": (
        lambda: grad(lambda x: 5.0)(X),
        RuntimeError,
        "return a Tensor, got <class 'float'>",
    ),
    "argnums": (lambda: grad(cubes, argnums=3)(X), RuntimeError, "Got argnum=3, but only 1"),
    "integers": (
        lambda: grad(lambda x: x.sum())(torch.arange(3)),
        RuntimeError,
        "floating point dtype",
    ),
    "cotangent": (
        lambda: vjp(lambda x: x**2, X)[1](torch.ones(3)),
        RuntimeError,
        r"grad_output\[0\] has a shape of torch.Size\(\[3\]\)",
    ),
    "primals": (lambda: jvp(cubes, X, X), RuntimeError, "Expected primals to be a tuple"),
    "tangents": (lambda: jvp(cubes, (X,), (torch.ones(3),)), RuntimeError, "Tensor is of size"),
    "output": (lambda: vmap(lambda x: 1)(X), ValueError, "must only return Tensors, got type"),
    "in_dims": (lambda: vmap(cubes, in_dims="a")(X), ValueError, "expected `in_dims` to be int"),
    "in_dim": (lambda: vmap(cubes, in_dims=3)(X), ValueError, "-1 <= in_dim < 1"),
    "structure": (
        lambda: vmap(cubes, in_dims=(0, 0))(X),
        ValueError,
        "not compatible with the structure",
    ),
    "sizes": (lambda: vmap(torch.add)(X, torch.ones(3)), ValueError, r"got sizes \[2, 3\]"),
    "no inputs": (lambda: vmap(lambda: X)(), ValueError, "got no inputs"),
    "no tensor": (lambda: vmap(cubes)(3), ValueError, "the input is of type <class 'int'>"),
    "out_dims": (lambda: vmap(lambda x: x, out_dims=4)(X), IndexError, "Dimension out of range"),
    "unbatched": (lambda: vmap(lambda x: x, out_dims=None)(X), ValueError, "when out_dim is None"),
    "randomness": (lambda: vmap(cubes, randomness="z")(X), RuntimeError, "Got z"),
    "chunks": (
        lambda: vmap(cubes, chunk_size=0),
        ValueError,
        "chunk_size should be None or greater",
    ),
    "strict": (
        lambda: functional_call(LINEAR, {"w": X}, X, strict=True),
        RuntimeError,
        r"Unexpected key\(s\): 'w'.\n\tMissing key\(s\): 'bias', 'weight'",
    ),
    "twice": (
        lambda: functional_call(LINEAR, ({"weight": X}, {"weight": X}), X),
        ValueError,
        "appeared in multiple dictionaries",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


def test_functionalize_keeps_what_a_function_writes():
    """Results and writes as PyTorch 2.14.1 gives them."""

    def add_one(x):
        x.view(-1).add_(1)
        return x.sum()

    x = torch.zeros(2, 2)
    for remove in ("mutations", "mutations_and_views"):
        assert torch.func.functionalize(add_one, remove=remove)(x).item() == x.sum().item()
    assert x.tolist() == [[2, 2], [2, 2]]
    wrong = torch.func.functionalize(add_one, remove="views")
    with pytest.raises(RuntimeError, match="invalid argument for 'remove=views'"):
        wrong(x)


def test_jacobians_in_chunks_are_the_same():
    x = torch.tensor([1.0, 2.0])
    for size in (1, 2, 5, None):
        found = torch.func.jacrev(lambda x: x**2, chunk_size=size)(x)
        assert found.tolist() == [[2, 0], [0, 4]]
        assert not found.requires_grad
    with pytest.raises(ValueError, match="greater than 0"):
        torch.func.jacrev(torch.sin, chunk_size=0)


def test_gradients_of_functions_of_weights_stay_recorded():
    w, x = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0)
    slope = torch.func.grad(lambda x: w * x**2)(x)
    slope.backward()
    assert (slope.item(), w.grad.item()) == (12, 4)
    _, back = torch.func.vjp(torch.sin, x)
    v = torch.tensor(1.0, requires_grad=True)
    (back(v)[0] * 5).backward()
    assert torch.allclose(v.grad, 5 * torch.cos(x))
