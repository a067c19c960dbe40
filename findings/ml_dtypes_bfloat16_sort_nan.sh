#!/usr/bin/env bash
# numpy.sort leaves an array of ml_dtypes.bfloat16 unsorted, without a word, if it holds a nan.
#
# Versions: numpy 2.4.6, ml_dtypes 0.6.0 (numpy 2.5.5 the same).
#
# For its own floating types NumPy sorts nan to the end, and what is not nan into order. ml_dtypes registers a
# comparison for bfloat16 in which nan is neither less nor more than anything, and no sort of its own; NumPy's generic
# sort then takes nan for equal to each neighbour and stops there. numpy.argsort does the same. Finite
# and infinite values alone are sorted as they should be. The way round: sort the values as float32, or
# sort their bits as integers.
#
# Seen:
#   float32  [1.0, 2.0, nan]
#   bfloat16 [2.0, nan, 1.0]
#   places   [0, 1, 2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0
seen=$("$folder/venv/bin/python" - <<'P'
import ml_dtypes, numpy as np
values = [2.0, np.nan, 1.0]
half = np.array(values, ml_dtypes.bfloat16)
print("float32 ", np.sort(np.array(values, np.float32)).tolist())
print("bfloat16", np.sort(half).astype(np.float32).tolist())
print("places  ", np.argsort(half).tolist())
P
)
echo "$seen"
[ "$seen" = "float32  [1.0, 2.0, nan]
bfloat16 [2.0, nan, 1.0]
places   [0, 1, 2]" ]
