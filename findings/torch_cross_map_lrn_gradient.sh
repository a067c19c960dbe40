#!/usr/bin/env bash
# The gradient of torch.nn.CrossMapLRN2d is not that of its own values.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# Beside differences of its values in float64 the gradient of CrossMapLRN2d(5) is off: by a little with the default alpha of 1e-4, so
# that training does not show it, and by much with alpha=0.5. gradcheck fails for both. LocalResponseNorm, which normalises across
# channels too, is right.
#
# Seen:
#   CrossMapLRN2d alpha 0.5 gradcheck False
#   CrossMapLRN2d alpha 0.0001 gradcheck False
#   LocalResponseNorm alpha 0.5 gradcheck True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
torch.manual_seed(0)
x = (torch.randn(1, 6, 1, 1, dtype=torch.float64) * 2).requires_grad_()
for kind, alpha in ((torch.nn.CrossMapLRN2d, 0.5), (torch.nn.CrossMapLRN2d, 1e-4), (torch.nn.LocalResponseNorm, 0.5)):
    right = torch.autograd.gradcheck(kind(5, alpha=alpha), (x,), raise_exception=False)
    print(kind.__name__, "alpha", alpha, "gradcheck", right)
P
)
echo "$seen"
[ "$seen" = "CrossMapLRN2d alpha 0.5 gradcheck False
CrossMapLRN2d alpha 0.0001 gradcheck False
LocalResponseNorm alpha 0.5 gradcheck True" ]
