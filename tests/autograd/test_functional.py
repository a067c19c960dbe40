"""Jacobians, Hessians and products with vectors, against PyTorch's recorded results."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.autograd import functional


def values(*numbers: float) -> torch.Tensor:
    return torch.tensor(list(numbers), dtype=torch.float64)


X, Y, V = values(1.0, 2.0), values(3.0, 4.0), values(1.0, 10.0)
TWO = torch.tensor(2.0, dtype=torch.float64)


def curve(x):
    return x.exp().sum() * x


def pair(x, y):
    return x * y, (x + y * y).sum()


def scalar(x, y):
    return (x * x * y).sum()


def cubes(x):
    return (x**3).sum()


def constant(x):
    return values(1.0, 2.0)


def assert_is(found, expected) -> None:
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        assert len(found) == len(expected)
        for item, wanted in zip(found, expected):
            assert_is(item, wanted)
    else:
        assert torch.tensor(expected).shape == found.shape
        flat = torch.tensor(expected, dtype=torch.float64).reshape(-1).tolist()
        assert found.reshape(-1).tolist() == pytest.approx(flat, rel=1e-4)


OPTIONS = [
    {},
    {"create_graph": True},
    {"vectorize": True},
    {"vectorize": True, "create_graph": True},
    {"vectorize": True, "strategy": "forward-mode"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (curve, X, [[12.8256, 7.3891], [5.4366, 24.8855]]),
        (
            pair,
            (X, Y),
            (
                ([[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]),
                ([1.0, 1.0], [6.0, 8.0]),
            ),
        ),
        (constant, X, [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x, y: x * 2, (X, Y), ([[2.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]])),
        (lambda x: (x.sum(),), X, ([1.0, 1.0],)),
        (lambda x: x.reshape(2, 1) * x, X, [[[2.0, 0.0], [2.0, 1.0]], [[2.0, 1.0], [0.0, 4.0]]]),
    ],
)
def test_jacobians(function, inputs, expected, options) -> None:
    assert_is(functional.jacobian(function, inputs, **options), expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"create_graph": True},
        {"vectorize": True},
        {"vectorize": True, "outer_jacobian_strategy": "forward-mode"},
    ],
)
@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (cubes, X, [[6.0, 0.0], [0.0, 12.0]]),
        (
            scalar,
            (X, Y),
            (
                ([[6.0, 0.0], [0.0, 8.0]], [[2.0, 0.0], [0.0, 4.0]]),
                ([[2.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]),
            ),
        ),
        (lambda x: constant(x).sum(), X, [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x: (x * x).sum().reshape(1), X, [[2.0, 0.0], [0.0, 2.0]]),
    ],
)
def test_hessians(function, inputs, expected, options) -> None:
    assert_is(functional.hessian(function, inputs, **options), expected)


PRODUCTS = [
    ("vjp", curve, X, V, ([10.1073, 20.2147], [67.1913, 256.2436])),
    ("vjp", pair, (X, Y), (V, TWO), (([3.0, 8.0], 28.0), ([5.0, 42.0], [13.0, 36.0]))),
    ("vjp", scalar, (X, Y), None, (19.0, ([6.0, 16.0], [1.0, 4.0]))),
    ("vjp", constant, X, V, ([1.0, 2.0], [0.0, 0.0])),
    ("jvp", curve, X, V, ([10.1073, 20.2147], [86.7162, 254.2911])),
    ("jvp", pair, (X, Y), (V, V), (([3.0, 8.0], 28.0), ([4.0, 60.0], 97.0))),
    ("jvp", lambda a: a * X, values(2.0), None, ([2.0, 4.0], [1.0, 2.0])),
    ("jvp", constant, X, V, ([1.0, 2.0], [0.0, 0.0])),
    ("hvp", scalar, (X, Y), (V, V), (19.0, ([8.0, 120.0], [2.0, 40.0]))),
    ("vhp", scalar, (X, Y), (V, V), (19.0, ([8.0, 120.0], [2.0, 40.0]))),
    ("hvp", cubes, X, V, (9.0, [6.0, 120.0])),
    ("vhp", cubes, X, V, (9.0, [6.0, 120.0])),
    ("hvp", lambda x: constant(x)[0], X, V, (1.0, [0.0, 0.0])),
    ("vhp", lambda x: constant(x)[0], X, V, (1.0, [0.0, 0.0])),
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("name", "function", "inputs", "v", "expected"), PRODUCTS)
def test_products_with_vectors(name, function, inputs, v, expected, create_graph) -> None:
    found = getattr(functional, name)(function, inputs, v, create_graph=create_graph)
    assert_is(found, expected)


def test_results_have_no_history_unless_asked_for() -> None:
    assert not functional.jacobian(cubes, X).requires_grad
    x = values(1.0, 2.0).requires_grad_()
    made = functional.jacobian(lambda x: x**3, x, create_graph=True)
    made.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
    value, product = functional.vjp(curve, X, V)
    assert (value.requires_grad, product.requires_grad, X.requires_grad) == (False, False, False)


def test_recording_is_on_inside_whatever_the_mode_is() -> None:
    with torch.no_grad():
        assert functional.jacobian(cubes, X).tolist() == [3.0, 12.0]


NOT_STRICT = "This is not allowed in strict mode"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: functional.jacobian(constant, X, strict=True),
            RuntimeError,
            "Output 0 of the user-provided function does not require gradients.",
        ),
        (
            lambda: functional.jacobian(lambda x, y: x * 2, (X, Y), strict=True),
            RuntimeError,
            "Output 0 of the user-provided function is independent of input 1. " + NOT_STRICT,
        ),
        (
            lambda: functional.hessian(lambda x: x.sum(), X, strict=True),
            RuntimeError,
            "found that the jacobian of the user-provided function with respect to input 0 is independent",
        ),
        (
            lambda: functional.hvp(lambda x: (x * 3).sum(), X, V, strict=True),
            RuntimeError,
            "found that the jacobian of the user-provided function with respect to input 0 is independent",
        ),
        (
            lambda: functional.vjp(lambda x, y: x * 2, (X, Y), V, strict=True),
            RuntimeError,
            "The output of the user-provided function is independent of input 1. " + NOT_STRICT,
        ),
        (
            lambda: functional.jacobian(curve, X, vectorize=True, strict=True),
            RuntimeError,
            "`strict=True` and `vectorized=True` are not supported together",
        ),
        (
            lambda: functional.jacobian(curve, X, strategy="forward-mode"),
            NotImplementedError,
            "only implemented for `vectorize=True`",
        ),
        (
            lambda: functional.jacobian(
                curve, X, strategy="forward-mode", vectorize=True, create_graph=True
            ),
            NotImplementedError,
            '`create_graph=True` and `strategy="forward-mode"` are not supported together',
        ),
        (
            lambda: functional.jacobian(
                curve, X, strategy="forward-mode", vectorize=True, strict=True
            ),
            RuntimeError,
            '`strict=True` and `strategy="forward-mode"` are not supported together',
        ),
        (
            lambda: functional.jacobian(curve, X, strategy="x"),
            AssertionError,
            'Expected strategy to be either "forward-mode" or "reverse-mode".',
        ),
        (
            lambda: functional.jacobian(curve, 3),
            TypeError,
            "The inputs given to jacobian must be either a Tensor or a tuple of Tensors but the given "
            "inputs has type <class 'int'>.",
        ),
        (
            lambda: functional.jacobian(curve, (X, 3)),
            TypeError,
            "the value at index 1 has type <class 'int'>.",
        ),
        (
            lambda: functional.jacobian(lambda x: 3, X),
            TypeError,
            "The outputs of the user-provided function given to jacobian must be either a Tensor or a "
            "tuple of Tensors",
        ),
        (
            lambda: functional.vjp(curve, X),
            RuntimeError,
            "The vector v can only be None if the user-provided function returns a single Tensor with a "
            "single element.",
        ),
        (
            lambda: functional.jvp(curve, X),
            RuntimeError,
            "The vector v can only be None if the input to the user-provided function is a single Tensor "
            "with a single element.",
        ),
        (
            lambda: functional.vjp(curve, X, values(1.0)),
            RuntimeError,
            "v has invalid size: should be torch.Size([2]) but got torch.Size([1]).",
        ),
        (
            lambda: functional.vjp(curve, X, (V, V)),
            RuntimeError,
            "The given v should contain a single Tensor.",
        ),
        (
            lambda: functional.hessian(curve, X),
            RuntimeError,
            "The Tensor returned by the function given to hessian should contain a single element",
        ),
        (
            lambda: functional.hvp(lambda x: (x.sum(), x.sum()), X, V),
            RuntimeError,
            "The function given to hvp should return a single Tensor",
        ),
    ],
)
def test_errors(call, error, text) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
