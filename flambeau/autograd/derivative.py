"""One call of a user's function, and its derivatives: what `functional` is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor, wrap
from .forward import push
from .gradient import grad
from .mode import no_grad


def by_rows(call: Call, i: int, y: Tensor, create_graph: bool) -> tuple[Tensor, ...]:
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


def by_columns(call: Call) -> list[tuple[Tensor, ...]]:
    """The same for all outputs, by carrying a direction forward for each element of the inputs."""
    columns: list[list[Tensor]] = [[] for _ in call.outputs]
    for x in call.inputs:
        size, shape = x._array.size, x._array.shape
        eye = x._kind.xp.eye(size, dtype=x._kind.numpy).reshape(-1, *shape)
        with no_grad():
            found = [push(call.outputs, [x], [wrap(row, x._kind)]) for row in eye]
        for i, (column, y) in enumerate(zip(columns, call.outputs)):
            array = y._kind.xp.zeros((size, *y._array.shape), y._kind.numpy)
            for j, parts in enumerate(found):
                part = parts[i]
                if part is not None:
                    array[j] = part._array
            whole = y._kind.xp.moveaxis(array, 0, -1).reshape(*y._array.shape, *shape)
            column.append(wrap(whole, y._kind))
    return [tuple(column) for column in columns]


def tuple_of(value: Any, what: str, name: str) -> tuple[tuple[Tensor, ...], bool]:
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


def zeros(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros(x._array.shape, x._kind.numpy), x._kind)


def gradients(
    outputs: Sequence[Any], inputs: Sequence[Any], vs: Sequence[Any], create: bool
) -> tuple:
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


def check_depend(values: Sequence[Any], what: str) -> None:
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


def check_single(outputs: tuple[Tensor, ...], is_tuple: bool, name: str, strict: bool) -> None:
    if is_tuple:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0]._array.size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element, but has "
            f"shape {list(outputs[0].shape)}"
        )
    if strict:
        check_depend(outputs, "outputs")


BACK = "The output of the user-provided function is independent of input {}."
BACK_TRICK = (
    "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients."
)
DOUBLE_BACK = "The jacobian of the user-provided function is independent of input {}."
DOUBLE_BACK_TRICK = (
    "The hessian of the user-provided function is independent of entry {} in the grad_jacobian."
)


class Call:
    """One call of a user's function, with inputs that only this call differentiates."""

    def __init__(self, name: str, func: Callable, inputs: Any, create_graph: bool, strict: bool):
        self.name, self.create_graph, self.strict = name, create_graph, strict
        given, self.input_is_tuple = tuple_of(inputs, "inputs", name)
        self.inputs = tuple(
            x.view_as(x)  # type: ignore[attr-defined]
            if create_graph and x.requires_grad
            else x.detach().requires_grad_()  # type: ignore[attr-defined]
            for x in given
        )
        returned = func(*self.inputs)
        self.outputs, self.output_is_tuple = tuple_of(
            returned, "outputs of the user-provided function", name
        )
        if strict:
            check_depend(self.outputs, "outputs")

    def check_scalar(self) -> None:
        check_single(self.outputs, self.output_is_tuple, self.name, False)

    def check_depends(self, values: Sequence[Any], what: str) -> None:
        if self.strict:
            check_depend(values, what)

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
        given, _ = tuple_of(v, "v", self.name)
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
            made.append(zeros(x) if part is None else part)
        return tuple(made)

    def shaped(self, values: Sequence[Tensor], is_tuple: bool) -> Any:
        """A tuple or its only member; without history unless it was asked for."""
        found = tuple(values) if self.create_graph else tuple(v.detach() for v in values)
        return found if is_tuple else found[0]

    def shaped_inputs(self, values: Sequence[Tensor]) -> Any:
        return self.shaped(values, self.input_is_tuple)

    def shaped_outputs(self) -> Any:
        return self.shaped(self.outputs, self.output_is_tuple)
