#!/usr/bin/env bash
# torch.as_strided_scatter gives its input's gradient where the input was written over, and none where it was kept.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# y = as_strided_scatter(x, src, size, stride, offset) is x, but src at the places that size, stride and offset name. So dy/dx is 0 at
# those places and 1 elsewhere; torch returns the reverse, and its own gradcheck fails. The gradient of src is right.
# select_scatter, slice_scatter and diagonal_scatter, which say the same of simpler places, are right too.
#
# Seen:
#   gradient of x [0.0, 2.0, 3.0, 0.0] of src [2.0, 3.0]
#   slice_scatter [1.0, 0.0, 0.0, 4.0]
#   gradcheck False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
x = torch.ones(4, dtype=torch.float64, requires_grad=True)
src = torch.full((2,), 2.0, dtype=torch.float64, requires_grad=True)
g = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
write = lambda x, src: torch.as_strided_scatter(x, src, (2,), (1,), 1)
by_x, by_src = torch.autograd.grad(write(x, src), (x, src), g)
print("gradient of x", by_x.tolist(), "of src", by_src.tolist())
print("slice_scatter", torch.autograd.grad(torch.slice_scatter(x, src, 0, 1, 3), x, g)[0].tolist())
print("gradcheck", torch.autograd.gradcheck(write, (x, src), raise_exception=False))
P
)
echo "$seen"
[ "$seen" = "gradient of x [0.0, 2.0, 3.0, 0.0] of src [2.0, 3.0]
slice_scatter [1.0, 0.0, 0.0, 4.0]
gradcheck False" ]
