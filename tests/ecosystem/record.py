"""Records what PyTorch itself answers, in an environment that has it: ``python tests/ecosystem/record.py NAME...``

Each program of ``programs/`` prints its numbers; they are kept in ``numbers/``, with the versions of
what gave them.
"""

import importlib.metadata
import json
import subprocess
import sys
import tempfile

import program


def record(name: str) -> None:
    command = [sys.executable, program.PROGRAMS[name].resolve()]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    numbers = program.read(done.stdout)
    versions = {package: version(package) for package in ["torch", *program.packages(name)]}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items()]
    text = f'{{"versions": {json.dumps(versions)}, "numbers": {{\n' + ",\n".join(lines) + "\n}}\n"
    program.recorded_path(name).write_text(text)
    print(f"{name}: {len(numbers)} results")


def version(package: str) -> str:
    names = importlib.metadata.packages_distributions().get(package, [package])
    return importlib.metadata.version(names[0])


if __name__ == "__main__":
    for name in sys.argv[1:] or program.PROGRAMS:
        record(name)
