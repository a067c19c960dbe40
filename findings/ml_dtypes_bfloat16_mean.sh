#!/usr/bin/env bash
# The mean of a thousand ones in ml_dtypes.bfloat16 is 0.26: NumPy accumulates in bfloat16 itself.
#
# Versions: numpy 2.4.6, ml_dtypes 0.6.0.
#
# numpy.mean documents that float16 inputs are added up in float32, and sums of float16 are pairwise. Neither holds for
# bfloat16 of ml_dtypes, which looks like NumPy's own half type: a running sum stays at 256, where the next number
# is two away and adding 1 rounds back. No warning is given. The way round: dtype=numpy.float32.
#
# Seen:
#   float16  sum 1000.0 mean 1.0
#   bfloat16 sum 256.0 mean 0.255859375
#   bfloat16 mean in float32 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0
seen=$("$folder/venv/bin/python" - <<'P'
import ml_dtypes, numpy as np
for dtype in (np.float16, ml_dtypes.bfloat16):
    ones = np.ones(1000, dtype)
    print(f"{np.dtype(dtype).name:8} sum {float(ones.sum())} mean {float(ones.mean())}")
print("bfloat16 mean in float32", float(ones.mean(dtype=np.float32)))
P
)
echo "$seen"
[ "$seen" = "float16  sum 1000.0 mean 1.0
bfloat16 sum 256.0 mean 0.255859375
bfloat16 mean in float32 1.0" ]
