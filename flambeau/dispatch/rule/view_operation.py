"""`view_operation`: operations whose results look at their operand's memory.

They are the cheapest calls there are, so a view of a tensor without history is made at once, and the
node of a recorded one saves nothing but shapes: the gradient of a view needs no values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...autograd.node import Node, next_sequence
from ...autograd.record import record, tell_watchers
from ...autograd.saved import saved_attributes
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY
from ...core.kind import kind_of
from ...core.limit import EXCEEDED, reworded
from ...core.memory import placed
from ...core.tensor import Tensor, element_strides, wrap
from ...core.twin import host
from ...kernels import gradient
from ..arguments import arguments
from ..registry import method
from ..remembered import Finding, remembers, study
from .rule_operation import Operation

SLOTS = (
    *("edges", "options", "shape_x", "saved", "cells", "versions", "sequence", "shape", "kind"),
    *("hooks", "notes"),
)


class ViewNode(Node):
    """A recorded view; `options` are its operation's, by position."""

    __slots__ = ("options", "shape_x")

    operation: ViewOperation

    def backward(self, g: Any) -> list[Any]:
        return [self.operation.turn_back(wrap(g, self.kind), self)._array]

    def backward_recorded(self, g: Any) -> list[Any]:
        return [self.operation.turn_back(g, self)]

    def backward_into(self, g: Any, old: Any, own: bool) -> Any:
        compute, options = self.operation.compute, self.options
        if old is None:
            whole = kernels.array.zeros.zeros(self.shape_x, g.dtype)
            kernels.array.copy.copy_into(compute(whole, *options), g)
            return whole
        whole = old if own else gradient.owned(old)
        gradient.add_into(compute(whole, *options), g)
        return whole

    def tangents(self, given: Sequence[Any], history: Callable[[Any, Any], None]) -> Sequence[Any]:
        operation, tangent = self.operation, given[0]
        if not operation.linear:
            from ...autograd.forward import transposed  # loaded: it asks for the tangents

            return transposed(self, given, self.backward_recorded, getattr(history, "wanted", True))
        if isinstance(operation, Retyping):
            return [operation(tangent.contiguous(), *self.options)]
        try:
            found = operation(tangent, *self.options)
        except (RuntimeError, ValueError):  # it lies otherwise than what it is of
            found = operation(tangent.contiguous(), *self.options)
        return found if isinstance(found, tuple) else [found]

    def saved_value(self, name: str) -> Any:
        own = self.operation.saved_names[name]
        if own == "shape_x":
            return self.shape_x
        return self.options[self.operation.arguments.index(own) - 1]

    def release(self) -> None:
        """Holds no arrays, so nothing needs to go."""


class ViewsNode(ViewNode):
    """The same of several views; an output that nothing reached counts as zeros."""

    __slots__ = ()

    @property
    def ports(self) -> Sequence[tuple[Any, Any]]:
        return self.shape

    def backward(self, g: Any) -> list[Any]:
        return [self.backward_recorded(g)[0]._array]

    def backward_recorded(self, g: Any) -> list[Any]:
        parts = []
        for part, (shape, kind) in zip(g if self.outputs > 1 else (g,), self.shape):
            if part is None:
                part = kind.xp.zeros(shape, kind.numpy)
            parts.append(part if isinstance(part, Tensor) else wrap(part, kind))
        return [self.operation.turn_back(parts, self)]


class ViewOperation(Operation):
    """An operation of one operand `x` whose rule asks for nothing but g, options and ``shape_x``."""

    def __init__(
        self, compute: Callable, label: str, linear: bool = True, shows_part: bool = False
    ):
        super().__init__(compute, "", True, label, None, linear=linear)
        self.finding = Finding()
        self.shows_part = shows_part
        self.asked: Callable[[tuple], tuple] = tuple

    def gradient(self, rule: Callable) -> Callable:
        known = ("g", "shape_x", *self.arguments[1:])
        places = [known.index(name) for name in arguments(rule)]
        self.asked = itemgetter(*places) if len(places) > 1 else itemgetter(slice(1))
        return super().gradient(rule)

    def turn_back(self, g: Any, node: ViewNode) -> Tensor:
        """The rule on what it asks for."""
        return self.rule(*self.asked((g, node.shape_x, *node.options)))  # type: ignore[misc,no-any-return]

    def __call__(self, x: Tensor, *options: Any) -> Any:
        finding = self.finding
        case = finding.find(finding.token, x, *options)
        if case is not None:
            return case(x)
        return study(
            lambda x: self.show(x, *options), finding.token, (x, *options), x,
            lambda x, result: self.note(x, result, options),
        )  # fmt: skip

    def show(self, x: Tensor, *options: Any) -> Any:
        """The view, or several, where no case is known."""
        array = x._array
        try:
            values = self.compute(array if array.size else with_strides(array), *options)
        except EXCEEDED as error:
            raise reworded(error) from None
        if values.__class__ is tuple:
            return self.several(x, values, options)
        result = handle.wrap_view(values, x)
        if x._node is not None and mode.recording:
            self.note(x, result, options)
        return result

    def note(self, x: Tensor, result: Tensor, options: tuple) -> None:
        """Give a view its history."""
        node = result._node = self.make_node(
            (x._node,), options, x._array.shape, (), (), (), next_sequence(), result._array.shape,
            x._kind, None, None,
        )  # fmt: skip
        if mode.watchers:  # `record`, whose call would be noticed
            tell_watchers(node, (result,))

    @cached_property
    def make_node(self) -> Callable[..., ViewNode]:
        """Makes the node of a single view of the values of its slots."""
        made = {
            "__slots__": (),
            "operation": self,
            "shows_part": self.shows_part,
            **saved_attributes(self.saved_names),
        }
        cls = type(f"{self.label}Backward0", (ViewNode,), made)
        return kernels.constructor(cls, *SLOTS)

    def several(self, x: Tensor, values: tuple, options: tuple) -> tuple[Tensor, ...]:
        """The tensors of several views of x, outputs of one node."""
        results = tuple([handle.wrap_view(value, x) for value in values])
        if x._node is not None and mode.recording and results:
            make = self.several_class(len(results)).make
            shapes = tuple([(value.shape, x._kind) for value in values])
            node = make(
                (x._node,), options, x._array.shape, (), (), (), next_sequence(), shapes, x._kind,
                None, None,
            )  # fmt: skip
            record(node, results, range(len(results)))
        return results

    def several_class(self, outputs: int) -> type[ViewsNode]:
        found = self.node_classes.get(outputs)
        if found is None:
            made: Any = type(
                f"{self.label}Backward0",
                (ViewsNode,),
                {
                    "__slots__": (),
                    "operation": self,
                    "outputs": outputs,
                    **saved_attributes(self.saved_names),
                },
            )
            made.make = staticmethod(kernels.constructor(made, *SLOTS))
            found = self.node_classes.setdefault(outputs, made)
        return found  # type: ignore[return-value]


class Retyping(ViewOperation):
    """One whose results read the memory as another dtype."""

    def __call__(self, x: Tensor, *options: Any) -> Tensor:
        array, edge = x._array, x._node
        try:
            value = self.compute(array if array.size else with_strides(array), *options)
        except EXCEEDED as error:
            raise reworded(error) from None
        result = handle.wrap_view(value, x)
        result._kind = kind_of(BY_NUMPY[value.dtype], x._kind.device)
        if edge is not None and mode.recording:
            node = self.make_node(
                (edge,), options, array.shape, (), (), (), next_sequence(), value.shape, result._kind,
                None, None,
            )  # fmt: skip
            record(node, (result,))
        return result


def view_operation(
    label: str, linear: bool = True, retyping: bool = False, shows_part: bool = False
) -> Callable[[Callable], ViewOperation]:
    """Decorator: make a `ViewOperation` of a function of an array and options.

    Args:
        label: The node's name, without Backward0.
        linear: Can the function view a tangent too, wherever that lies in memory?
        retyping: Are its results of another dtype?
        shows_part: Does it show a part, each element once? Then the engine may add a gradient to that part of what
            other parts have given, instead of making zeros for each.
    """

    def make(compute: Callable) -> ViewOperation:
        return (Retyping if retyping else ViewOperation)(compute, label, linear, shows_part)

    return make


@host
def with_strides(array: Any) -> Any:
    """An array without elements, with the strides that PyTorch gives it instead of NumPy's zeros."""
    if array.__class__ is not np.ndarray:
        return array
    strides = element_strides(array)
    return np.ndarray(array.shape, array.dtype, None, 0, tuple(n * array.itemsize for n in strides))


def strided_view(
    array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> Any:
    """A view by shape, strides and offset (in bytes, from the array's first element)."""
    if array.__class__ is not np.ndarray and hasattr(array, "as_strided"):
        return array.as_strided(shape, strides, offset)
    if array.__class__ is not np.ndarray:
        return placed(array, offset, shape, array.dtype, strides)
    if array.dtype.kind in "VW":  # an extension type, which NumPy's ways to strides do not know
        bits = strided_view(array.view(f"u{array.itemsize}"), shape, strides, offset)
        return bits.view(array.dtype)
    if array.flags.c_contiguous:
        try:  # a tenth of as_strided's time
            return np.ndarray(shape, array.dtype, array, offset, strides)
        except (ValueError, TypeError):
            pass  # it reaches beyond this array, into the memory around it
    if offset == 0:
        return np.lib.stride_tricks.as_strided(array, shape, strides)
    flat = np.lib.stride_tricks.as_strided(
        array, (offset // array.itemsize + 1,), (array.itemsize,)
    )
    return np.lib.stride_tricks.as_strided(flat[-1:], shape, strides)


def sizes_of(args: tuple, name: str = "") -> tuple[int, ...]:
    """Sizes given one by one or as a sequence.

    Raises:
        TypeError: One is not an integer.
    """
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    try:
        return tuple([n if n.__class__ is int else n.__index__() for n in args])
    except AttributeError:
        kinds = ", ".join(type(n).__name__ for n in args)
        raise TypeError(
            f"{name or 'the call'} received an invalid combination of arguments - got ({kinds}), "
            "where integers are expected"
        ) from None


def spread_method(function: Callable) -> Callable:
    """Decorator: make it a method too, where the sizes or dimensions may come one by one."""

    # The method has a guard of its own, which has asked whom there is to ask.
    plain = getattr(function, "__wrapped__", function)

    def form(self: Tensor, *sizes: Any, **named: Any) -> Tensor:
        if named:
            return function(self, *sizes, **named)
        if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
            sizes = tuple(sizes[0])
        return plain(self, sizes)

    form.__name__ = function.__name__
    form.__doc__ = function.__doc__
    method()(remembers("self")(form))
    return function
