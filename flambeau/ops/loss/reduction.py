"""What all losses share: how they are reduced, and the old arguments that say so too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._caller import warn
from ..._source import Source
from ...core.tensor import Tensor
from ...dispatch.arguments import arguments, written
from ...dispatch.formula.rowwise import rowwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula.expression import Expression, length
from ..reduction.sum import mean_, sum_


def loss(order: str = "") -> Callable:
    """Decorator: a public loss, with the old arguments `size_average` and `reduce` in their old places.

    order: the public arguments in torch's order, where size_average and reduce do not stand right
        before `reduction`.
    """

    def make(body: Callable) -> Callable:
        own = arguments(body)
        names = order.split() or [
            n
            for name in own
            for n in (("size_average", "reduce", name) if name == "reduction" else (name,))
        ]
        function = _with_head(body, {n: own.get(n) for n in names}, tuple(own))
        return public(f"nn.functional.{body.__name__}")(function)

    return make


def _with_head(body: Callable, defaults: dict[str, Any], own: tuple[str, ...]) -> Callable:
    """`body` behind torch's signature: written out as source, so that a call costs one more call."""
    source = Source(body.__name__, body=body, legacy=legacy)
    with source.block(f"def {body.__name__}({', '.join(written(defaults, source))}):"):
        source(f"""
            if size_average is not None or reduce is not None:
                reduction = legacy(size_average, reduce)
            return body({", ".join(own)})
            """)
    function = source.function(body.__name__)
    function.__doc__, function.__module__ = body.__doc__, body.__module__
    function.__annotations__ = body.__annotations__
    return function


def legacy(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the old arguments ask for."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction={reduction!r} instead.",
        UserWarning,
    )
    return reduction


def check_reduction(reduction: str) -> None:
    """Raises ValueError for an unknown reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'"
        )


@functools.cache
def _reducer(label: str, reduction: str) -> Any:
    """The mean or sum whose node bears the loss's name, as PyTorch's one node does."""

    def formula(x: Expression) -> Expression:
        return p.sum(x) / length() if reduction == "mean" else p.sum(x)

    formula.__name__ = f"{reduction}_of_{label}"
    return rowwise(formula, label=label)


def reduced(losses: Tensor, reduction: str, label: str = "") -> Tensor:
    """The losses as they are, their mean or their sum.

    label: the node's name, where it is not that of mean or sum.

    Raises:
        ValueError: An unknown reduction.
    """
    if reduction == "none":
        return losses
    check_reduction(reduction)
    if label and losses._node is not None:
        return _reducer(label, reduction).over(losses)
    return (mean_ if reduction == "mean" else sum_).over(losses)  # type: ignore[no-any-return]


def check_dtype(what: str, given: Tensor, wanted: Tensor) -> None:
    """Raises RuntimeError unless a weight or target has the dtype of the scores."""
    if given._kind.dtype is not wanted._kind.dtype:
        raise RuntimeError(
            f"expected scalar type {wanted.dtype.legacy} but found {given.dtype.legacy}: convert the "
            f"{what} with .to({wanted.dtype})"
        )


def check_classes(name: str, target: Tensor) -> None:
    """Raises RuntimeError unless the classes are int64."""
    if target._kind.dtype.name != "int64":
        raise RuntimeError(
            f"expected scalar type Long but found {target.dtype.legacy}: convert the target of {name}() "
            "with .long()"
        )


def warn_of_sizes(input: Tensor, target: Tensor) -> None:
    """Warns where a target of another shape will be broadcast."""
    if input.shape != target.shape:
        warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            UserWarning,
        )
