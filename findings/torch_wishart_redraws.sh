#!/usr/bin/env bash
# torch.distributions.Wishart reports each regular draw as singular, and draws it again.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# After drawing, Wishart looks for singular matrices and draws those anew, with a UserWarning "Singular sample detected.". It asks
# the support's check for "is singular", which answers the opposite: every positive definite draw is taken for singular and replaced,
# up to ten times over. So the warning appears for well-conditioned scales, and from one seed the result is not the
# matrix of Bartlett's decomposition that the same generator gives by hand.
#
# Seen:
#   warned: True
#   the first draw is kept: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import warnings
import torch
D, eye = torch.distributions, torch.eye(2, dtype=torch.float64)
dist = D.Wishart(torch.tensor(5.0, dtype=torch.float64), eye)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.manual_seed(0)
    drawn = dist.sample()
print("warned:", any("Singular" in str(w.message) for w in caught))
torch.manual_seed(0)
factor = D.Chi2(torch.tensor([5.0, 4.0], dtype=torch.float64)).sample().sqrt().diag()
factor[1, 0] = torch.randn(1, dtype=torch.float64)[0]
assert torch.linalg.cond(factor @ factor.T) < 100
print("the first draw is kept:", torch.allclose(drawn, factor @ factor.T))
P
)
echo "$seen"
[ "$seen" = "warned: True
the first draw is kept: False" ]
