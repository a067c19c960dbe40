"""Q-learning with a replay memory and a target network."""

import math
import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque(maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, n):
        return random.sample(self.memory, n)

    def __len__(self):
        return len(self.memory)


class DQN(nn.Module):
    def __init__(self, n, a):
        super().__init__()
        self.layer1 = nn.Linear(n, 32)
        self.layer2 = nn.Linear(32, 32)
        self.layer3 = nn.Linear(32, a)

    def forward(self, x):
        return self.layer3(F.relu(self.layer2(F.relu(self.layer1(x)))))


random.seed(0)
torch.manual_seed(0)
policy, target = DQN(2, 2), DQN(2, 2)
target.load_state_dict(policy.state_dict())
opt = torch.optim.AdamW(policy.parameters(), lr=1e-3, amsgrad=True)
mem = ReplayMemory(500)
pos = 0.0


def step(a):
    global pos
    pos += 0.1 if a else -0.1
    done = abs(pos) > 1
    r = 1.0 if pos > 1 else 0.0
    s = torch.tensor([[pos, math.sin(pos)]], dtype=torch.float32)
    if done:
        pos = 0.0
    return s, r, done


state = torch.zeros(1, 2)
for t in range(300):
    if random.random() > 0.5:
        with torch.no_grad():
            action = policy(state).max(1).indices.view(1, 1)
    else:
        action = torch.tensor([[random.randrange(2)]], dtype=torch.long)
    s, r, done = step(action.item())
    nxt = None if done else s
    mem.push(state, action, nxt, torch.tensor([r]))
    state = torch.zeros(1, 2) if done else s
    if len(mem) < 64:
        continue
    batch = Transition(*zip(*mem.sample(32)))
    mask = torch.tensor([s is not None for s in batch.next_state], dtype=torch.bool)
    nn_states = torch.cat([s for s in batch.next_state if s is not None])
    q = policy(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
    v = torch.zeros(32)
    with torch.no_grad():
        v[mask] = target(nn_states).max(1).values
    loss = nn.SmoothL1Loss()(q, ((v * 0.99) + torch.cat(batch.reward)).unsqueeze(1))
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy.parameters(), 100)
    opt.step()
    tsd, psd = target.state_dict(), policy.state_dict()
    for key in psd:
        tsd[key] = psd[key] * 0.005 + tsd[key] * 0.995
    target.load_state_dict(tsd)
    if t % 60 == 0:
        print(t, f"{loss.item():.5f}", f"{q.mean().item():.5f}")
