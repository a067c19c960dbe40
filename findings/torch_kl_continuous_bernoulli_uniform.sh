#!/usr/bin/env bash
# torch.distributions.kl_divergence(ContinuousBernoulli, Uniform) is infinite where the uniform's interval is [0, 1] itself.
#
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
#
# A ContinuousBernoulli's numbers lie in [0, 1], and a uniform distribution on [0, 1] has a density of 1 at each of them, so
# the divergence is minus the entropy, a finite number. The rule asks low >= 0 or high <= 1 and answers infinity, where it
# means low > 0 or high < 1; on an interval a little larger the number is right. The divergence of a Beta distribution from
# the same uniform one is finite.
#
# Seen:
#   on [0, 1] inf, on [-1e-9, 1 + 1e-9] 0.0294, by the densities 0.0294
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
from torch.distributions import ContinuousBernoulli, Uniform, kl_divergence
p = ContinuousBernoulli(torch.tensor(0.3, dtype=torch.float64))
zero, one = torch.tensor([0.0, 1.0], dtype=torch.float64)
x = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
by_densities = (p.log_prob(x).exp() * p.log_prob(x)).mean()
exact, wider = (kl_divergence(p, Uniform(zero - d, one + d)) for d in (0.0, 1e-9))
print(f"on [0, 1] {exact:.4f}, on [-1e-9, 1 + 1e-9] {wider:.4f}, by the densities {by_densities:.4f}")
P
)
echo "$seen"
[ "$seen" = "on [0, 1] inf, on [-1e-9, 1 + 1e-9] 0.0294, by the densities 0.0294" ]
