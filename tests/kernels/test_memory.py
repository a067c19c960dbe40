"""Memory of large arrays is reused, within a bound."""

import subprocess
import sys

import pytest

from flambeau import kernels

pytestmark = [
    pytest.mark.skipif(not kernels.enabled(), reason="kernels are off"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="GNU's allocator"),
]

PROGRAM = """
import resource, sys
import flambeau as torch
x = torch.ones(1_000_000)
for _ in range(5):
    y = x * 2 + x
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(50):
    y = x * 2 + x
print((faults() - before) // 50)
from flambeau.kernels import memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
many = [torch.ones(4_000_000) for _ in range(40)]
full = resident()
del many
kept = resident()
memory.release()
print(full - kept > 250e6, kept - resident() >= 0, kept < full - 640e6 + memory.KEPT + 64e6)
"""


def test_pages_are_not_fetched_again_and_not_hoarded():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    faults, *bounded = result.stdout.split()
    assert int(faults) < 100  # 4 MB of fresh memory are 1,000 pages
    assert bounded == ["True"] * 3
