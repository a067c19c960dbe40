"""Jacobians, Hessians and their products with vectors, of functions of tensors.

Products of a Jacobian with a vector on its right take two backwards: the gradient is linear in what
arrives at the outputs, and its derivative with respect to that is the Jacobian itself.

Source: torch.autograd.functional
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .derivative import (
    BACK,
    BACK_TRICK,
    DOUBLE_BACK,
    DOUBLE_BACK_TRICK,
    Call,
    by_columns,
    by_rows,
    check_depend,
    check_single,
    gradients,
    tuple_of,
    zeros,
)
from .mode import enable_grad


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of a function, and a vector times its Jacobian.

    Args:
        func: Takes tensors, gives a tensor or a tuple of them.
        inputs: A tensor or a tuple of tensors.
        v: A vector in the form of the outputs; may be left out for a single element.
        create_graph: Let both results be differentiated.
        strict: Raise where an output does not depend on an input, instead of giving zeros.

    Raises:
        RuntimeError: v does not fit the outputs, or (strict) something does not depend on an input.
        TypeError: func takes or gives something else than tensors.

    Source: torch.autograd.functional.vjp

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1., 2.])
        >>> torch.autograd.functional.vjp(lambda x: x * x, x, torch.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        call = Call("vjp", func, inputs, create_graph, strict)
        vs = call.vector(v, call.outputs, call.output_is_tuple, "user-provided function returns")
        parts = gradients(call.outputs, call.inputs, vs, create_graph)
        filled = call.filled(parts, call.inputs, BACK)
    return call.shaped_outputs(), call.shaped_inputs(filled)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of a function, and its Jacobian times a vector.

    Args:
        func, inputs, create_graph, strict: As for `vjp`.
        v: A vector in the form of the inputs; may be left out for a single element.

    Raises:
        RuntimeError: v does not fit the inputs, or (strict) something does not depend on an input.
        TypeError: func takes or gives something else than tensors.

    Source: torch.autograd.functional.jvp

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1., 2.])
        >>> torch.autograd.functional.jvp(lambda x: x * x, x, torch.tensor([1., 0.]))
        (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        call = Call("jvp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        probes = tuple(zeros(y).requires_grad_() for y in call.outputs)  # type: ignore[attr-defined]
        parts = gradients(call.outputs, call.inputs, probes, True)
        call.filled(parts, call.inputs, BACK)
        product = gradients(parts, probes, vs, create_graph)
        filled = call.filled(product, call.outputs, BACK_TRICK)
    return call.shaped_outputs(), call.shaped(filled, call.output_is_tuple)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of a scalar function, and a vector times its Hessian.

    Args:
        func: Takes tensors, gives a tensor of one element.
        v: A vector in the form of the inputs; may be left out for a single element.
        inputs, create_graph, strict: As for `vjp`.

    Raises:
        RuntimeError: func gives more than one element, or v does not fit the inputs.

    Source: torch.autograd.functional.vhp

    Example:
        >>> import flambeau as torch
        >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        call = Call("vhp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        call.check_scalar()
        slopes = gradients(call.outputs, call.inputs, (None,), True)
        call.check_depends(slopes, "jacobian")
        parts = gradients(slopes, call.inputs, vs, create_graph)
        filled = call.filled(parts, call.inputs, DOUBLE_BACK)
    return call.shaped_outputs(), call.shaped_inputs(filled)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of a scalar function, and its Hessian times a vector; `vhp` is cheaper, and the same
    where the Hessian is symmetric.

    Args:
        func, inputs, v, create_graph, strict: As for `vhp`.

    Raises:
        RuntimeError: func gives more than one element, or v does not fit the inputs.

    Source: torch.autograd.functional.hvp

    Example:
        >>> import flambeau as torch
        >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        call = Call("hvp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        call.check_scalar()
        slopes = gradients(call.outputs, call.inputs, (None,), True)
        call.check_depends(slopes, "jacobian")
        probes = tuple(zeros(x).requires_grad_() for x in call.inputs)  # type: ignore[attr-defined]
        twice = gradients(slopes, call.inputs, probes, True)
        call.check_depends(twice, "hessian")
        parts = gradients(twice, probes, vs, create_graph)
        filled = call.filled(parts, call.inputs, DOUBLE_BACK_TRICK)
    return call.shaped_outputs(), call.shaped_inputs(filled)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function: for each output and each input a tensor of both shapes.

    Args:
        func, inputs, create_graph, strict: As for `vjp`.
        vectorize: Send all rows (or columns) back as one batch.
        strategy: "reverse-mode": a backward for each output element; "forward-mode" (with
            vectorize): one for each input element.

    Shape: (output..., input...); nested tuples where func takes or gives tuples.

    Raises:
        NotImplementedError, RuntimeError: Options that exclude each other.
        RuntimeError: (strict) An output does not depend on an input.
        TypeError: func takes or gives something else than tensors.

    Source: torch.autograd.functional.jacobian

    Example:
        >>> import flambeau as torch
        >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1., 2.]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy(strategy, create_graph, strict, vectorize)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
            "together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        call = Call("jacobian", func, inputs, create_graph, strict)
        if strategy == "forward-mode":
            rows = by_columns(call)
        else:
            rows = [by_rows(call, i, y, create_graph) for i, y in enumerate(call.outputs)]
        shaped = tuple(call.shaped_inputs(row) for row in rows)
    return shaped if call.output_is_tuple else shaped[0]


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar function: for each pair of inputs a tensor of both shapes.

    Args:
        func: Takes tensors, gives a tensor of one element.
        inputs, create_graph, strict, vectorize: As for `jacobian`.
        outer_jacobian_strategy: The strategy of the outer of the two Jacobians.

    Raises:
        RuntimeError: func gives more than one element.

    Source: torch.autograd.functional.hessian

    Example:
        >>> import flambeau as torch
        >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1., 2.]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    given, is_tuple = tuple_of(inputs, "inputs", "hessian")

    def scalar(*xs: Tensor) -> Any:
        call = func(*xs)
        outputs, several = tuple_of(call, "outputs of the user-provided function", "hessian")
        check_single(outputs, several, "hessian", strict)
        return outputs[0].reshape(())  # type: ignore[attr-defined]

    def slopes(*xs: Tensor) -> Any:
        found = jacobian(scalar, xs, create_graph=True)
        if strict:
            check_depend(found, "jacobian")
        return found

    result = jacobian(
        slopes,
        given,
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )
    return result if is_tuple else result[0][0]


def _check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    if strategy == "reverse-mode":
        return
    if strategy != "forward-mode":
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". The first takes one pass for each '
            "element of the inputs, the second one for each element of the outputs."
        )
    for name, on, error in (
        ("create_graph", create_graph, NotImplementedError),
        ("strict", strict, RuntimeError),
    ):
        if on:
            raise error(
                f'torch.autograd.functional.jacobian: `{name}=True` and `strategy="forward-mode"` are not '
                f'supported together (yet). Please either set `{name}=False` or `strategy="reverse-mode"`.'
            )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
            "`vectorize=True`."
        )


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
