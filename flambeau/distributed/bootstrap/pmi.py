"""A server of PMI-1, the words by which processes that MPICH links tell each other where they are.

`mpiexec` serves them to the processes that it starts. Processes that were started otherwise, by `multiprocessing.spawn`,
by `flambeau.distributed.run` or by hand, are served by this file, which runs by itself: it imports nothing but Python's
library, so that it is there at once.

    python pmi.py SIZE HOST < secret

It listens at a free port of HOST, prints it, serves SIZE processes, and ends when all of them have gone; once its standard
input is closed, those that have come by then. (MPICH breaks at the end of a process if the server has gone before it.)
A process that connects first proves that it knows the secret, and says its rank and its machine.

Source: Balaji et al., PMI: A Scalable Parallel Process-Management Interface (EuroMPI 2010); MPICH, doc/wiki/design/PMI-1
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import socket
import sys
import threading
from typing import Any

MAXIMA = "kvsname_max=256 keylen_max=64 vallen_max=1024"
MOST_LINE = 4096
CHALLENGE = 32


def proof(secret: bytes, challenge: bytes) -> bytes:
    """What shows that somebody knows the secret."""
    return hmac.digest(secret, b"flambeau pmi" + challenge, "sha256")


def mapping(nodes: list[str]) -> str:
    """Which rank is on which machine, as MPICH reads it: blocks of (first machine, machines, ranks on each).

    Example:
        >>> mapping(["a", "a", "b", "b"])
        '(vector,(0,1,2),(1,1,2))'
    """
    numbers = {name: i for i, name in enumerate(dict.fromkeys(nodes))}
    blocks: list[list[int]] = []
    for name in nodes:
        if blocks and blocks[-1][0] == numbers[name]:
            blocks[-1][1] += 1
        else:
            blocks.append([numbers[name], 1])
    return f"(vector,{','.join(f'({first},1,{count})' for first, count in blocks)})"


class Server:
    """What the processes have told, and who waits for whom."""

    def __init__(self, size: int, secret: bytes) -> None:
        self.size, self.secret = size, secret
        self.name = f"flambeau_{secrets.token_hex(8)}"
        """Of this world. MPICH names shared memory after it, and memory of a world that was killed may still be there."""
        self.values: dict[str, str] = {}
        self.nodes: dict[int, str] = {}
        self.waiting: list[Any] = []
        self.changed = threading.Condition()
        self.gone = 0

    def serve(self, connection: socket.socket) -> None:
        """Talk with one process until it ends."""
        with connection, contextlib.suppress(OSError, ValueError):
            rank = self._greet(connection)
            if rank is None:
                return
            try:
                with connection.makefile("rwb", buffering=0) as lines:
                    while line := lines.readline(MOST_LINE):
                        words = dict(w.split("=", 1) for w in line.decode().split() if "=" in w)
                        answer = self._answer(words, lines)
                        if answer:
                            lines.write(f"{answer}\n".encode())
            finally:
                with self.changed:
                    self.gone += 1
                    self.changed.notify_all()

    def _greet(self, connection: socket.socket) -> int | None:
        """The rank of whoever proves to know the secret."""
        challenge = secrets.token_bytes(CHALLENGE)
        connection.sendall(challenge)
        with connection.makefile("rb", buffering=0) as lines:
            rank, node, shown = lines.readline(MOST_LINE).decode().split()
        if not hmac.compare_digest(bytes.fromhex(shown), proof(self.secret, challenge)):
            return None
        with self.changed:
            if not 0 <= int(rank) < self.size or int(rank) in self.nodes:
                return None
            self.nodes[int(rank)] = node
            self.changed.notify_all()
            while len(self.nodes) < self.size:
                self.changed.wait()
            self.values["PMI_process_mapping"] = mapping([self.nodes[i] for i in range(self.size)])
        connection.sendall(b"welcome\n")
        return int(rank)

    def _answer(self, words: dict[str, str], lines: Any) -> str:
        command, key = words["cmd"], words.get("key", "")
        fixed = {
            "init": "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0",
            "get_maxes": f"cmd=maxes {MAXIMA} rc=0",
            "get_appnum": "cmd=appnum appnum=0 rc=0",
            "get_my_kvsname": f"cmd=my_kvsname kvsname={self.name} rc=0",
            "get_universe_size": f"cmd=universe_size size={self.size} rc=0",
            "finalize": "cmd=finalize_ack rc=0",
        }
        if command in fixed:
            return fixed[command]
        with self.changed:
            if command == "put":
                self.values[key] = words["value"]
                return "cmd=put_result rc=0 msg=success"
            if command == "get":
                value = self.values.get(key)
                if value is None:
                    return "cmd=get_result rc=-1 msg=key_not_found"
                return f"cmd=get_result rc=0 value={value}"
            if command == "barrier_in":
                self.waiting.append(lines)
                if len(self.waiting) == self.size:
                    for other in self.waiting:
                        other.write(b"cmd=barrier_out rc=0\n")
                    self.waiting.clear()
                return ""
        return f"cmd={command}_result rc=-1 msg=not_known"

    def wait(self) -> None:
        """Wait until everybody has gone."""
        with self.changed:
            while self.gone < self.size:
                self.changed.wait()


def main() -> None:
    size, host = int(sys.argv[1]), sys.argv[2]
    server = Server(size, sys.stdin.readline().strip().encode())
    family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.bind((host, 0))
        listening.listen(size)
        print(listening.getsockname()[1], flush=True)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        def end_with_starter() -> None:
            sys.stdin.read()
            with server.changed:
                server.size = len(server.nodes)
                server.changed.notify_all()

        for work in (accept, end_with_starter):
            threading.Thread(target=work, daemon=True).start()
        server.wait()


if __name__ == "__main__":
    main()
