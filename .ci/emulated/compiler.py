"""Compiles kernels for the emulated processes that ask for them: `python compiler.py SOCKET`, until it is ended."""

import sys
from functools import cache
from multiprocessing.connection import Listener

import llvmlite.binding as llvm

from flambeau.kernels.machine import Machine


@cache
def machine_for(triple: str, processor: str, features: str) -> Machine:
    """One that compiles for another processor; it could run nothing of that."""
    made = object.__new__(Machine)
    target = llvm.Target.from_triple(triple)
    made.target = target.create_target_machine(cpu=processor, features=features, opt=2)
    return made


def answer(triple: str, processor: str, features: str, text: str) -> bytes | Exception:
    try:
        machine = machine_for(triple, processor, features)
        return machine.compile(f'target triple = "{triple}"\n{text}')
    except Exception as error:  # whatever it is, it is the asking process's to raise
        return error


def serve(path: str) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    with Listener(path) as listener:
        while True:
            with listener.accept() as connection:
                try:
                    connection.send(answer(*connection.recv()))
                except (EOFError, OSError):
                    continue  # that process ended before it had its answer


if __name__ == "__main__":
    serve(sys.argv[1])
