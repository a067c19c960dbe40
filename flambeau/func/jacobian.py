"""Jacobians and Hessians of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from ..autograd.mode import enable_grad
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from ..ops.join.cat import stack
from .transform import (
    Linear,
    _picked,
    _settled,
    gradients,
    jvp,
    regrouped,
    replaced,
    settle,
    with_aux,
)
from .tree import leaves, rebuild
from .vectorize import drawing


def _basis(x: Tensor) -> Iterator[Tensor]:
    """For each element of `x` a tensor of its shape that is one there; they are made one by one."""
    zeros = NAMESPACES["torch"]["zeros"]
    for i in range(x.numel()):
        flat = zeros(x.numel(), dtype=x.dtype, device=x.device)
        flat[i] = 1
        yield flat.reshape(x.shape)


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """A function that gives the Jacobian of `func`, one backward pass an output element.

    Args:
        func: A function of tensors.
        argnums: Which arguments the Jacobian is for.
        has_aux: It returns (value, something else); the result is then (Jacobian, that).
        chunk_size: A bound on the passes that are made at a time, and so on memory; here each is made when the one
            before it is done, which is within every bound.

    Raises:
        ValueError: `chunk_size` is not positive.

    Source: torch.func.jacrev

    Example:
        >>> import flambeau as torch
        >>> torch.func.jacrev(lambda x: x ** 2)(torch.tensor([1., 2.]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_chunk(chunk_size)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            given, flat, trees = replaced(args, _picked(args, argnums))
            result = func(*given, **kwargs)
            aux = None
            if has_aux:
                result, aux = with_aux(result, "jacrev")
            outputs = _outputs(result, "jacrev")
            rows = [_rows(y, flat) for y in outputs]
        parts = [regrouped(settle(row, flat), trees, argnums) for row in rows]
        jacobian = rebuild(result, parts)
        return (jacobian, _settled(aux, flat)) if has_aux else jacobian

    return wrapper


def _check_chunk(chunk_size: int | None) -> None:
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")


def _outputs(result: Any, name: str) -> list[Tensor]:
    flat = leaves(result)
    for y in flat:
        if not isinstance(y, Tensor):
            raise RuntimeError(f"{name}: Expected all outputs of f to be Tensors, got {type(y)}")
    return flat


def _rows(y: Tensor, flat: list[Tensor]) -> list[Tensor]:
    """The Jacobian of one output for each input: sizes of the output, then of the input."""
    found = [gradients([y], flat, [v]) for v in _basis(y)]
    return [
        stack([row[i] for row in found]).reshape(*y.shape, *x.shape)
        if found
        else x.new_zeros((*y.shape, *x.shape))
        for i, x in enumerate(flat)
    ]


def jacfwd(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """A function that gives the Jacobian of `func`, one derivative forward an input element.

    `func` is called once and recorded, and each direction is carried along the recorded graph (see `linearize`).

    Args:
        func: A function of tensors.
        argnums: Which arguments the Jacobian is for.
        has_aux: It returns (value, something else); the result is then (Jacobian, that).
        randomness: As for `vmap`: whether random draws in `func` are an "error", or "different" or the "same" for
            each derivative.

    Source: torch.func.jacfwd
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = _picked(args, argnums)

        def of_picked(*picked: Any) -> Any:
            given = list(args)
            for place, value in zip(places, picked):
                given[place] = value
            return func(*given, **kwargs)

        picked = tuple(args[p] for p in places)
        with drawing(randomness):
            linear = Linear(of_picked, picked, has_aux)
        afresh = randomness == "different"
        along = _afresh(of_picked, picked, has_aux) if afresh else linear.along
        parts = [regrouped(row, list(picked), argnums) for row in _columns(linear, along)]
        jacobian = rebuild(linear.result, parts)
        return (jacobian, _settled(linear.aux, linear.flat)) if has_aux else jacobian

    return wrapper


def _columns(linear: Linear, along: Callable) -> list[list[Tensor]]:
    """For each output its Jacobian for each input."""
    zeros = NAMESPACES["torch"]["zeros_like"]
    parts: list[list[Tensor]] = [[] for _ in linear.outputs]
    for i, x in enumerate(linear.flat):
        found = []
        for direction in _basis(x):
            tangents = [direction if j == i else zeros(z) for j, z in enumerate(linear.flat)]
            found.append(along(tangents))
        for k, y in enumerate(linear.outputs):
            if found:
                block = stack([row[k] for row in found], -1).reshape(*y.shape, *x.shape)
            else:
                block = y.new_zeros((*y.shape, *x.shape))
            parts[k].append(block)
    return parts


def _afresh(func: Callable, primals: tuple, has_aux: bool) -> Callable:
    """Derivatives along directions for each of which the function is called again, and draws anew."""

    def along(tangents: list[Tensor]) -> list[Tensor]:
        return leaves(jvp(func, primals, rebuild(primals, tangents), has_aux=has_aux)[1])

    return along


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """A function that gives the second derivatives of `func`.

    Source: torch.func.hessian

    Example:
        >>> import flambeau as torch
        >>> torch.func.hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
