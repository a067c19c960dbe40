#!/usr/bin/env bash
# Arrays of ml_dtypes.complex32 are not complex to NumPy: .real is the whole array, .imag zeros.
#
# Versions: numpy 2.4.6, ml_dtypes 0.6.0.
#
# complex32 (two float16) is registered with NumPy as a type of kind "W". So numpy.iscomplexobj is False; array.real gives back the
# whole complex array and array.imag zeros, without a warning, where one expects the float16 parts; numpy.lib.stride_tricks.as_strided
# raises "data type '<W4' not understood". Arithmetic and abs are right. The parts are a view: array.view(numpy.float16).
#
# Seen:
#   kind W iscomplexobj False
#   real ['1+2j'] imag ['0'] of complex32
#   abs 2.236 product -3+4j
#   parts [1.0, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0
seen=$("$folder/venv/bin/python" - <<'P'
import ml_dtypes, numpy as np
x = np.array([1 + 2j]).astype(ml_dtypes.complex32)
print("kind", x.dtype.kind, "iscomplexobj", np.iscomplexobj(x))
text = lambda a: [f"{complex(v).real:g}" + (f"{complex(v).imag:+g}j" if complex(v).imag else "") for v in a]
print("real", text(x.real), "imag", text(x.imag), "of", x.real.dtype)
print("abs", f"{float(np.abs(x)[0]):.3f}", "product", text(x * x)[0])
print("parts", x.view(np.float16).tolist())
P
)
echo "$seen"
[ "$seen" = "kind W iscomplexobj False
real ['1+2j'] imag ['0'] of complex32
abs 2.236 product -3+4j
parts [1.0, 2.0]" ]
