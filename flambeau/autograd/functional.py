"""Jacobians, Hessians and their products with vectors, of functions of tensors.

Products of a Jacobian with a vector on its right take two backwards: the gradient is linear in what
arrives at the outputs, and its derivative with respect to that is the Jacobian itself.

Source: torch.autograd.functional
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor, wrap
from .gradient import grad
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
        call = _Call("vjp", func, inputs, create_graph, strict)
        vs = call.vector(v, call.outputs, call.output_is_tuple, "user-provided function returns")
        parts = _grad(call.outputs, call.inputs, vs, create_graph)
        filled = call.filled(parts, call.inputs, _BACK)
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
        call = _Call("jvp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        probes = tuple(_zeros(y).requires_grad_() for y in call.outputs)  # type: ignore[attr-defined]
        parts = _grad(call.outputs, call.inputs, probes, True)
        call.filled(parts, call.inputs, _BACK)
        product = _grad(parts, probes, vs, create_graph)
        filled = call.filled(product, call.outputs, _BACK_TRICK)
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
        call = _Call("vhp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        call.check_scalar()
        slopes = _grad(call.outputs, call.inputs, (None,), True)
        call.check_depends(slopes, "jacobian")
        parts = _grad(slopes, call.inputs, vs, create_graph)
        filled = call.filled(parts, call.inputs, _DOUBLE_BACK)
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
        call = _Call("hvp", func, inputs, create_graph, strict)
        vs = call.vector(
            v, call.inputs, call.input_is_tuple, "input to the user-provided function is"
        )
        call.check_scalar()
        slopes = _grad(call.outputs, call.inputs, (None,), True)
        call.check_depends(slopes, "jacobian")
        probes = tuple(_zeros(x).requires_grad_() for x in call.inputs)  # type: ignore[attr-defined]
        twice = _grad(slopes, call.inputs, probes, True)
        call.check_depends(twice, "hessian")
        parts = _grad(twice, probes, vs, create_graph)
        filled = call.filled(parts, call.inputs, _DOUBLE_BACK_TRICK)
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
        call = _Call("jacobian", func, inputs, create_graph, strict)
        if strategy == "forward-mode":
            rows = _by_columns(call)
        else:
            rows = [_by_rows(call, i, y, create_graph) for i, y in enumerate(call.outputs)]
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
    given, is_tuple = _tuple_of(inputs, "inputs", "hessian")

    def scalar(*xs: Tensor) -> Any:
        call = func(*xs)
        outputs, several = _tuple_of(call, "outputs of the user-provided function", "hessian")
        _check_single(outputs, several, "hessian", strict)
        return outputs[0].reshape(())  # type: ignore[attr-defined]

    def slopes(*xs: Tensor) -> Any:
        found = jacobian(scalar, xs, create_graph=True)
        if strict:
            _check_depend(found, "jacobian")
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


def _by_rows(call: _Call, i: int, y: Tensor, create_graph: bool) -> tuple[Tensor, ...]:
    """The derivatives of one output with respect to each input, by a backward for each element."""
    eye = y._kind.xp.eye(y._array.size, dtype=y._kind.numpy).reshape(-1, *y._array.shape)
    if y._node is None or not y._array.size:
        parts: Sequence[Any] = (None,) * len(call.inputs)
    else:
        parts = grad(
            y,
            call.inputs,
            wrap(eye, y._kind),
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=True,
        )
    made = []
    for at, (part, x) in enumerate(zip(parts, call.inputs)):
        if part is None:
            if call.strict:
                raise RuntimeError(
                    f"Output {i} of the user-provided function is independent of input {at}. This is not "
                    "allowed in strict mode."
                )
            part = wrap(x._kind.xp.zeros((y._array.size, *x._array.shape), x._kind.numpy), x._kind)
        elif call.strict and create_graph and not part.requires_grad:
            raise RuntimeError(
                f"The jacobian of the user-provided function is independent of input {at}. This is not allowed "
                "in strict mode when create_graph=True."
            )
        made.append(part.reshape(*y._array.shape, *x._array.shape))
    return tuple(made)


def _by_columns(call: _Call) -> list[tuple[Tensor, ...]]:
    """The same for all outputs, by a backward of the backward for each element of the inputs."""
    probes = tuple(_zeros(y).requires_grad_() for y in call.outputs)  # type: ignore[attr-defined]
    slopes = _grad(call.outputs, call.inputs, probes, True)
    columns: list[list[Tensor]] = [[] for _ in call.outputs]
    for x, slope in zip(call.inputs, slopes):
        size, shape = x._array.size, x._array.shape
        eye = x._kind.xp.eye(size, dtype=x._kind.numpy).reshape(-1, *shape)
        parts: Sequence[Any] = (None,) * len(probes)
        if slope is not None and slope._node is not None and size:
            parts = grad(
                slope,
                probes,
                wrap(eye, x._kind),
                retain_graph=True,
                allow_unused=True,
                is_grads_batched=True,
            )
        for column, part, y in zip(columns, parts, call.outputs):
            if part is None:
                array = y._kind.xp.zeros((*y._array.shape, *shape), y._kind.numpy)
            else:
                array = y._kind.xp.moveaxis(part._array, 0, -1).reshape(*y._array.shape, *shape)
            column.append(wrap(array, y._kind))
    return [tuple(column) for column in columns]


def _tuple_of(value: Any, what: str, name: str) -> tuple[tuple[Tensor, ...], bool]:
    """`value` as a tuple of tensors, and whether it was one.

    Raises:
        TypeError: There is something else in it.
    """
    is_tuple = isinstance(value, (tuple, list))
    items = tuple(value) if is_tuple else (value,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            which = f"the value at index {i}" if is_tuple else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {which} has "
                f"type {type(item)}."
            )
    return items, is_tuple


def _zeros(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros(x._array.shape, x._kind.numpy), x._kind)


def _grad(outputs: Sequence[Any], inputs: Sequence[Any], vs: Sequence[Any], create: bool) -> tuple:
    """Gradients of the outputs that require grad; None for inputs that none of them depends on."""
    pairs = [(y, v) for y, v in zip(outputs, vs) if y is not None and y._node is not None]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        tuple(y for y, _ in pairs),
        tuple(inputs),
        tuple(v for _, v in pairs),
        retain_graph=True,
        create_graph=create,
        allow_unused=True,
    )


def _check_depend(values: Sequence[Any], what: str) -> None:
    """Raises RuntimeError where a value does not depend on the inputs; for strict mode."""
    for i, value in enumerate(values):
        if value is not None and value.requires_grad:
            continue
        if what == "outputs":
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be "
                "computed in a differentiable manner from the input when running in strict mode."
            )
        raise RuntimeError(
            f"While computing the hessian, found that the {what} of the user-provided function with respect to "
            f"input {i} is independent of the input. This is not allowed in strict mode: the function has to be "
            "twice differentiable, and not linear in that input."
        )


def _check_single(outputs: tuple[Tensor, ...], is_tuple: bool, name: str, strict: bool) -> None:
    if is_tuple:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0]._array.size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element, but has "
            f"shape {list(outputs[0].shape)}"
        )
    if strict:
        _check_depend(outputs, "outputs")


_BACK = "The output of the user-provided function is independent of input {}."
_BACK_TRICK = (
    "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients."
)
_DOUBLE_BACK = "The jacobian of the user-provided function is independent of input {}."
_DOUBLE_BACK_TRICK = (
    "The hessian of the user-provided function is independent of entry {} in the grad_jacobian."
)


class _Call:
    """One call of a user's function, with inputs that only this call differentiates."""

    def __init__(self, name: str, func: Callable, inputs: Any, create_graph: bool, strict: bool):
        self.name, self.create_graph, self.strict = name, create_graph, strict
        given, self.input_is_tuple = _tuple_of(inputs, "inputs", name)
        self.inputs = tuple(
            x.view_as(x)  # type: ignore[attr-defined]
            if create_graph and x.requires_grad
            else x.detach().requires_grad_()  # type: ignore[attr-defined]
            for x in given
        )
        returned = func(*self.inputs)
        self.outputs, self.output_is_tuple = _tuple_of(
            returned, "outputs of the user-provided function", name
        )
        if strict:
            _check_depend(self.outputs, "outputs")

    def check_scalar(self) -> None:
        _check_single(self.outputs, self.output_is_tuple, self.name, False)

    def check_depends(self, values: Sequence[Any], what: str) -> None:
        if self.strict:
            _check_depend(values, what)

    def vector(
        self, v: Any, like: tuple[Tensor, ...], is_tuple: bool, where: str
    ) -> tuple[Tensor, ...]:
        """`v` as a tuple that fits `like`; ones for a single element."""
        if v is None:
            if len(like) != 1 or like[0]._array.size != 1:
                raise RuntimeError(
                    f"The vector v can only be None if the {where} a single Tensor with a single element."
                )
            return (wrap(like[0]._kind.xp.ones_like(like[0]._array), like[0]._kind),)
        given, _ = _tuple_of(v, "v", self.name)
        if len(given) != len(like):
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
                if is_tuple
                else "The given v should contain a single Tensor."
            )
        for i, (own, x) in enumerate(zip(given, like)):
            if own.shape != x.shape:
                entry = f"Entry {i} in v" if is_tuple else "v"
                raise RuntimeError(
                    f"{entry} has invalid size: should be {x.shape} but got {own.shape}."
                )
        return given

    def filled(self, parts: Sequence[Any], like: Sequence[Tensor], reason: str) -> tuple:
        """Zeros where a part is None.

        Raises:
            RuntimeError: In strict mode, for `reason`.
        """
        made = []
        for i, (part, x) in enumerate(zip(parts, like)):
            if self.strict and (part is None or (self.create_graph and not part.requires_grad)):
                when = " when create_graph=True" if part is not None else ""
                raise RuntimeError(f"{reason.format(i)} This is not allowed in strict mode{when}.")
            made.append(_zeros(x) if part is None else part)
        return tuple(made)

    def shaped(self, values: Sequence[Tensor], is_tuple: bool) -> Any:
        """A tuple or its only member; without history unless it was asked for."""
        found = tuple(values) if self.create_graph else tuple(v.detach() for v in values)
        return found if is_tuple else found[0]

    def shaped_inputs(self, values: Sequence[Tensor]) -> Any:
        return self.shaped(values, self.input_is_tuple)

    def shaped_outputs(self) -> Any:
        return self.shaped(self.outputs, self.output_is_tuple)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
