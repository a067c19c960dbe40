"""Weak references that compare by identity: tensors compare element by element.

Source: torch.utils.weak
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any
from weakref import ref

from ..core.tensor import Tensor

__all__ = [
    "TensorWeakRef",
    "WeakIdKeyDictionary",
    "WeakIdRef",
    "WeakTensorKeyDictionary",
]

WeakRef = ref


class WeakIdRef(ref):
    """A weak reference that equals another to the same object, and hashes by identity.

    Source: torch.utils.weak.WeakIdRef
    """

    __slots__ = ("_id",)

    def __init__(self, key: Any, callback: Callable | None = None) -> None:
        self._id = id(key)
        super().__init__(key, callback)  # type: ignore[call-arg]

    def __call__(self) -> Any:
        return super().__call__()

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WeakIdRef):
            return NotImplemented
        a, b = self(), other()
        return self is other if a is None or b is None else a is b

    def __ne__(self, other: object) -> bool:
        return not self == other


class _WeakHashRef(ref):
    """A weak reference that compares as its object does."""

    __slots__ = ("_hash",)

    def __init__(self, key: Any, callback: Callable | None = None) -> None:
        self._hash = hash(key)
        super().__init__(key, callback)  # type: ignore[call-arg]

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _WeakHashRef):
            return NotImplemented
        a, b = self(), other()
        return self is other if a is None or b is None else bool(a == b)

    def __ne__(self, other: object) -> bool:
        return not self == other


class WeakIdKeyDictionary(MutableMapping):
    """A dict whose keys are objects, by identity, which it does not keep alive.

    Args:
        dict: Its first items.
        ref_type: The kind of weak reference.

    Source: torch.utils.weak.WeakIdKeyDictionary

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.weak import WeakIdKeyDictionary
        >>> x = torch.ones(2)
        >>> notes = WeakIdKeyDictionary()
        >>> notes[x] = "mine"
        >>> x in notes, torch.ones(2) in notes
        (True, False)
        >>> del x
        >>> len(notes)
        0
    """

    def __init__(self, dict: Any = None, ref_type: Any = WeakIdRef) -> None:
        self.data: Any = {}
        self.ref_type = ref_type
        self._remove = _remover(ref(self))
        if dict is not None:
            self.update(dict)

    def __delitem__(self, key: Any) -> None:
        del self.data[self.ref_type(key)]

    def __getitem__(self, key: Any) -> Any:
        return self.data[self.ref_type(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[self.ref_type(key, self._remove)] = value

    def __contains__(self, key: object) -> bool:
        try:
            return self.ref_type(key) in self.data
        except TypeError:  # numbers and strings have no weak references
            return False

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        for reference in tuple(self.data):
            key = reference()
            if key is not None:
                yield key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}>"

    def keyrefs(self) -> list[Any]:
        """The references, some of which may be dead."""
        return list(self.data)

    def copy(self) -> WeakIdKeyDictionary:
        """Another dict of the same items."""
        return type(self)(dict(self.items()))

    __copy__ = copy

    def __or__(self, other: Any) -> Any:
        made = self.copy()
        made.update(other)
        return made

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self


def _remover(owner: Any) -> Callable[[Any], None]:
    def remove(reference: Any) -> None:
        found = owner()
        if found is not None:
            found.data.pop(reference, None)

    return remove


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor.

    Source: torch.utils.weak.TensorWeakRef
    """

    def __init__(self, tensor: Tensor) -> None:
        if not isinstance(tensor, Tensor):
            raise AssertionError(f"expected torch.Tensor, got {type(tensor)}")
        self.ref = ref(tensor)

    def __call__(self) -> Tensor | None:
        return self.ref()
