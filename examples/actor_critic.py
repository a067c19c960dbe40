"""Actor-critic on a small game: keep a point that drifts near the middle."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn
from flambeau.distributions import Categorical


class Policy(nn.Module):
    """What to do, and how well it will go."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 32), nn.Tanh())
        self.actor, self.critic = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, state):
        hidden = self.body(state)
        return Categorical(logits=self.actor(hidden)), self.critic(hidden).squeeze(-1)


def play(policy: Policy, games: int = 32, moves: int = 20):
    """Play games side by side; return log-probabilities, values and rewards, one row a move."""
    place, speed = torch.empty(games).uniform_(-1, 1), torch.zeros(games)
    rows = []
    for _ in range(moves):
        choice, value = policy(torch.stack([place, speed], 1))
        action = choice.sample()
        speed = 0.9 * speed + 0.1 * (action - 1)
        place = place + speed
        rows.append((choice.log_prob(action), value, -place.abs()))
    return map(torch.stack, zip(*rows, strict=True))


def main(steps: int = 150) -> list[float]:
    """Train; return the mean distance from the middle, by step."""
    torch.manual_seed(0)
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    distances = []
    for _ in range(steps):
        log_probs, values, rewards = play(policy)
        discount = 0.9 ** torch.arange(len(rewards)).unsqueeze(1)
        returns = (rewards * discount).flip(0).cumsum(0).flip(0) / discount
        advantage = returns - values.detach()
        loss = -(log_probs * advantage).mean() + nn.functional.smooth_l1_loss(values, returns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        distances.append(-rewards.mean().item())
    print(f"mean distance {distances[0]:.3f} -> {distances[-1]:.3f}")
    return distances


if __name__ == "__main__":
    main()
