#!/usr/bin/env bash
# A function that works in place, under PyTorch's forward mode, writes into the caller's direction.
#
# Versions: torch 2.13.0 (CPU).
#
# func.jvp and make_dual keep the tangent that they are given itself, without a copy. An in-place operation on the dual
# tensor computes its tangent in place too, so the caller's direction changes, and a loop that uses it again (power
# iteration, conjugate gradients, columns of a Jacobian) goes along another one from the second call on. The values of the
# argument are written over as well, which is what in place says; that the direction is, is said nowhere.
#
# Seen:
#   jvp: tangent [3.0, 9.0] direction afterwards [3.0, 9.0]
#   again: tangent [9.0, 27.0]
#   make_dual: direction afterwards [6.0, 18.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
import torch.autograd.forward_ad as fwAD
direction = torch.tensor([1.0, 3.0])
def tripled(x):
    return x.mul_(3)
_, tangent = torch.func.jvp(tripled, (torch.ones(2),), (direction,))
print("jvp: tangent", tangent.tolist(), "direction afterwards", direction.tolist())
print("again: tangent", torch.func.jvp(tripled, (torch.ones(2),), (direction,))[1].tolist())
direction = torch.tensor([2.0, 6.0])
with fwAD.dual_level():
    tripled(fwAD.make_dual(torch.ones(2), direction))
print("make_dual: direction afterwards", direction.tolist())
P
)
echo "$seen"
[ "$seen" = "jvp: tangent [3.0, 9.0] direction afterwards [3.0, 9.0]
again: tangent [9.0, 27.0]
make_dual: direction afterwards [6.0, 18.0]" ]
