#!/usr/bin/env bash
# A NumPy array of the other byte order comes back from pickle in the machine's order, or not, by the pickle protocol.
#
# Versions: numpy 2.4.6, Python 3.11, on a little-endian machine.
#
# With protocol 5 an array of dtype ">f4" keeps its dtype. With protocol 4 or older, which most files and torch.save use, the
# values are right and the dtype is native: code that looks at dtype.byteorder, or at the bytes, meets two things.
#
# Seen:
#   protocol 2 float32 values equal
#   protocol 4 float32 values equal
#   protocol 5 >f4 values equal
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'P'
import pickle
import numpy as np
x = np.array([1.0, 2.0], ">f4")
for protocol in (2, 4, 5):
    y = pickle.loads(pickle.dumps(x, protocol))
    print("protocol", protocol, y.dtype, "values", "equal" if np.array_equal(x, y) else "differ")
P
)
echo "$seen"
[ "$seen" = "protocol 2 float32 values equal
protocol 4 float32 values equal
protocol 5 >f4 values equal" ]
