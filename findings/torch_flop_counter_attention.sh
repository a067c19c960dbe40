#!/usr/bin/env bash
# torch.utils.flop_counter counts no arithmetic for attention on the CPU.
#
# Versions: torch 2.13.0 and 2.14.1 (CPU).
#
# scaled_dot_product_attention runs aten._scaled_dot_product_flash_attention_for_cpu there, which has no formula in
# the counter's table, unlike the operations of CUDA; the two products in it are not seen either, and nothing warns. The
# same attention written out counts 4 * b * h * q * k * d.
#
# Seen:
#   fused 0 written out 49152
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode
q, k = torch.randn(2, 4, 16, 8), torch.randn(2, 4, 12, 8)
def counted(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()
fused = counted(lambda: F.scaled_dot_product_attention(q, k, k))
print("fused", fused, "written out", counted(lambda: (q @ k.mT / 8**0.5).softmax(-1) @ k))
P
)
echo "$seen"
[ "$seen" = "fused 0 written out 49152" ]
