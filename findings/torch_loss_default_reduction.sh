#!/usr/bin/env bash
# torch.kl_div and its neighbours reduce nothing by default, although their schema says that they give the mean.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# The losses that stand in torch itself take `reduction` as a number, 0 for none, 1 for the mean. Their schema says 1
# ("int reduction=Mean"), and torch.ops.aten.kl_div follows it; the Python function reads that default as 0. So torch.kl_div(x, y) is a
# tensor of x's shape, and torch.kl_div(x, y, reduction=1) a number. torch.nn.functional passes the number, and is right.
# The same is true of binary_cross_entropy_with_logits, hinge_embedding_loss, margin_ranking_loss, triplet_margin_loss and ctc_loss.
#
# Seen:
#   schema int reduction=1
#   default (3, 5)
#   by number ()
#   aten ()
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
x = torch.rand(3, 5)
argument = next(a for a in torch.ops.aten.kl_div.default._schema.arguments if a.name == "reduction")
print(f"schema {argument.type} {argument.name}={argument.default_value}")
print("default", tuple(torch.kl_div(x, x).shape))
print("by number", tuple(torch.kl_div(x, x, reduction=1).shape))
print("aten", tuple(torch.ops.aten.kl_div(x, x).shape))
P
)
echo "$seen"
[ "$seen" = "schema int reduction=1
default (3, 5)
by number ()
aten ()" ]
