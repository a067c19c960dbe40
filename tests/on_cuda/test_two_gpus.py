"""Parameters on two simulated GPUs: steps, clipping, files. In a process of its own, which asks for two from the start."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import io
import flambeau as torch

here = [torch.nn.Parameter(torch.ones(3, device=f"cuda:{i}")) for i in (1, 0)]
for capturable in (False, True):
    for p in here:
        p.grad = torch.ones(3, device=p.device)
    optimizer = torch.optim.Adam(here, lr=0.5, capturable=capturable)
    optimizer.step()
assert all(abs(x) < 1e-6 for p in here for x in p.tolist()), here
norm = torch.nn.utils.clip_grad_norm_(here, 6**0.5 / 2)
assert norm.device == torch.device("cuda:1") and abs(norm.item() - 6**0.5) < 1e-6, norm
assert all(abs(g - 0.5) < 1e-6 for p in here for g in p.grad.tolist())

file = io.BytesIO()
torch.save([p.detach() for p in here], file)
for place, wanted in ((None, [1, 0]), ("cuda:1", [1, 1]), ({"cuda:1": "cuda:0"}, [0, 0])):
    file.seek(0)
    assert [x.device.index for x in torch.load(file, map_location=place)] == wanted
assert here[0].untyped_storage().device == torch.device("cuda:1")
assert torch.from_dlpack(here[0].detach()).device == torch.device("cuda:1")
try:
    torch.empty(0, device="cuda:0").set_(here[0].detach().untyped_storage(), 0, (1,))
except RuntimeError as error:
    assert "devices must match" in str(error)
else:
    raise AssertionError("a tensor has memory on another device")
"""


def test_two_gpus() -> None:
    environment = {**os.environ, "FLAMBEAU_CUDA_SIMULATOR": "2"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
