#!/usr/bin/env bash
# torch.distributions.LKJCholesky does not draw from the density that its log_prob states, from size 3 on.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# Under the LKJ density, proportional to det(R) ** (c - 1), all correlations of an n x n matrix have one distribution: a
# Beta(a, a) number on [-1, 1] with a = c - 1 + n / 2, of variance 1 / (2 a + 1). Drawn by LKJCholesky(3, 2.0) the first
# correlation has that variance, 1/6, and the others 0.215: in the onion method the squared length of row i below the diagonal
# is a Beta(i / 2, ...) number, and the first parameter used is i - 1/2, which is the same for row 1 only. The size 2, and
# a check of log_prob, do not show it; priors and simulations made with it are too wide.
#
# Seen:
#   variance of R[1, 0] 0.17 R[2, 0] 0.21 R[2, 1] 0.21, by the density 0.17
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
torch.manual_seed(0)
factor = torch.distributions.LKJCholesky(3, torch.tensor(2.0, dtype=torch.float64)).sample((200_000,))
r = factor @ factor.mT
by_density = 1 / (2 * (2.0 - 1 + 3 / 2) + 1)
print("variance of", *(f"R[{i}, {j}] {r[:, i, j].var():.2f}" for i, j in ((1, 0), (2, 0), (2, 1))), end="")
print(f", by the density {by_density:.2f}")
P
)
echo "$seen"
[ "$seen" = "variance of R[1, 0] 0.17 R[2, 0] 0.21 R[2, 1] 0.21, by the density 0.17" ]
