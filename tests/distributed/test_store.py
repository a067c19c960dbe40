"""Stores: the same whatever they are kept in; what comes over a connection is not trusted."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flambeau import distributed as dist
from flambeau.distributed.store import tcp, wire

SHORT = timedelta(milliseconds=50)


@pytest.fixture(params=["hash", "file", "tcp", "prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dist.Store:
    made: dict[str, Callable[[], dist.Store]] = {
        "hash": dist.HashStore,
        "file": lambda: dist.FileStore(str(tmp_path / "store"), 1),
        "tcp": lambda: dist.TCPStore("localhost", 0, None, True),
        "prefix": lambda: dist.PrefixStore("own", dist.HashStore()),
    }
    return made[request.param]()


def test_values(store: dist.Store) -> None:
    store.set("a", "one")
    store.set("b", b"\x00\xff two")
    assert (store.get("a"), store.get("b")) == (b"one", b"\x00\xff two")
    assert (store.add("n", 2), store.add("n", 3), store.get("n")) == (2, 5, b"5")
    store.append("a", " more")
    assert store.get("a") == b"one more"
    assert store.compare_set("a", "one more", "new") == b"new"
    assert store.compare_set("a", "old", "newer") == b"new"
    assert store.compare_set("c", "", "first") == b"first"
    assert (store.check(["a", "b"]), store.check(["a", "absent"])) == (True, False)
    assert store.list_keys() == ["a", "b", "c", "n"]
    assert (store.delete_key("c"), store.delete_key("c"), store.num_keys()) == (True, False, 3)
    store.multi_set(["x", "y"], ["1", "2"])
    assert store.multi_get(["y", "x"]) == [b"2", b"1"]
    with pytest.raises(TypeError, match="str or bytes"):
        store.set("a", 3)


def test_waiting(store: dist.Store) -> None:
    store.set_timeout(SHORT)
    with pytest.raises(dist.DistStoreError, match="wait timeout after 50ms, keys: absent"):
        store.get("absent")
    with pytest.raises(dist.DistStoreError, match="keys: absent"):
        store.wait(["absent"], SHORT)
    other = store.clone()
    store.set_timeout(timedelta(seconds=20))
    threading.Timer(0.05, other.set, ("late", "here")).start()
    assert store.get("late") == b"here"


def test_queues(store: dist.Store) -> None:
    store.queue_push("q", "1")
    store.queue_push("q", "2")
    assert store.queue_len("q") == 2
    assert (store.queue_pop("q"), store.queue_pop("q", block=False)) == (b"1", b"2")
    with pytest.raises(dist.QueueEmptyError):
        store.queue_pop("q", block=False)


def test_a_file_is_read_by_others(tmp_path: Path) -> None:
    first, second = (dist.FileStore(str(tmp_path / "s"), 2) for _ in range(2))
    first.set("a", "1")
    second.append("a", "2")
    assert (first.get("a"), second.get("a")) == (b"12", b"12")
    assert (first.path, oct((tmp_path / "s").stat().st_mode & 0o777)) == (
        str(tmp_path / "s"),
        "0o600",
    )


def test_a_port_that_is_taken() -> None:
    kept = dist.TCPStore("localhost", 0, 1, True)
    with pytest.raises(dist.DistNetworkError, match="MASTER_PORT"):
        dist.TCPStore("localhost", kept.port, 1, True)


def test_who_does_not_know_the_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tcp.SECRET, "right")
    kept = dist.TCPStore("localhost", 0, 1, True)
    kept.set("a", "1")
    with socket.create_connection(("localhost", kept.port)) as connection:
        connection.settimeout(5)
        wire.receive(connection)
        wire.send(connection, ["proof"], [b"\1" * 32])
        assert wire.receive(connection) == (["refused"], [])
        assert connection.recv(1) == b""
    assert kept.clone().get("a") == b"1"
    monkeypatch.setenv(tcp.SECRET, "wrong")
    with pytest.raises(dist.DistNetworkError, match=tcp.SECRET):
        kept.clone()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("!II", 1 << 30, 1 << 30),
        struct.pack("!II", 4, 0) + b"\xff\xff\xff\xff",
        struct.pack("!II", 13, 0) + b'[["set"],[5]]',
        struct.pack("!II", 24, 0) + b'[["__class__", "a"], []]',
    ],
)
def test_what_is_no_message_ends_the_connection(sent: bytes) -> None:
    kept = dist.TCPStore("localhost", 0, 1, True)
    with socket.create_connection(("localhost", kept.port)) as connection:
        connection.settimeout(5)
        _, values = wire.receive(connection)
        wire.send(connection, ["proof"], [tcp._proof(values[0], tcp._secret())])
        assert wire.receive(connection)[0] == ["welcome"]
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    kept.set("a", "still there")
    assert kept.get("a") == b"still there"


def test_a_connection_that_breaks_is_told() -> None:
    kept = dist.TCPStore("localhost", 0, 1, True)
    held, quiet, listens = kept.clone(), kept.clone(), kept.clone()
    quiet.hold("quiet has ended")
    quiet.release()
    quiet._connection.close()
    held.hold("held has ended")
    heard: list[str] = []
    thread = threading.Thread(target=lambda: heard.append(listens.failure()))
    thread.start()
    held._connection.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert heard == ["held has ended"]
