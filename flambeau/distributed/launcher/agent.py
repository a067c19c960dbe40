"""One launcher of a run: agrees with those of other machines, starts the processes of this one, and starts them again.

The launcher of the first machine keeps the store by which processes find each other; all launchers and processes need one
secret (`FLAMBEAU_DISTRIBUTED_SECRET`), which is made up where there is one machine.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import time
from datetime import timedelta
from typing import Any

from ..kinds import DistError, DistNetworkError
from ..store import TCPStore
from ..store.tcp import SECRET
from .options import pairs
from .workers import Failure, Workers, environments

PORT = 29500
JOIN_SECONDS = 600.0


class Ended(Exception):
    """A signal has asked the launcher to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Agent:
    """What starts the processes of this machine.

    Args:
        options: Of the command line.
        command: What each process runs.
    """

    def __init__(self, options: Any, command: list[str]) -> None:
        self.options, self.command = options, command
        self.several = options.most > 1
        self.secret = os.environ.get(SECRET, "")
        if not self.secret and not self.several:
            self.secret = secrets.token_hex(16)
        os.environ[SECRET] = self.secret
        self.store = self._store()

    def _store(self) -> TCPStore:
        """The store of the run: kept here if this is the first machine."""
        options = self.options
        limit = timedelta(seconds=float(pairs(options.rdzv_conf).get("join_timeout", JOIN_SECONDS)))
        if not self.several:
            host = options.master_addr or "127.0.0.1"
            return TCPStore(host, options.master_port or 0, None, True, limit, False)
        host, port = options.master_addr or "127.0.0.1", options.master_port or PORT
        if options.rdzv_endpoint:
            host, _, number = (
                options.rdzv_endpoint.rpartition(":")
                if ":" in options.rdzv_endpoint
                else (options.rdzv_endpoint, "", "")
            )
            port = int(number) if number else PORT
        if options.rdzv_backend == "static":
            return TCPStore(host, port, None, options.node_rank == 0, limit, False)
        if _is_here(host):
            try:
                return TCPStore(host, port, None, True, limit, False)
            except DistNetworkError:
                pass  # another launcher of this machine was first
        return TCPStore(host, port, None, False, limit, False)

    # ------------------------------------------------------------------------- one attempt

    def _places(self, attempt: int) -> tuple[int, list[int]]:
        """This machine's number, and how many processes each has."""
        options, key = self.options, f"run/{options_id(self.options)}/{attempt}"
        if not self.several:
            return 0, [options.count]
        store = self.store
        node = (
            options.node_rank
            if options.rdzv_backend == "static"
            else store.add(f"{key}/machines", 1) - 1
        )
        if node >= options.most:
            raise SystemExit(f"the run has {options.most} machines already")
        store.set(f"{key}/{node}", str(options.count))
        if node == 0:
            store.wait([f"{key}/{i}" for i in range(options.least)])
            if options.rdzv_backend != "static" and options.most > options.least:
                time.sleep(float(pairs(options.rdzv_conf).get("last_call_timeout", 5)))
                here = store.add(f"{key}/machines", 0)
            else:
                here = options.least
            store.set(f"{key}/size", str(here))
        count = int(store.get(f"{key}/size"))
        if node >= count:
            raise SystemExit(f"the run has begun with {count} machines")
        return node, [int(store.get(f"{key}/{i}")) for i in range(count)]

    def run(self) -> int:
        """Start the processes, again after failures if so asked; the exit code."""
        for attempt in range(self.options.max_restarts + 1):
            failures = self._attempt(attempt)
            if not failures:
                return 0
            left = self.options.max_restarts - attempt
            print(_report(failures, self.options, left), file=sys.stderr, flush=True)
        return 1

    def _attempt(self, attempt: int) -> list[str]:
        options = self.options
        node, counts = self._places(attempt)
        address = options.master_addr or self.store.host
        made = environments(
            options.count, sum(counts[:node]), node, len(counts), sum(counts), address, self.store.port, options,
            attempt, self.secret,
        )  # fmt: skip
        workers = Workers(
            self.command,
            made,
            options.log_dir,
            options.redirected,
            options.teed,
            options.shown,
            options.role,
            attempt,
        )
        try:
            return self._watch(workers, f"run/{options_id(options)}/{attempt}", node, len(counts))
        except BaseException as error:
            workers.end(error.number if isinstance(error, Ended) else signal.SIGTERM)
            raise

    def _watch(self, workers: Workers, key: str, node: int, nodes: int) -> list[str]:
        """Wait until all have ended well, here and on the other machines, or one has failed."""
        told, failed = False, f"{key}/failed"
        while True:
            failure = workers.failure()
            if failure is not None:
                time.sleep(
                    min(1.0, 10 * self.options.monitor_interval)
                )  # who else has failed, and who was first
                failure = workers.failure() or failure
                workers.end()
                if nodes > 1:
                    self.store.append(failed, json.dumps(str(failure)) + "\n")
                return self._all_failures(failed, failure) if nodes > 1 else [str(failure)]
            if workers.done():
                if nodes == 1:
                    workers.close()
                    return []
                if not told:
                    told, _ = True, self.store.add(f"{key}/done", 1)
            if nodes > 1:
                try:
                    if self.store.check([failed]):
                        workers.end()
                        return self._all_failures(failed, None)
                    if told and self.store.add(f"{key}/done", 0) == nodes:
                        workers.close()
                        if node == 0:
                            self._wait_for_goodbyes(key, nodes)
                        else:
                            self.store.add(f"{key}/goodbye", 1)
                        return []
                except DistError as error:
                    workers.end()
                    return [f"the launcher of the first machine is gone: {error}"]
            time.sleep(self.options.monitor_interval)

    def _wait_for_goodbyes(self, key: str, nodes: int) -> None:
        """Keep the store until the others have read that all is done."""
        end = time.monotonic() + 10
        while self.store.add(f"{key}/goodbye", 0) < nodes - 1 and time.monotonic() < end:
            time.sleep(0.02)

    def _all_failures(self, failed: str, own: Failure | None) -> list[str]:
        time.sleep(0.5)
        try:
            lines = self.store.get(failed).decode().splitlines()
        except DistError:
            return [str(own)] if own is not None else []
        return [json.loads(line) for line in lines]


def options_id(options: Any) -> str:
    """The name of the run."""
    return str(options.rdzv_id)


def _is_here(host: str) -> bool:
    """Is it a name of this machine?"""
    if host in ("localhost", "127.0.0.1", "::1", socket.gethostname(), socket.getfqdn()):
        return True
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
        own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return False
    return bool(addresses & own)


def _report(failures: list[str], options: Any, left: int) -> str:
    line = "=" * 78
    then = (
        f"All processes are started again; {left} restarts are left."
        if left
        else "All processes have ended."
    )
    return "\n".join([line, f"{options.training_script} FAILED", *failures, then, line])
