"""Checks of gradients against central differences, to first and second order.

Source: torch.autograd.gradcheck
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..core.layout import strided
from ..core.tensor import Tensor
from .difference import Check, GradcheckError, check_inputs, differentiable, random_like
from .forward_difference import ForwardCheck
from .gradient import grad
from .gradient import sequence as as_tuple


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check the gradients of a function against central differences.

    Args:
        func: Takes `inputs`, gives a tensor or several.
        inputs: A tensor or several; those that require grad are checked. Use float64 or complex128.
        eps, atol, rtol: Half the step of the differences; how far the two may be apart.
        raise_exception: Raise at a failure; otherwise give False.
        nondet_tol: How far two runs of backward may be apart.
        check_undefined_grad: Nothing, or zeros, come out where nothing arrives?
        check_grad_dtypes: Have gradients the dtypes of their inputs?
        check_batched_grad: Does ``is_grads_batched=True`` give the same?
        masked: Sparse inputs vary where they have values, whatever is said: their gradients are sparse.
        check_forward_ad: Compare the derivatives of forward mode, too.
        check_batched_forward_grad: Does `func.vmap` over directions give the same?
        check_backward_ad, fast_mode: Check at all; along one random direction an input, not all.

    Raises:
        GradcheckError: A check failed.
        ValueError: No input requires grad.

    Source: torch.autograd.gradcheck

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.log, x)
        True
    """
    if not check_forward_ad and check_batched_forward_grad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    given = as_tuple(inputs)
    if any(isinstance(x, Tensor) and x.layout is not strided for x in given):
        from ..core.sparse import on_values  # most programs have no sparse tensors

        func, given = on_values(func, given)
    try:
        check_inputs(given)
        if check_backward_ad:
            check = Check(func, given, eps, atol, rtol, nondet_tol)
            check.run(fast_mode, check_grad_dtypes, check_undefined_grad, check_batched_grad)
        if check_forward_ad:
            forward = ForwardCheck(func, given, eps, atol, rtol, nondet_tol)
            forward.forward(fast_mode, check_batched_forward_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check the gradients of a function's gradients, with respect to its inputs and to what arrives.

    Args:
        func, inputs, and what is not named here: As for `gradcheck`.
        grad_outputs: What arrives at the outputs; drawn at random if left out.
        gen_non_contig_grad_outputs: Draw it with strides?
        check_fwd_over_rev, check_rev_over_rev: Differentiate the gradient forward; backward.

    Raises:
        GradcheckError, ValueError: As for `gradcheck`.

    Source: torch.autograd.gradgradcheck

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradgradcheck(torch.log, x)
        True
    """
    if not check_rev_over_rev and not check_fwd_over_rev:
        return True
    given = as_tuple(inputs)
    if grad_outputs is None:
        outputs = differentiable(func(*given))
        grad_outputs = [random_like(y, gen_non_contig_grad_outputs) for y in outputs]
    return gradcheck(
        _gradient_of(func, len(given)),
        given + as_tuple(grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _gradient_of(func: Callable, count: int) -> Callable:
    """The gradients of a function of `count` inputs, as a function of those and what arrives."""

    def gradient(*args: Any) -> tuple:
        xs, vs = args[:count], args[count:]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        ys = differentiable(func(*xs))
        parts = grad(ys, wanted, vs, create_graph=True, allow_unused=True)
        return tuple(g for g in parts if g is not None)

    return gradient


class _Callable(ModuleType):
    """``torch.autograd.gradcheck`` is the function, and the module that `GradcheckError` is imported from."""

    __call__ = staticmethod(gradcheck)


sys.modules[__name__].__class__ = _Callable
