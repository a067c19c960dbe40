"""The steps of a path from a tree's root to one of its leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")


@dataclass(frozen=True)
class SequenceKey:
    """The step to an item of a sequence: ``[0]``.

    Source: torch.utils._pytree.SequenceKey
    """

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        return sequence[self.idx]


@dataclass(frozen=True)
class MappingKey(Generic[K]):
    """The step to a value of a mapping: ``['weight']``.

    Source: torch.utils._pytree.MappingKey
    """

    key: K

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        return mapping[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """The step to an attribute: ``.weight``.

    Source: torch.utils._pytree.GetAttrKey
    """

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        return getattr(obj, self.name)


def keystr(kp: Iterable[Any]) -> str:
    """A path as Python would write it.

    Source: torch.utils._pytree.keystr

    Example:
        >>> keystr((MappingKey("layers"), SequenceKey(0), GetAttrKey("weight")))
        "['layers'][0].weight"
    """
    return "".join(str(key) for key in kp)


def key_get(obj: Any, kp: Iterable[Any]) -> Any:
    """What is at the end of a path.

    Source: torch.utils._pytree.key_get

    Example:
        >>> key_get({"a": [1, 2]}, (MappingKey("a"), SequenceKey(1)))
        2
    """
    for key in kp:
        obj = key.get(obj)
    return obj
