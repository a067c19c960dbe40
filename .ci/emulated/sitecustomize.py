"""For Python in an emulator: its kernels are compiled outside, by compiler.py, where LLVM is far faster.

On PYTHONPATH this runs when Python starts. Text, processor and features are the emulated process's own.
"""

import os
from multiprocessing.connection import Client

from flambeau.kernels.machine import Machine


def compile_outside(machine: Machine, text: str) -> bytes:
    with Client(os.environ["FLAMBEAU_COMPILER"]) as connection:
        target = machine.target.triple, machine.processor, machine.features.flatten()
        connection.send((*target, text))
        answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


Machine.compile = compile_outside
