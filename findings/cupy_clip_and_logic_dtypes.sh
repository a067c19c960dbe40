#!/usr/bin/env bash
# CuPy clips bfloat16 to float32, and has no logical functions for complex numbers.
#
# Versions: cupy-cuda13x 14.2.0 with ml_dtypes 0.6.0, Python 3.11; no GPU is needed.
#
# CuPy 14 knows bfloat16: maximum and minimum, of which a clip consists, have a loop for it, and give bfloat16. clip has none, so that the
# first loop that bfloat16 can be cast to is taken, and the result is float32; float16 stays float16. logical_and, logical_or, logical_xor
# and logical_not have loops for all dtypes but the complex ones, which NumPy takes and which any and all of CuPy take: they raise TypeError.
#
# Seen (the loops are listed, since arrays need a GPU):
#   maximum of bfloat16: ['EE->E']
#   clip of bfloat16: []
#   clip of float16: ['eee->e']
#   logical_and of complex numbers: []
#   in NumPy: ['FF->?', 'DD->?']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cupy-cuda13x==14.2.0 ml_dtypes==0.6.0
seen=$("$folder/venv/bin/python" -W ignore - <<'P'
import ml_dtypes
import numpy
import cupy
from cupy._core import _routines_math
def loops(function, letters):
    return [loop for loop in function.types if set(loop.partition("->")[0]) <= set(letters)]
print("maximum of bfloat16:", loops(cupy.maximum, "E"))
print("clip of bfloat16:", loops(_routines_math.clip, "E"))
print("clip of float16:", loops(_routines_math.clip, "e"))
print("logical_and of complex numbers:", loops(cupy.logical_and, "FD"))
print("in NumPy:", loops(numpy.logical_and, "FD"))
P
)
echo "$seen"
[ "$seen" = "maximum of bfloat16: ['EE->E']
clip of bfloat16: []
clip of float16: ['eee->e']
logical_and of complex numbers: []
in NumPy: ['FF->?', 'DD->?']" ]
