"""What every store does; where its entries are is for each to say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ..kinds import DistStoreError

DEFAULT = timedelta(seconds=300)
_FIRST, _LAST = 1e-3, 0.05
"""Seconds between two looks at a store that somebody waits for, at first and at last."""


def encoded(value: Any) -> bytes:
    """A value as it is kept.

    Raises:
        TypeError: It is neither str nor bytes.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"a store keeps str or bytes, not {type(value).__name__}")


class Store:
    """Keys with values of bytes, which the processes that share the store see.

    Whoever writes another one defines `_ask`, which does one thing to the entries while nobody else does.

    Source: torch.distributed.Store
    """

    def __init__(self, timeout: timedelta = DEFAULT) -> None:
        self._timeout = timeout

    def _ask(self, what: str, key: str, *given: Any) -> Any:
        """Do a thing of `Entries` to this store's entries."""
        raise NotImplementedError(f"{type(self).__name__} has no entries of its own")

    # ------------------------------------------------------------------------- waiting

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Let `get` and `wait` wait so long.

        Source: torch.distributed.Store.set_timeout
        """
        self._timeout = timeout

    def _until(self, found: Callable[[], Any], timeout: timedelta | None, what: str) -> Any:
        """Ask again and again until there is an answer that is not None.

        Raises:
            DistStoreError: It took too long.
        """
        limit = (self._timeout if timeout is None else timeout).total_seconds()
        end, pause = time.monotonic() + limit, _FIRST
        while (answer := found()) is None:
            left = end - time.monotonic()
            if left <= 0:
                raise DistStoreError(f"wait timeout after {limit * 1000:.0f}ms, {what}")
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, _LAST)
        return answer

    # ------------------------------------------------------------------------- entries

    def set(self, key: str, value: Any) -> None:
        """Give a key a value.

        Source: torch.distributed.Store.set
        """
        self._ask("set", key, encoded(value))

    def get(self, key: str) -> bytes:
        """The value of a key, waited for.

        Raises:
            DistStoreError: Nobody gave it one in time.

        Source: torch.distributed.Store.get
        """
        value: bytes = self._until(lambda: self._ask("get", key), None, f"keys: {key}")
        return value

    def add(self, key: str, amount: int) -> int:
        """Count a key up, from 0 at first, and give what it is then.

        Source: torch.distributed.Store.add
        """
        return int(self._ask("add", key, int(amount)))

    def append(self, key: str, value: Any) -> None:
        """Put a value behind that of a key.

        Source: torch.distributed.Store.append
        """
        self._ask("append", key, encoded(value))

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Give a key a value if it has the expected one, or none and none is expected; what it has then.

        Source: torch.distributed.Store.compare_set
        """
        wanted = encoded(expected_value), encoded(desired_value)
        return bytes(self._ask("compare_set", key, *wanted))

    def check(self, keys: Sequence[str]) -> bool:
        """Do all of these keys have values?

        Source: torch.distributed.Store.check
        """
        return all(self._ask("get", key) is not None for key in keys)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Wait until all of these keys have values.

        Raises:
            DistStoreError: That took too long.

        Source: torch.distributed.Store.wait
        """
        names = ", ".join(keys)
        self._until(lambda: self.check(keys) or None, timeout, f"keys: {names}")

    def delete_key(self, key: str) -> bool:
        """Take a key away. Was it there?

        Source: torch.distributed.Store.delete_key
        """
        return bool(self._ask("delete", key))

    def num_keys(self) -> int:
        """How many keys there are.

        Source: torch.distributed.Store.num_keys
        """
        return len(self._ask("keys", ""))

    def list_keys(self) -> list[str]:
        """The keys, sorted.

        Source: torch.distributed.Store.list_keys
        """
        return sorted(self._ask("keys", ""))

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values of keys.

        Source: torch.distributed.Store.multi_get
        """
        return [self.get(key) for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[Any]) -> None:
        """Give keys values.

        Raises:
            ValueError: There are more of one than of the other.

        Source: torch.distributed.Store.multi_set
        """
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    # ------------------------------------------------------------------------- queues

    def queue_push(self, key: str, value: Any) -> None:
        """Put a value at the end of a queue.

        Source: torch.distributed.Store.queue_push
        """
        self._ask("push", key, encoded(value))

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        """Take the first value of a queue.

        Raises:
            QueueEmptyError: There is none, and nobody is to wait.
            DistStoreError: None came in time.

        Source: torch.distributed.Store.queue_pop
        """
        from ..kinds import QueueEmptyError

        if not block:
            value = self._ask("pop", key)
            if value is None:
                raise QueueEmptyError(f"queue is empty: {key}")
            return bytes(value)
        return bytes(self._until(lambda: self._ask("pop", key), None, f"queue: {key}"))

    def queue_len(self, key: str) -> int:
        """How many values a queue has.

        Source: torch.distributed.Store.queue_len
        """
        return int(self._ask("length", key))

    # ------------------------------------------------------------------------- the rest

    def barrier(self, key: str, world_size: int, timeout: timedelta | None = None) -> None:
        """Wait until `world_size` processes have come here.

        Raises:
            DistStoreError: Some did not come in time.

        Source: torch.distributed.Store.barrier
        """
        if self.add(key, 1) == world_size:
            self.set(f"{key}/done", b"1")
        self.wait([f"{key}/done"], timeout)

    def has_extended_api(self) -> bool:
        """Does it have `append`, `multi_get` and `multi_set`? Every one here has."""
        return True

    def clone(self) -> Store:
        """The same entries, with a connection of their own where there is one.

        Source: torch.distributed.Store.clone
        """
        return self
