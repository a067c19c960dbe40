"""The MPI world of a run: that of `mpiexec` where there is one, else one that the processes form by themselves.

MPICH asks for its companions by a connection whose number PMI_FD says. `mpiexec` makes that connection; for processes that
something else has started, rank 0 starts a server (`pmi.py`), the store tells the others where it is, and each connects,
proves that it belongs to them, and hands the connection on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..kinds import DistBackendError, DistNetworkError
from ..store import Store
from .pmi import CHALLENGE, proof

STARTED = (
    "PMI_RANK",
    "PMI_FD",
    "PMI_PORT",
    "PMIX_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
)
"""Variables by which those who start MPI programs tell a process of it."""
MISSING = (
    "several processes need MPI, which is not installed here: python -m pip install 'flambeau[mpi]'. (One process does "
    "without: world_size=1.)"
)
_server: subprocess.Popen | None = None
"""Ours, where this process is rank 0; it ends with this process."""


def is_installed() -> bool:
    """Is mpi4py there, and an MPI that it can load?"""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def is_started_by_mpi() -> bool:
    """Did `mpiexec`, or what a cluster has in its place, start this process?"""
    return any(name in os.environ for name in STARTED)


def loaded() -> Any:
    """The module mpi4py.MPI, initialised.

    Raises:
        RuntimeError: It is not installed.
    """
    try:
        import mpi4py

        if "mpi4py.MPI" not in sys.modules:
            mpi4py.rc.finalize = (
                False  # see `finish`: an MPI that waits for the dead would never end
            )
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # mpi4py, or the library of an MPI
        raise RuntimeError(f"{MISSING} ({error})") from None
    return MPI


def joined(rank: int, size: int, store: Store, host: str) -> Any:
    """A communicator of all `size` processes, in which this one is `rank`.

    Args:
        store: What all of them share, with which they find each other.
        host: Where rank 0 can be reached.

    Raises:
        RuntimeError: MPI is not installed, or it was initialised before without the others.
        DistBackendError: The world has another size.
    """
    if not is_installed():
        raise RuntimeError(MISSING)
    before = "mpi4py.MPI" in sys.modules
    if not before and not is_started_by_mpi():
        _introduce(rank, size, store, host)
    world = loaded().COMM_WORLD
    if world.size != size:
        how = (
            "mpi4py.MPI was imported before the processes had found each other: call init_process_group first"
            if before
            else "start them with mpiexec, or install MPICH, which needs none: python -m pip install mpich"
        )
        raise DistBackendError(
            f"{size} processes were asked for, and MPI knows of {world.size}. {how}"
        )
    made = world.Dup() if world.rank == rank else world.Split(0, rank)
    made.Barrier()  # by now all have the memory that they share
    _forget_names()
    return made


def _forget_names() -> None:
    """Take away the names of the memory that MPICH shares on this machine: it stays as long as somebody has it, and nothing
    is left behind of a process that is killed."""
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8") as maps:
        names = {line.split()[-1] for line in maps if "/dev/shm/mpich_shm_" in line}
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _introduce(rank: int, size: int, store: Store, host: str) -> None:
    """Let the MPI that is about to be loaded find the others."""
    if rank == 0:
        secret = secrets.token_hex(16)
        store.set("flambeau/pmi", f"{_started(size, host, secret)} {secret}")
    port, secret = store.get("flambeau/pmi").decode().split()
    connection = socket.create_connection((host, int(port)))
    with connection.makefile("rb", buffering=0) as lines:
        shown = proof(secret.encode(), _exactly(lines, CHALLENGE)).hex()
        connection.sendall(f"{rank} {socket.gethostname()} {shown}\n".encode())
        if lines.readline() != b"welcome\n":
            raise DistNetworkError(
                f"rank {rank} is not let into the world of {size}: is another process this rank?"
            )
    os.environ |= {"PMI_FD": str(connection.detach()), "PMI_RANK": str(rank), "PMI_SIZE": str(size)}
    try:
        loaded()
    finally:  # they are for this process, and none of those that it starts
        for name in ("PMI_FD", "PMI_RANK", "PMI_SIZE"):
            del os.environ[name]


def _exactly(lines: Any, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = lines.read(count - len(data))
        if not part:
            raise DistNetworkError("the server of PMI has hung up")
        data += part
    return data


def _started(size: int, host: str, secret: str) -> int:
    """Start a server, and give its port."""
    global _server
    file = Path(__file__).with_name("pmi.py")
    _server = subprocess.Popen(
        [sys.executable, "-I", str(file), str(size), host],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert _server.stdin is not None
    assert _server.stdout is not None
    _server.stdin.write(f"{secret}\n")
    _server.stdin.flush()
    return int(_server.stdout.readline())


def finish() -> None:
    """Finish MPI at the end of a process that has lived well; one that fails leaves it, so as to wait for nobody."""
    module = sys.modules.get("mpi4py.MPI")
    if module is not None and module.Is_initialized() and not module.Is_finalized():
        module.Finalize()
