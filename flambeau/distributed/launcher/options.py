"""The launcher's command line: torchrun's.

Source: torch.distributed.run
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence


def parser() -> argparse.ArgumentParser:
    """What reads the command line."""
    made = argparse.ArgumentParser(
        prog="python -m flambeau.distributed.run",
        description="Start a program in several processes, which find each other by torch.distributed. In them "
        "`import torch` means flambeau.",
        epilog="Defaults may come from the environment: PET_NPROC_PER_NODE for --nproc-per-node, and so on.",
    )

    def add(*names: str, **options: object) -> None:
        """With underscores as with hyphens, and a default from the environment."""
        long = next(n for n in names if n.startswith("--"))
        variable = "PET_" + long[2:].replace("-", "_").upper()
        if variable in os.environ and options.get("action") is None:
            options["default"] = os.environ[variable]
        aliases = [n.replace("-", "_") for n in names if n.startswith("--") and "-" in n[2:]]
        aliases = ["--" + a.lstrip("_") for a in aliases]
        made.add_argument(*names, *aliases, **options)  # type: ignore[arg-type]

    _add_machines(add)
    _add_processes(add)
    made.add_argument("training_script", help="the program")
    made.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return made


def _add_machines(add: Callable[..., None]) -> None:
    """Which machines, and how they find each other."""
    add("--nnodes", default="1", help="machines, or least:most of them (1)")
    add(
        "--nproc-per-node",
        default="1",
        help='processes on each machine: a number, "auto", "cpu" or "gpu" (1)',
    )
    add("--node-rank", type=int, default=0, help="this machine's number, with --master-addr (0)")
    add("--master-addr", default=None, help="the machine of rank 0 (127.0.0.1)")
    add(
        "--master-port", type=int, default=None, help="its port (29500; of one machine, a free one)"
    )
    add(
        "--rdzv-backend",
        default="static",
        help='"static" or "c10d": number the machines as they come',
    )
    add("--rdzv-endpoint", default="", help="host:port of the first machine")
    add("--rdzv-id", default="none", help="a name of the run")
    add(
        "--rdzv-conf",
        default="",
        help="key=value,...: join_timeout, timeout, read_timeout in seconds",
    )
    add(
        "--standalone",
        action="store_true",
        help="one machine, whatever else is said about machines",
    )
    add("--local-addr", default=None, help="this machine's name for the others")


def _add_processes(add: Callable[..., None]) -> None:
    """How the processes of a machine run, and where their prints go."""
    add(
        "--max-restarts",
        type=int,
        default=0,
        help="times that all are started again after one has failed (0)",
    )
    add(
        "--monitor-interval",
        type=float,
        default=0.1,
        help="seconds between two looks at the processes (0.1)",
    )
    add("--role", default="default", help="what to call the processes in messages")
    add(
        "-m",
        "--module",
        action="store_true",
        help="the program is a module's name, as of python -m",
    )
    add("--no-python", action="store_true", help="the program is no Python program")
    add(
        "--run-path", action="store_true", help="run the program as runpy does; the same as without"
    )
    add("--log-dir", default=None, help="a directory for what the processes print")
    add(
        "-r",
        "--redirects",
        default="0",
        help="print to files: 1 stdout, 2 stderr, 3 both; or rank:n,rank:n (0)",
    )
    add("-t", "--tee", default="0", help="print to files and here (0)")
    add(
        "--local-ranks-filter",
        default="",
        help="show what these processes of the machine print: 0,1 (all)",
    )
    add(
        "--start-method",
        default="spawn",
        choices=["spawn", "fork", "forkserver"],
        help="not used: each is a new program",
    )
    add(
        "--signals-to-handle",
        default="SIGTERM,SIGINT,SIGHUP,SIGQUIT",
        help="signals that end all processes",
    )


def count_of(text: str) -> int:
    """How many processes `--nproc-per-node` means.

    Raises:
        ValueError: It is no number, and none of the words.
    """
    if text.isdigit() and int(text) > 0:
        return int(text)
    from ...cuda import device_count, is_available

    if text == "gpu":
        if not is_available():
            raise ValueError("--nproc-per-node=gpu: there is no GPU")
        return device_count()
    if text == "auto" and is_available():
        return device_count()
    if text in ("auto", "cpu"):
        return os.cpu_count() or 1
    raise ValueError(f'--nproc-per-node={text}: a positive number, "auto", "cpu" or "gpu"')


def nodes_of(text: str) -> tuple[int, int]:
    """The least and the greatest number of machines.

    Raises:
        ValueError: They are no numbers, or in the wrong order.
    """
    parts = text.split(":")
    if not all(p.isdigit() for p in parts) or len(parts) > 2:
        raise ValueError(f"--nnodes={text}: a number, or least:most")
    least, most = int(parts[0]), int(parts[-1])
    if not 1 <= least <= most:
        raise ValueError(f"--nnodes={text}: a number, or least:most")
    return least, most


def per_rank(text: str, count: int) -> list[int]:
    """What `--redirects` and `--tee` say for each process of the machine: 0 nothing, 1 stdout, 2 stderr, 3 both.

    Raises:
        ValueError: It says something else.

    Example:
        >>> per_rank("3", 2), per_rank("1:2", 2)
        ([3, 3], [0, 2])
    """
    if text.isdigit() and int(text) <= 3:
        return [int(text)] * count
    made = [0] * count
    for part in text.split(","):
        rank, _, value = part.partition(":")
        if not (rank.isdigit() and value.isdigit() and int(value) <= 3 and int(rank) < count):
            raise ValueError(f"{text!r}: 0, 1, 2 or 3, or rank:n,rank:n")
        made[int(rank)] = int(value)
    return made


def pairs(text: str) -> dict[str, str]:
    """What `--rdzv-conf` says."""
    found = (part.partition("=") for part in text.split(",") if part)
    return {name.strip(): value.strip() for name, _, value in found}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; errors end the program, as argparse does."""
    reader = parser()
    options = reader.parse_args(arguments)
    try:
        options.least, options.most = (1, 1) if options.standalone else nodes_of(options.nnodes)
        options.count = count_of(str(options.nproc_per_node))
        options.redirected = per_rank(options.redirects, options.count)
        options.teed = per_rank(options.tee, options.count)
        options.shown = {int(r) for r in options.local_ranks_filter.split(",") if r}
    except ValueError as error:
        reader.error(str(error))
    if options.module and options.no_python:
        reader.error("--module and --no-python exclude each other")
    if options.rdzv_backend not in ("static", "c10d"):
        reader.error(f'--rdzv-backend={options.rdzv_backend}: "static" or "c10d"')
    return options
