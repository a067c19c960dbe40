"""Start a program in several processes: ``python -m flambeau.distributed.run --nproc-per-node 2 train.py``.

It takes torchrun's flags and sets torchrun's variables, so that a program which torchrun starts runs unchanged; in the
processes `import torch` means flambeau. A process that fails is named with its traceback, the others end, and with
``--max-restarts`` all are started again.

Source: torch.distributed.run (torchrun)
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from .launcher.agent import Agent, Ended
from .launcher.options import parse
from .launcher.options import parser as get_args_parser


def _command(options: Any) -> list[str]:
    if options.no_python:
        return [options.training_script, *options.training_script_args]
    module = ["-m"] if options.module else []
    alias = [
        sys.executable,
        "-u",
        "-m",
        "flambeau",
        "run",
    ]  # in which `import torch` means flambeau
    return [*alias, *module, options.training_script, *options.training_script_args]


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended(number)


def run(options: Any) -> int:
    """Start the processes that the command line asks for, and give the exit code."""
    for name in options.signals_to_handle.split(","):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        return Agent(options, _command(options)).run()
    except Ended as ended:
        print(f"ended by {ended}", file=sys.stderr)
        return 128 + ended.number


def main(args: Sequence[str] | None = None) -> None:
    """The command line.

    Source: torch.distributed.run.main
    """
    sys.exit(run(parse(args)))


if __name__ == "__main__":
    main()

__all__ = ["get_args_parser", "main", "run"]
