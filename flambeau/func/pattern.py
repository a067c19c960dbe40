"""rearrange: dimensions moved, split and joined as a pattern says, in the notation of einops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from .. import stack  # type: ignore[attr-defined]
from ..core.tensor import Tensor

Group = tuple[str, ...]
"""The names of one dimension: several where it is split or joined, none where its size is 1."""
_DOTS: Group = ("...",)
"""The ellipsis as dimensions; in brackets it is another tuple."""


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """Dimensions in another order, split and joined as a pattern says.

    Args:
        tensor: A tensor, or several of one shape, whose list is then the first dimension.
        pattern: The dimensions by names before and after, "b (h w) c -> b c h w". Names in brackets are one
            dimension, "..." stands for any number of dimensions, 1 and () for one of size 1.
        axes_lengths: Sizes of names, where a dimension is split; one of each may be left out.

    Raises:
        ValueError: The pattern is none, or does not fit the tensor.

    Source: torch.func.rearrange; Rogozhnikov (2022)

    Example:
        >>> import flambeau as torch
        >>> x = torch.arange(6).reshape(1, 6)
        >>> torch.func.rearrange(x, "b (h w) -> w b h", h=2).tolist()
        [[[0, 3]], [[1, 4]], [[2, 5]]]
    """
    x: Any = tensor if isinstance(tensor, Tensor) else stack(list(tensor))
    before, after = _parsed(pattern)
    missing = axes_lengths.keys() - {name for group in before for name in group}
    if missing:
        raise ValueError(f"Identifiers not found in rearrange expression: {missing}")
    before, after = _spread(before, after, x.ndim, pattern)
    sizes: dict[str, int] = {}
    for size, group in zip(x.shape, before):
        sizes.update(_sizes(group, size, axes_lengths, pattern))
    names = [name for group in before for name in group]
    split = x.reshape([sizes[name] for name in names])
    moved = split.permute([names.index(name) for group in after for name in group])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in after])


@cache
def _parsed(pattern: str) -> tuple[list[Group], list[Group]]:
    """The groups on both sides."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"Pattern must contain a single '->' separator, not {pattern!r}")
    before, after = (_groups(side) for side in sides)
    names = [{name for group in side for name in group} for side in (before, after)]
    apart = names[0] ^ names[1]
    if apart:
        raise ValueError(
            f"Identifiers only on one side of rearrange expression (should be on both): {apart}"
        )
    if "..." in names[0] and not any(group is _DOTS for group in before):
        raise ValueError("An ellipsis in brackets can only stand on the right side of a pattern")
    return before, after


def _groups(side: str) -> list[Group]:
    groups: list[Group] = []
    inside: list[str] | None = None
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            if inside is not None:
                raise ValueError(
                    "Axis composition is one-level (brackets inside brackets not allowed)"
                )
            inside = []
        elif word == ")":
            if inside is None:
                raise ValueError(f"Imbalanced parentheses in expression: {side!r}")
            groups.append(tuple(inside))
            inside = None
        else:
            name = _name(word)
            if inside is None:
                groups.append(name)
            else:
                inside += name
    if inside is not None:
        raise ValueError(f"Imbalanced parentheses in expression: {side!r}")
    names = [name for group in groups for name in group]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Indexing expression contains duplicate dimension {twice[0]!r}")
    return groups


def _name(word: str) -> Group:
    """A word of a pattern as a group."""
    if word == "1":
        return ()
    if word == "...":
        return _DOTS
    if word.isdecimal():
        raise ValueError(f"rearrange only supports unnamed axes of size 1, not {word}")
    if not word.isidentifier() or word[0] == "_" or word[-1] == "_":
        raise ValueError(
            f"Invalid axis identifier: {word}: names do not start or end with an underscore"
        )
    return (word,)


def _spread(
    before: list[Group], after: list[Group], ndim: int, pattern: str
) -> tuple[list[Group], list[Group]]:
    """Names of their own for the dimensions of the ellipsis."""
    dots = any(group is _DOTS for group in before)
    count = ndim - len(before) + dots
    if count < 0 or (count and not dots):
        raise ValueError(
            f"Number of dimensions in pattern ({len(before) - dots}) must be equal to the number of dimensions "
            f"in the tensor ({ndim}): {pattern!r}"
        )
    new = tuple(f"...{i}" for i in range(count))

    def side(groups: list[Group]) -> list[Group]:
        found: list[Group] = []
        for group in groups:
            if group is _DOTS:
                found += [(name,) for name in new]
            else:
                found.append(
                    tuple(n for name in group for n in (new if name == "..." else (name,)))
                )
        return found

    return side(before), side(after)


def _sizes(group: Group, size: int, given: dict[str, int], pattern: str) -> dict[str, int]:
    """The sizes of the names of one dimension."""
    known = {name: given[name] for name in group if name in given}
    open_names = [name for name in group if name not in given]
    product = math.prod(known.values())
    if len(open_names) > 1:
        raise ValueError(
            f"cannot infer the sizes of {' and '.join(open_names)} at once: name all but one of them, "
            f"rearrange(x, {pattern!r}, {open_names[0]}=...)"
        )
    if size % product if open_names and product else size != product:
        raise ValueError(
            f"a dimension of size {size} cannot be {' times '.join(group) or '1'}"
            + (f" with {known}" if known else "")
            + f", as {pattern!r} says"
        )
    return known | dict.fromkeys(open_names, size // product if product else 0)
