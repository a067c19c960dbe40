"""The entries of a store within one process, and what can be done to them."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Any


class Entries:
    """Keys and their values, queues and their values; one thing is done at a time.

    Attributes:
        failure: What whoever is held by this store is told of one that has failed; empty while none has.
    """

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.queues: dict[str, deque[bytes]] = {}
        self.failure = ""
        self.changed = Condition()

    def do(self, what: str, key: str, *given: Any) -> Any:
        """One of the methods below, by its name.

        Raises:
            KeyError: There is no such thing to do.
        """
        method = DONE[what]
        with self.changed:
            return method(self, key, *given)

    def fail(self, text: str) -> None:
        """Somebody has failed; the first is remembered."""
        with self.changed:
            self.failure = self.failure or text
            self.changed.notify_all()

    def await_failure(self) -> str:
        """Wait until somebody has failed."""
        with self.changed:
            while not self.failure:
                self.changed.wait()
            return self.failure

    def set(self, key: str, value: bytes) -> None:
        self.values[key] = value

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def add(self, key: str, amount: int) -> int:
        total = int(self.values.get(key, b"0")) + amount
        self.values[key] = str(total).encode()
        return total

    def append(self, key: str, value: bytes) -> None:
        self.values[key] = self.values.get(key, b"") + value

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        present = self.values.get(key)
        if present == expected or (present is None and not expected):
            self.values[key] = desired
            return desired
        return expected if present is None else present

    def delete(self, key: str) -> bool:
        return self.values.pop(key, None) is not None

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.values if key.startswith(prefix)]

    def push(self, key: str, value: bytes) -> None:
        self.queues.setdefault(key, deque()).append(value)

    def pop(self, key: str) -> bytes | None:
        queue = self.queues.get(key)
        if not queue:
            return None
        value = queue.popleft()
        if not queue:
            del self.queues[key]
        return value

    def length(self, key: str) -> int:
        return len(self.queues.get(key, ()))


DONE = {
    name: getattr(Entries, name)
    for name in ("set", "get", "add", "append", "compare_set", "delete", "keys", "push", "pop", "length")
}  # fmt: skip
"""What can be asked of entries, also from afar: nothing else is looked up by a name."""
