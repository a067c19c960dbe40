"""explain: what a function launches on a GPU. In the simulator: nothing here has run on one."""

import subprocess
import sys

import pytest

from flambeau import kernels
from flambeau.kernels.cuda import ptxas

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
PROGRAM = """
import os
os.environ["FLAMBEAU_CUDA_SIMULATOR"] = "1"
import flambeau as torch
x = torch.ones(4, 96, device="cuda")
report = torch.kernels.explain(lambda: torch.softmax(x * x, -1), assembly=True, ir=True)
first, second = report.kernels
print(first.name, first.grid, first.block, first.bytes, first.expressions)
print(second.name, second.grid, second.block, second.bytes, second.seconds)
print(second.usage is None or (second.usage.registers < 64 and not second.usage.spilled))
text = str(report)
print(all(part in text for part in (".entry flambeau_softmax_rows", "ptx_kernel", "moves     3,072 bytes")))
"""


def test_launches_in_order() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "flambeau_mul_elementwise (1,) 256 3072 ['multiply(x, y)']",
        "flambeau_softmax_rows (1,) 128 3072 None",
        "True",
        "True",
    ]


@pytest.mark.skipif(ptxas.found() is None, reason=ptxas.MISSING)
def test_the_assembler_says_what_a_kernel_takes() -> None:
    program = PROGRAM + "print(second.usage.registers > 8, 'registers a thread' in text)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "True True"
