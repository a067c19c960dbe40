"""A part of a store."""

from __future__ import annotations

from typing import Any

from .base import Store


class PrefixStore(Store):
    """The keys of a store that begin with a prefix, which its users do not see.

    Args:
        prefix: What keys begin with.
        store: The store.

    Source: torch.distributed.PrefixStore

    Example:
        >>> from flambeau import distributed as dist
        >>> store = dist.HashStore()
        >>> dist.PrefixStore("own", store).set("key", "value")
        >>> store.get("own/key")
        b'value'
    """

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__(store.timeout)
        self._prefix, self._store = f"{prefix}/", store

    @property
    def underlying_store(self) -> Store:
        """The store that it is a part of."""
        return self._store

    def _ask(self, what: str, key: str, *given: Any) -> Any:
        answer = self._store._ask(what, self._prefix + key, *given)
        return [k[len(self._prefix) :] for k in answer] if what == "keys" else answer

    def clone(self) -> PrefixStore:
        return PrefixStore(self._prefix[:-1], self._store.clone())
