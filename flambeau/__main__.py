"""The command line: ``python -m flambeau``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flambeau import _script, _version, compat, environment

_PROGRAM = "python -m flambeau"
_DEMO = Path("examples", "digits.py")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        usage="%(prog)s [-h] [--version] [COMMAND ...]",
        description="Without a command: report the environment that flambeau runs in.",
    )
    version = f"flambeau {_version.__version__} (API of PyTorch {_version.TORCH_API})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(
        dest="command", title="commands", metavar="COMMAND", prog=_PROGRAM
    )
    commands.add_parser("demo", help="train a classifier on handwritten digits")
    run = commands.add_parser(
        "run",
        help="run a program that says `import torch` on flambeau",
        description="Run a Python program in which `import torch` means flambeau.",
        usage="%(prog)s [-h] SCRIPT [ARGS ...]\n       %(prog)s [-h] -m MODULE [ARGS ...]",
        epilog="Everything after SCRIPT or MODULE is passed to the program.",
    )
    commands.add_parser(
        "torchrun",
        help="start such a program in several processes, with torchrun's flags",
        add_help=False,
    )
    run.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name")
    run.add_argument("script", metavar="SCRIPT", help="the Python file to run as __main__")
    return parser


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Divide the command line into our part and what belongs to the program that ``run`` starts.

    argparse cannot: it would take the program's ``--help`` or ``--`` for its own.
    """
    if arguments[:1] == ["torchrun"]:
        return arguments[:1], arguments[1:]
    if not arguments or arguments[0] != "run":
        return arguments, ()
    ours = 3 if arguments[1:2] == ["-m"] else 2
    return arguments[:ours], arguments[ours:]


def _demo_script() -> Path:
    """The example file: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / _DEMO
    return installed if installed.exists() else package.parent / _DEMO


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status; usage errors exit with 2."""
    ours, theirs = _split(arguments)
    parser = _parser()
    options = parser.parse_args(ours)
    if options.command is None:
        print(environment.report())
        return 0
    if options.command == "demo":
        return _script.run_script(str(_demo_script()), theirs)
    if options.command == "torchrun":
        return _script.run_module("flambeau.distributed.run", theirs)
    compat.install(children=True)
    if options.module:
        return _script.run_module(options.script, theirs)
    try:
        return _script.run_script(options.script, theirs)
    except OSError as error:
        parser.error(f"can't open file {options.script!r}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
