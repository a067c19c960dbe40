#!/usr/bin/env bash
# In PyTorch x.mul_(2) makes a coalesced sparse tensor uncoalesced, so that x.values() is an error from then on; div_(2), and
# x * 2, keep it coalesced.
#
# Versions: torch 2.13.0 (CPU); 2.14.1 does the same.
#
# A number times every value moves no index. A program that scales a sparse gradient or an adjacency matrix in place, and
# then reads its values or indices, works with div_(0.5) and fails with mul_(2).
#
# Seen:
#   div_ True [2.0, 2.0]
#   mul_ False Cannot get values on an uncoalesced tensor, please call .coalesce() first
#   mul True [2.0, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import warnings
import torch
warnings.simplefilter("ignore")
def show(name, change):
    x = change(torch.eye(2).to_sparse())
    try:
        values = x.values().tolist()
    except RuntimeError as error:
        values = error
    print(name, x.is_coalesced(), values)
show("div_", lambda x: x.div_(0.5))
show("mul_", lambda x: x.mul_(2))
show("mul", lambda x: x * 2)
P
)
echo "$seen"
[ "$seen" = "div_ True [2.0, 2.0]
mul_ False Cannot get values on an uncoalesced tensor, please call .coalesce() first
mul True [2.0, 2.0]" ]
