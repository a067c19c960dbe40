"""How processes find each other: by what a launcher says in the environment, by an address, or by a file.

Source: torch.distributed.rendezvous
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlparse

from .kinds import default_pg_timeout
from .store import FileStore, PrefixStore, Store, TCPStore

Found = Iterator[tuple[Store, int, int]]
_RANKS = (
    ("RANK", "WORLD_SIZE"),  # torchrun
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("SLURM_PROCID", "SLURM_NTASKS"),
)
_LOCAL = (
    ("LOCAL_RANK", "LOCAL_WORLD_SIZE"),
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"),
)
"""Variables by which launchers tell a process its place: among all, and among those of its machine."""


def environment_number(name: str) -> int | None:
    """A number that a launcher has given this process; None without one.

    Raises:
        ValueError: It is no number.
    """
    value = os.environ.get(name)
    return None if value is None else int(value)


def told_ranks() -> tuple[int, int] | None:
    """Rank and size as a launcher says them, whichever it is; None without one."""
    return _first(_RANKS)


def told_local_ranks() -> tuple[int, int] | None:
    """Rank and size among the processes of this machine, as a launcher says them; None without one."""
    return _first(_LOCAL)


def _first(names: tuple[tuple[str, str], ...]) -> tuple[int, int] | None:
    for one, all_ in names:
        rank, size = os.environ.get(one, ""), os.environ.get(all_, "")
        if rank.isdigit() and size.isdigit():
            return int(rank), int(size)
    return None


def _from_environment(url: str, timeout: timedelta) -> Found:
    given = {name: value[0] for name, value in parse_qs(urlparse(url).query).items()}
    told = told_ranks()

    def number(name: str, variable: str, place: int) -> int:
        if name in given:
            return int(given[name])
        if variable in os.environ:
            return int(os.environ[variable])
        if told is not None:
            return told[place]
        raise _missing("env://", f"environment variable {variable} expected, but not set")

    rank = number("rank", "RANK", 0)
    size = number("world_size", "WORLD_SIZE", 1)
    if (
        size == 1
        and "MASTER_ADDR" not in os.environ
        and told is not None
        and "RANK" not in os.environ
    ):
        host, port = "localhost", 0  # a launcher that has started one process
    else:
        host, port = _master(told)
    store: Store = TCPStore(host, port, size, rank == 0 and not _is_agent_store(), timeout)
    if _is_agent_store():
        store = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    yield store, rank, size


def _is_agent_store() -> bool:
    """Does the launcher keep the store? torchrun says so."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def _master(told: tuple[int, int] | None) -> tuple[str, int]:
    """Where rank 0 listens."""
    host, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    if (
        "RANK" not in os.environ and told is not None
    ):  # a launcher of MPI programs, which does not say
        host, port = host or "localhost", port or "29500"
    for name, value in (("MASTER_ADDR", host), ("MASTER_PORT", port)):
        if value is None:
            raise _missing("env://", f"environment variable {name} expected, but not set")
    assert host is not None
    assert port is not None
    return host, int(port)


def _from_address(url: str, timeout: timedelta) -> Found:
    parts = urlparse(url)
    if parts.port is None or parts.hostname is None:
        raise _missing("tcp://", "address and port expected: tcp://localhost:23456")
    rank, size = _query("tcp://", url)
    yield TCPStore(parts.hostname, parts.port, size, rank == 0, timeout), rank, size


def _from_file(url: str, timeout: timedelta) -> Found:
    parts = urlparse(url)
    path = unquote(parts.path)
    if not path:
        raise _missing("file://", "path missing")
    rank, size = _query("file://", url)
    store = FileStore(path, size, timeout)
    yield store, rank, size


def _query(scheme: str, url: str) -> tuple[int, int]:
    given = parse_qs(urlparse(url).query)
    for name in ("rank", "world_size"):
        if name not in given:
            raise _missing(scheme, f"{name.replace('_', ' ')} parameter missing")
    return int(given["rank"][0]), int(given["world_size"][0])


def _missing(scheme: str, what: str) -> ValueError:
    return ValueError(f"Error initializing torch.distributed using {scheme} rendezvous: {what}")


_handlers: dict[str, Callable[..., Found]] = {
    "env": _from_environment,
    "tcp": _from_address,
    "file": _from_file,
}


def register_rendezvous_handler(scheme: str, handler: Callable[..., Found]) -> None:
    """Let URLs of another scheme say how processes find each other.

    Args:
        handler: Takes the URL and `timeout`, and yields store, rank and size.

    Raises:
        RuntimeError: The scheme is taken.

    Source: torch.distributed.register_rendezvous_handler
    """
    if scheme in _handlers:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _handlers[scheme] = handler


def rendezvous(
    url: str,
    rank: int = -1,
    world_size: int = -1,
    timeout: timedelta = default_pg_timeout,
    **given: object,
) -> Found:
    """Find the others: yields a store that all share, this process' rank, and how many there are.

    Args:
        url: "env://", "tcp://host:port" or "file:///path".
        rank, world_size: Where the URL does not say.

    Raises:
        ValueError: Something is not said anywhere.
        RuntimeError: The scheme is not known.

    Source: torch.distributed.rendezvous
    """
    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    parts = urlparse(url)
    words: Mapping[str, int] = {
        name: value for name, value in (("rank", rank), ("world_size", world_size)) if value >= 0
    }
    if words:
        query = "&".join(filter(None, [parts.query, *(f"{k}={v}" for k, v in words.items())]))
        url = parts._replace(query=query).geturl()
        if parts.scheme in ("file", "env") and "//" not in url:
            url = url.replace(":", "://", 1)
    if parts.scheme not in _handlers:
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    return _handlers[parts.scheme](url, timeout=timeout)
