"""A store within one process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .base import DEFAULT, Store
from .entries import Entries


class HashStore(Store):
    """A store that the threads of one process share.

    Source: torch.distributed.HashStore

    Example:
        >>> from flambeau import distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("first", "value")
        >>> store.get("first")
        b'value'
        >>> store.add("count", 2)
        2
    """

    def __init__(self, timeout: timedelta = DEFAULT) -> None:
        super().__init__(timeout)
        self._entries = Entries()

    def _ask(self, what: str, key: str, *given: Any) -> Any:
        return self._entries.do(what, key, *given)
