"""What the interpreter holds of kernels: their definitions stay until the process ends."""

import os
import subprocess
import sys

import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

# While the interpreter ends, modules are emptied before the last functions are looked at by the collector.
PROGRAM = """
import gc
import flambeau as torch
from flambeau.kernels.runtime import layout as runtime
torch.arange(5.) * 2 + 1
for name, value in list(vars(runtime).items()):
    if type(value) is list:
        value.clear()
gc.collect()
others = [runtime.MethodDefinition(b"other", 1, 0xFFFF, b"x" * 40) for _ in range(20_000)]
gc.collect()
print((torch.arange(5.) * 2 + 1).tolist())
"""


def test_functions_outlive_the_lists_of_their_module():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], env=os.environ, capture_output=True, text=True
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "[1.0, 3.0, 5.0, 7.0, 9.0]\n")
