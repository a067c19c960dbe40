"""Derivatives of functions: grad and vjp on the recorded graph, jvp by forward mode, linearize by both.

Inside a transform the arguments are aliases, so that the graph from them to the result is known by its
ends; an argument with a history keeps it, and transforms nest. What a transform gives stays recorded
where it depends on something else that requires a gradient: an outer transform's argument, a weight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import grad as backward
from ..autograd.forward import alias as forward_alias
from ..autograd.forward import dual, level, push, settled, tangents_of
from ..autograd.mode import enable_grad, mode, set_grad_enabled
from ..autograd.node import Leaf
from ..core.dtype import FLOAT
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from .batched import lifted, like, physical, unmapped
from .tree import leaves, mapped, rebuild, same_structure


def alias(x: Tensor) -> Tensor:
    """The same values under a history of its own, joined to that of `x`; inside of a vmap, one a sample."""
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    return lifted(_alias, x)


def _alias(x: Tensor) -> Tensor:
    if x.requires_grad:
        return x.view_as(x)
    made = x.detach()
    dual(made, tangents_of(x._node))
    return made.requires_grad_()


def aliased(tree: Any) -> tuple[Any, list[Tensor]]:
    """The same nesting of aliases, and the aliases."""
    flat = [alias(x) if isinstance(x, Tensor) else x for x in leaves(tree)]
    return rebuild(tree, flat), [x for x in flat if isinstance(x, Tensor)]


def settle(results: Sequence[Tensor], inner: Sequence[Tensor]) -> list[Tensor]:
    """Drop the history of results that comes from the transform's own aliases alone."""
    own = own_leaves(inner)
    if mode.levels:
        return [settled(x, lambda y: outside(y, own)) for x in results]
    return [x if outside(x, own) else x.detach() for x in results]


def own_leaves(inner: Sequence[Tensor]) -> set:
    return {x._node for x in inner if type(x._node) is Leaf}


def outside(x: Tensor, own: set) -> bool:
    """Does a tensor's history reach a leaf that is none of these? So it is if there is no history."""
    if x._node is None:
        return True
    seen, stack = set(), [x._node.node]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if type(node) is Leaf and node not in own:
            return True
        stack.extend(edge.node for edge in node.edges if edge is not None)
    return False


def gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> list[Tensor]:
    """Gradients, recorded where more than the inputs can be differentiated; zeros where an output does not depend
    on an input. The graph is kept."""
    pairs = [(y, v) for y, v in zip(outputs, cotangents) if y.requires_grad]
    zeros = NAMESPACES["torch"]["zeros_like"]
    if not pairs:
        return [zeros(x) for x in inputs]
    own = own_leaves(inputs)
    recorded = bool(mode.levels) or any(v.requires_grad or outside(y, own) for y, v in pairs)
    found = backward(
        [y for y, _ in pairs],
        list(inputs),
        [v for _, v in pairs],
        retain_graph=True,
        create_graph=recorded,
        allow_unused=True,
    )
    return [zeros(x) if g is None else g for g, x in zip(found, inputs)]


def _picked(args: tuple, argnums: int | tuple[int, ...]) -> tuple[int, ...]:
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    return tuple(n % len(args) for n in numbers)


def replaced(args: tuple, places: tuple[int, ...]) -> tuple[tuple, list[Tensor], list[Any]]:
    """The arguments with aliases at these places, the aliases, and the nestings they stand in."""
    given = list(args)
    flat: list[Tensor] = []
    for place in places:
        given[place], found = aliased(args[place])
        flat += found
    return tuple(given), flat, [args[place] for place in places]


def regrouped(values: Sequence[Any], trees: list[Any], argnums: Any) -> Any:
    """One value for each alias, as a nesting for each argument."""
    stream = iter(values)
    groups = [
        rebuild(tree, [next(stream) if isinstance(x, Tensor) else x for x in leaves(tree)])
        for tree in trees
    ]
    return tuple(groups) if isinstance(argnums, tuple) else groups[0]


def _scalar(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}"
        )
    if value.ndim:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{value.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    return value


def with_aux(result: Any, name: str) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def _settled(tree: Any, inner: Sequence[Tensor]) -> Any:
    return mapped(lambda x: settle([x], inner)[0] if isinstance(x, Tensor) else x, tree)


def grad_and_value(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable:
    """A function that gives the gradient of `func`, and its value.

    Args:
        func: A function that returns a 0-d tensor.
        argnums: Which arguments the gradient is of.
        has_aux: It returns (value, something else); that is passed on.

    Source: torch.func.grad_and_value
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            given, flat, trees = replaced(args, _picked(args, argnums))
            result = func(*given, **kwargs)
            aux = None
            if has_aux:
                result, aux = with_aux(result, "grad_and_value(f)(*args)")
            value = _scalar(result)
            found = gradients([value], flat, [NAMESPACES["torch"]["ones_like"](value)])
        grads = regrouped(settle(found, flat), trees, argnums)
        value = settle([value], flat)[0]
        return (grads, (value, _settled(aux, flat))) if has_aux else (grads, value)

    return wrapper


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of `func`.

    Args:
        func: A function that returns a 0-d tensor.
        argnums: Which arguments the gradient is of.
        has_aux: It returns (value, something else); the result is then (gradient, that).

    Raises:
        RuntimeError: `func` returned something else, or there is no such argument.

    Source: torch.func.grad

    Example:
        >>> import flambeau as torch
        >>> torch.func.grad(torch.func.grad(lambda x: x ** 3))(torch.tensor(2.))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        grads, rest = both(*args, **kwargs)
        return (grads, rest[1]) if has_aux else grads

    return wrapper


def _tensors(result: Any, name: str) -> list[Tensor]:
    flat = leaves(result)
    for x in flat:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{name}: Expected f to be a function that has non-empty output of Tensors, got {type(x)}"
            )
    return flat


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that takes what arrives at it back to the arguments.

    Args:
        func: A function of tensors.
        primals: Its arguments.
        has_aux: It returns (value, something else), which is given third.

    Source: torch.func.vjp

    Example:
        >>> import flambeau as torch
        >>> y, back = torch.func.vjp(torch.sin, torch.tensor(0.))
        >>> back(torch.tensor(2.))
        (tensor(2.),)
    """
    with enable_grad():
        given, flat, trees = replaced(primals, tuple(range(len(primals))))
        result = func(*given)
        aux = None
        if has_aux:
            result, aux = with_aux(result, "vjp(f, *primals)")
        outputs = _tensors(result, "vjp(f, *primals)")

    def back(*cotangents: Any, **_: Any) -> Any:
        vectors = leaves(cotangents[0] if len(cotangents) == 1 else cotangents)
        if len(vectors) != len(outputs):
            raise RuntimeError(
                f"vjp: Expected as many cotangents as there are outputs, {len(outputs)}, got {len(vectors)}"
            )
        for i, (v, y) in enumerate(zip(vectors, outputs)):
            if v.shape != y.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {v.shape} and output[{i}] has "
                    f"a shape of {y.shape}."
                )
        with enable_grad():
            found = gradients(outputs, flat, vectors)
        return regrouped(settle(found, flat), trees, tuple(range(len(primals))))

    value = rebuild(result, settle(outputs, flat))
    return (value, back, _settled(aux, flat)) if has_aux else (value, back)


def _check_inputs(values: Sequence[Any], what: str = "primals") -> None:
    """Raises an error where something cannot be moved along a direction."""
    for value in values:
        if not isinstance(value, Tensor):
            raise RuntimeError(
                f"jvp(f, primals, tangents): Expected {what} to only contain Tensors, got {type(value)}"
            )
        if value._kind.dtype.category < FLOAT:
            raise ValueError(
                f"Expected {what[:-1]} to be floating point or complex, but got: {value.dtype}"
            )
    if not values:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to contain at least one Tensor."
        )


def _check_tangents(primals: Sequence[Any], tangents: Sequence[Any]) -> None:
    _check_inputs(primals)
    _check_inputs(tangents, "tangents")
    for x, t in zip(primals, tangents):
        if x.shape != t.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original "
                f"Tensor, this is not supported. Tensor is of size {list(x.shape)} while the given forward "
                f"gradient is of size {list(t.shape)}."
            )


def jvp(
    func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """The value of a function, and its derivative along a direction, by forward mode.

    Args:
        func: A function of tensors.
        primals: Its arguments.
        tangents: A direction for each.
        strict: Raise an error where an output does not depend on the arguments.
        has_aux: It returns (value, something else), which is given third.

    Raises:
        RuntimeError: The arguments are no tensors, or the directions do not fit them.
        ValueError: An argument is neither floating nor complex.

    Source: torch.func.jvp

    Example:
        >>> import flambeau as torch
        >>> torch.func.jvp(torch.exp, (torch.tensor(0.),), (torch.tensor(2.),))
        (tensor(1.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call "
            "f(*primals)."
        )
    flat, directions = leaves(primals), leaves(tangents)
    if len(flat) != len(directions) or not same_structure(primals, tangents):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
        )
    _check_tangents(flat, directions)
    with level() as at, enable_grad():
        duals = [
            lifted(lambda x, t: forward_alias(x, at, t), x, t) for x, t in zip(flat, directions)
        ]
        result, aux = func(*rebuild(primals, duals)), None
        if has_aux:
            result, aux = with_aux(result, "jvp(f, primals, tangents)")
        outputs = _tensors(result, "jvp(f, primals, tangents)")
        found = [at.of(y._node) for y in outputs]
    if strict and any(t is None for t in found):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This "
            "is not allowed with strict=True."
        )
    along = [_zeros_like(y) if t is None else like(y, t) for t, y in zip(found, outputs)]
    value = rebuild(result, outputs), rebuild(result, along)
    return (*value, aux) if has_aux else value


def _zeros_like(y: Tensor) -> Tensor:
    return NAMESPACES["torch"]["zeros_like"](y)


class Linear:
    """The derivative of a function at a place: called once and recorded, then carried along directions."""

    def __init__(self, func: Callable, primals: tuple, has_aux: bool = False):
        _check_inputs(leaves(primals))
        with level(), enable_grad():  # so that Functions keep what their jvp wants
            given, self.flat, _ = replaced(primals, tuple(range(len(primals))))
            result = func(*given)
            self.aux = None
            if has_aux:
                result, self.aux = with_aux(result, "jvp(f, primals, tangents)")
            self.result = result
            self.outputs = _tensors(result, "jvp(f, primals, tangents)")
        own = own_leaves(self.flat)
        self.recorded = any(outside(y, own) for y in self.outputs)

    def value(self) -> Any:
        return rebuild(self.result, settle(self.outputs, self.flat))

    def along(self, tangents: Sequence[Tensor]) -> list[Tensor]:
        given = [physical(lifted(lambda t: t, t)) for t in tangents]
        with unmapped(), set_grad_enabled(self.recorded):
            found = push(self.outputs, self.flat, given)
        full = [_zeros_like(y) if t is None else like(y, t) for t, y in zip(found, self.outputs)]
        return settle(full, self.flat)


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of a function, and the function of its derivative along directions.

    `func` is called once and recorded; a direction is carried along the recorded graph.

    Raises:
        RuntimeError: Of the second: the directions do not fit the arguments.

    Source: torch.func.linearize

    Example:
        >>> import flambeau as torch
        >>> value, along = torch.func.linearize(torch.exp, torch.tensor(0.))
        >>> along(torch.tensor(3.))
        tensor(3.)
    """
    linear = Linear(func, primals)
    flat = leaves(primals)

    def along(*tangents: Any) -> Any:
        if not same_structure(primals, tangents):
            raise RuntimeError(
                "Expected the tangents to have the same argspec as the primals: "
                f"{len(leaves(tangents))} tangents for {len(flat)} primals"
            )
        directions = leaves(tangents)
        for i, (x, t) in enumerate(zip(flat, directions)):
            for what in ("shape", "device", "dtype"):
                if getattr(x, what) != getattr(t, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(t, what)} in flattened pytree doesn't match the "
                        f"{what} {getattr(x, what)} of the corresponding primal."
                    )
        return rebuild(linear.result, linear.along(directions))

    return linear.value(), along
