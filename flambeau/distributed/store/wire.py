"""How a store is asked over a connection: a line of JSON and the values behind it, with bounds on both.

A message is a length of four bytes, a list in JSON, and the bytes that the list mentions by their lengths. Whoever reads
allocates no more than `MOST` bytes for it and runs nothing.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from ..kinds import DistNetworkError

MOST = 64 << 20
"""Bytes of a message at most."""
_LENGTH = struct.Struct("!II")


def send(connection: socket.socket, words: list[Any], values: list[bytes]) -> None:
    """Send words that JSON knows, and values of bytes."""
    head = json.dumps([words, [len(value) for value in values]]).encode()
    size = sum(map(len, values))
    if len(head) + size > MOST:
        raise ValueError(f"a store keeps values of at most {MOST:,} bytes, got {size:,}")
    connection.sendall(b"".join((_LENGTH.pack(len(head), size), head, *values)))


def receive(connection: socket.socket) -> tuple[list[Any], list[bytes]]:
    """What `send` has sent.

    Raises:
        EOFError: The other side is gone.
        DistNetworkError: What came is no message.
    """
    head_size, size = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if head_size + size > MOST:
        raise DistNetworkError("what came is no message of a store")
    try:
        words, lengths = json.loads(_exactly(connection, head_size))
        fits = isinstance(words, list) and all(type(n) is int and n >= 0 for n in lengths)
    except (ValueError, TypeError):
        fits = False
    if not fits or sum(lengths) != size:
        raise DistNetworkError("what came is no message of a store")
    return words, [_exactly(connection, n) for n in lengths]


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            raise EOFError("the other side has gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
