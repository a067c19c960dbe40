#!/usr/bin/env bash
# The same float8 conversion gives other bytes in PyTorch than in ml_dtypes (which JAX and TensorFlow use), for two types.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6, ml_dtypes 0.6.0.
#
# float8_e4m3fn has no infinity. PyTorch makes what is too large, infinity too, the largest number, 448; ml_dtypes makes it
# nan from 464 on. float8_e8m0fnu has powers of two only: PyTorch drops the sign and makes 0 the smallest power; ml_dtypes makes
# negative numbers and 0 nan. The other three types agree for every number. A checkpoint or a block scale that passes from
# one library to the other through float32 changes so without a sign.
#
# Seen:
#   float8_e4m3fn [464, 480, inf, -1e9]: torch [448.0, 448.0, 448.0, -448.0] ml_dtypes [448.0, nan, nan, nan]
#   float8_e8m0fnu [0, -3]: torch [5.877471754111438e-39, 4.0] ml_dtypes [nan, nan]
#   equal: float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import warnings
import ml_dtypes, numpy as np, torch
warnings.simplefilter("ignore")
def both(name, values):
    x = np.array(values, np.float32)
    a = torch.from_numpy(x).to(getattr(torch, name)).float().tolist()
    return a, x.astype(getattr(ml_dtypes, name)).astype(np.float32).tolist()
for name, values, text in (
    ("float8_e4m3fn", [464, 480, np.inf, -1e9], "[464, 480, inf, -1e9]"),
    ("float8_e8m0fnu", [0, -3], "[0, -3]"),
):
    a, b = both(name, values)
    print(f"{name} {text}: torch {a} ml_dtypes {b}")
grid = np.concatenate([np.arange(-70000, 70000) / 16, [np.inf, -np.inf, np.nan, 1e9, 1e-9, 61440, -57345]])
same = [n for n in ("float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz") if np.array_equal(*both(n, grid), equal_nan=True)]
print("equal:", *same)
P
)
echo "$seen"
[ "$seen" = "float8_e4m3fn [464, 480, inf, -1e9]: torch [448.0, 448.0, 448.0, -448.0] ml_dtypes [448.0, nan, nan, nan]
float8_e8m0fnu [0, -3]: torch [5.877471754111438e-39, 4.0] ml_dtypes [nan, nan]
equal: float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz" ]
