"""gradcheck and gradgradcheck accept right gradients and refuse wrong ones."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.autograd.gradcheck import GradcheckError


def real(*numbers: float) -> torch.Tensor:
    return torch.tensor(list(numbers), dtype=torch.float64, requires_grad=True)


def complex_(*numbers: complex) -> torch.Tensor:
    return torch.tensor(list(numbers), dtype=torch.complex128, requires_grad=True)


RIGHT = [
    (torch.sin, (real(1.0, 2.0),)),
    (lambda x, y: (x * y, (x + y * y).sum()), (real(1.0, 2.0), real(3.0, 4.0))),
    (torch.sort, (real(2.0, 1.0, 3.0),)),
    (lambda x: x.expand(3, 2).sum(0) * x, (real(1.0, 2.0),)),
    (torch.exp, (complex_(1 + 2j, -0.5 + 0.3j),)),
    (torch.abs, (complex_(1 + 2j, -0.5 + 0.3j),)),
    (lambda z: z * z.conj(), (complex_(1 + 2j, -0.5 + 0.3j),)),
    (lambda z: z.real * 2, (complex_(1 + 2j),)),
    (lambda x, z: x * z, (real(1.0, 2.0), complex_(1 + 2j, 0.5j))),
    (lambda x, n: x * n, (real(1.0), 3)),
]


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("function", "inputs"), RIGHT)
def test_right_gradients_pass(function, inputs, fast) -> None:
    assert gradcheck(function, inputs, fast_mode=fast, check_batched_grad=True)
    assert gradcheck(function, inputs, fast_mode=fast, check_grad_dtypes=True)
    assert gradgradcheck(function, inputs, fast_mode=fast)
    assert gradgradcheck(function, inputs, gen_non_contig_grad_outputs=True)


def wrong(backward):
    """x², with a backward of one's own."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

    Square.backward = staticmethod(lambda ctx, g: backward(g, *ctx.saved_tensors))
    return Square.apply


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(
    "backward",
    [
        lambda g, x: g * x * 2.02,
        lambda g, x: -g * x * 2,
        lambda g, x: g * 2,
        lambda g, x: None,
        lambda g, x: (g * x * 2).flip(0),
    ],
)
def test_wrong_gradients_fail(backward, fast) -> None:
    function = wrong(backward)
    with pytest.raises(
        GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"
    ):
        gradcheck(function, real(1.0, 2.5), fast_mode=fast)
    assert gradcheck(function, real(1.0, 2.5), fast_mode=fast, raise_exception=False) is False


@pytest.mark.parametrize("fast", [False, True])
def test_wrong_gradients_of_complex_numbers_fail(fast) -> None:
    function = wrong(lambda g, x: g * 2 * x)  # should be the conjugate
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(function, complex_(1 + 2j, 3 - 1j), fast_mode=fast)
    assert gradcheck(wrong(lambda g, x: g * 2 * x.conj()), complex_(1 + 2j, 3 - 1j), fast_mode=fast)


def test_a_wrong_second_derivative_fails() -> None:
    # right at the point, as if x were a constant
    function = wrong(lambda g, x: g * 2 * x.detach())
    assert gradcheck(function, real(1.0, 2.0))
    with pytest.raises(GradcheckError):
        gradgradcheck(function, real(1.0, 2.0))


def test_a_gradient_that_differs_from_run_to_run_fails() -> None:
    runs = []

    def backward(g, x):
        runs.append(1)
        return g * 2 * x + 1e-8 * len(runs) * g

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(wrong(backward), real(1.0, 2.0))
    assert gradcheck(wrong(backward), real(1.0, 2.0), nondet_tol=1e-5)


def test_a_gradient_that_ignores_what_arrives_fails() -> None:
    class Offset(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return torch.where(g == 0, torch.full_like(g, 1e-7), g)

    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(Offset.apply, real(1.0))


def test_a_constant_has_no_gradient_and_a_detached_result_should_not_change() -> None:
    assert gradcheck(lambda x: x.detach() * 0 + 1, real(1.0))
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, real(1.0))


def test_inputs_keep_their_values_and_strides() -> None:
    x = torch.arange(6.0, dtype=torch.float64).reshape(2, 3).t().requires_grad_()
    assert gradcheck(torch.exp, x)
    assert x.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert x.grad is None


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
        gradcheck(torch.sin, torch.ones(2))
    with pytest.raises(RuntimeError, match="0th input has a dimension with stride 0"):
        gradcheck(torch.sin, torch.ones(1, dtype=torch.float64).expand(2).requires_grad_())
    with pytest.warns(
        UserWarning, match="Input #0 requires gradient and is not a double precision"
    ):
        gradcheck(torch.sin, torch.ones(2, requires_grad=True), eps=1e-2, atol=1e-2)
    with pytest.raises(AssertionError, match="requires check_forward_ad to be True"):
        gradcheck(torch.sin, real(1.0), check_batched_forward_grad=True)


def test_the_module_is_the_function() -> None:
    assert torch.autograd.gradcheck(torch.sin, real(1.0))
    assert torch.autograd.gradcheck.gradgradcheck is gradgradcheck
    assert torch.autograd.gradcheck.GradcheckError is GradcheckError
