"""A store in one process that others reach by TCP."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import socket
import time
import weakref
from datetime import timedelta
from threading import Lock, Thread
from typing import Any

from ..kinds import DistNetworkError, DistStoreError
from . import wire
from .base import DEFAULT, Store
from .entries import Entries

SECRET = "FLAMBEAU_DISTRIBUTED_SECRET"
"""The variable of the environment with what processes of several machines know in common."""
_CHALLENGE = 32


def _secret() -> bytes:
    return os.environ.get(SECRET, "").encode()


def _proof(challenge: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"flambeau store" + challenge, "sha256")


class Server:
    """The entries, and a thread for each connection.

    Args:
        host: The name or address where it listens; with "localhost", for this machine alone.
        port: 0 takes a free one.

    Raises:
        DistNetworkError: The port is taken.
    """

    def __init__(self, host: str, port: int) -> None:
        self.entries, secret = Entries(), _secret()
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind((host, port))
        except OSError as error:
            self.socket.close()
            raise DistNetworkError(
                f"The server socket has failed to listen on {host}:{port}: {error.strerror}. Is another run "
                "there? MASTER_PORT names another port"
            ) from None
        self.socket.listen(1024)
        self.port: int = self.socket.getsockname()[1]
        Thread(target=_accept, args=(self.socket, self.entries, secret), daemon=True).start()
        weakref.finalize(self, self.socket.close)


def _accept(listening: socket.socket, entries: Entries, secret: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return  # closed
        Thread(target=_serve, args=(connection, entries, secret), daemon=True).start()


def _serve(connection: socket.socket, entries: Entries, secret: bytes) -> None:
    """Answer one connection until it ends; who cannot prove that they know the secret hears nothing."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    challenge = secrets.token_bytes(_CHALLENGE)
    will = ""  # what the others are told if this connection breaks
    with connection:
        try:
            wire.send(connection, ["flambeau store", 1], [challenge])
            _, values = wire.receive(connection)
            if len(values) != 1 or not hmac.compare_digest(values[0], _proof(challenge, secret)):
                wire.send(connection, ["refused"], [])
                return
            wire.send(connection, ["welcome"], [])
            while True:
                (what, key, *numbers), values = wire.receive(connection)
                if not isinstance(key, str):
                    return
                answer: Any = None
                # Not answered: the process that keeps the store may be ending, or in a call that nothing runs beside.
                if what == "release":
                    will = ""
                    continue
                if what == "come":
                    entries.do("add", key, 1)
                    continue
                if what == "hold":
                    will = key
                elif what == "fail":
                    will = ""
                    entries.fail(key)
                elif what == "failure":
                    answer = entries.await_failure()
                else:
                    answer = entries.do(what, key, *numbers, *values)
                held = isinstance(answer, bytes)
                wire.send(connection, [None if held else answer], [answer] if held else [])
        except (OSError, EOFError, DistNetworkError, KeyError, TypeError, ValueError):
            pass  # the other process has ended, or is none of ours
    if will:
        entries.fail(will)


class TCPStore(Store):
    """A store in the process that is the master; others connect to it.

    Messages carry no code. Where `FLAMBEAU_DISTRIBUTED_SECRET` is set in the environment of all, whoever does not know it
    is refused; without it, whoever reaches the port can read and write, so let it be one of this machine
    ("localhost") or of a network that you trust.

    Args:
        host_name: Where the master is.
        port: Its port; 0 on the master takes a free one (see `port`).
        world_size: How many processes will come.
        is_master: Is it this process that has the entries?
        timeout: How long to wait for the master, and for values.
        wait_for_workers: On the master, wait until all have come.
        multi_tenant, use_libuv: As in PyTorch; they make no difference.
        master_listen_fd: Not taken.

    Raises:
        DistNetworkError: The port is taken, the master did not answer in time, or it refused.

    Source: torch.distributed.TCPStore

    Example:
        >>> from flambeau import distributed as dist
        >>> store = dist.TCPStore("localhost", 0, 1, True)
        >>> store.set("key", "value")
        >>> store.get("key")
        b'value'
    """

    libuvBackend = False

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = DEFAULT,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        super().__init__(timeout)
        if master_listen_fd is not None:
            raise ValueError("TCPStore: master_listen_fd is not taken; name a port")
        self.host, self._lock = host_name, Lock()
        self._server = Server(host_name, port) if is_master else None
        self.port = port if self._server is None else self._server.port
        self._connection = self._connected()
        if wait_for_workers and world_size:
            self._wait_for_all(world_size)

    def _wait_for_all(self, world_size: int) -> None:
        come = self.add("flambeau/come", 1)
        if self._server is None:
            return
        while come < world_size:
            come = self._until(lambda: self.add("flambeau/come", 0), None, "workers")
            time.sleep(1e-3)

    def _connected(self) -> socket.socket:
        limit = self._timeout.total_seconds()
        end = time.monotonic() + limit
        while True:
            try:
                connection = socket.create_connection((self.host, self.port), timeout=max(limit, 1))
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise DistNetworkError(
                        f"The client socket has timed out after {limit * 1000:.0f}ms while trying to connect "
                        f"to ({self.host}, {self.port}): {error}"
                    ) from None
                time.sleep(0.02)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._greet(connection)
        except BaseException:
            connection.close()
            raise
        weakref.finalize(self, connection.close)
        return connection

    def _greet(self, connection: socket.socket) -> None:
        """Show the store that this process knows the secret."""
        try:
            words, values = wire.receive(connection)
            if words[:1] != ["flambeau store"]:
                raise DistNetworkError(f"what listens at {self.host}:{self.port} is no store")
            wire.send(connection, ["proof"], [_proof(values[0], _secret())])
            words, _ = wire.receive(connection)
        except (EOFError, OSError) as error:
            raise DistNetworkError(f"{self.host}:{self.port} has hung up: {error}") from None
        if words != ["welcome"]:
            raise DistNetworkError(
                f"the store at {self.host}:{self.port} refuses this process: {SECRET} must be the same for all"
            )

    def _ask(self, what: str, key: str, *given: Any) -> Any:
        values = [x for x in given if isinstance(x, bytes)]
        numbers = [x for x in given if not isinstance(x, bytes)]
        with self._lock:
            try:
                wire.send(self._connection, [what, key, *numbers], values)
                (answer,), held = wire.receive(self._connection)
            except (EOFError, OSError) as error:
                raise DistStoreError(
                    f"the store at {self.host}:{self.port} is gone ({error}): has the process that keeps it ended?"
                ) from None
        return held[0] if held else answer

    def hold(self, will: str) -> None:
        """If this connection breaks before `release`, all who ask for a `failure` are told this."""
        self._ask("hold", will)

    def release(self) -> None:
        """This process ends well, or holds on no longer. (Nobody is waited for.)"""
        self._tell("release", "")

    def come(self, key: str) -> None:
        """Count a key up, without waiting for the store."""
        self._tell("come", key)

    def _tell(self, what: str, key: str) -> None:
        with self._lock, contextlib.suppress(OSError):
            wire.send(self._connection, [what, key], [])

    def fail(self, text: str) -> None:
        """Tell whoever asks that this process has failed."""
        self._ask("fail", text)

    def failure(self) -> str:
        """Wait until a process that holds on to this store has failed, and what is known of it. (The connection does
        nothing else meanwhile: use a `clone`.)"""
        return str(self._ask("failure", ""))

    def clone(self) -> TCPStore:
        return TCPStore(self.host, self.port, None, False, self._timeout, False)
