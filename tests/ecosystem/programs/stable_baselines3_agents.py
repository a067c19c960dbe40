"""stable_baselines3: agents that learn for some steps, are saved and loaded."""

import gymnasium
import torch
from report import TRAINING, show
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecNormalize


def size(agent):
    return sum(p.double().abs().sum().item() for p in agent.policy.parameters())


agents = {
    PPO: ("CartPole-v1", {"n_steps": 64, "n_epochs": 2}),
    A2C: ("CartPole-v1", {}),
    DQN: ("CartPole-v1", {"learning_starts": 50}),
    SAC: ("Pendulum-v1", {"learning_starts": 50, "policy_kwargs": {"net_arch": [32, 32]}}),
    TD3: ("Pendulum-v1", {"learning_starts": 50, "policy_kwargs": {"net_arch": [32, 32]}}),
}
for kind, (name, options) in agents.items():
    agent = kind("MlpPolicy", name, seed=0, device="cpu", **options)
    agent.learn(120)
    agent.save("agent")
    loaded = kind.load("agent", device="cpu")
    observation = agent.observation_space.sample() * 0
    acted = [agent.predict(observation, deterministic=True)[0] for agent in (agent, loaded)]
    show(kind.__name__, size(agent), TRAINING)
    show(
        f"{kind.__name__} loaded", [size(loaded) == size(agent), bool((acted[0] == acted[1]).all())]
    )

environments = VecNormalize(make_vec_env("CartPole-v1", n_envs=2, seed=0))
agent = PPO(
    "MlpPolicy",
    environments,
    n_steps=32,
    seed=0,
    device="cpu",
    policy_kwargs={"activation_fn": torch.nn.ReLU, "net_arch": {"pi": [16], "vf": [16]}},
)
agent.learn(64)
show("several", size(agent), TRAINING)
reward, _ = evaluate_policy(agent, environments, n_eval_episodes=1, warn=False)
show("evaluated", reward > 0)
show("spaces", isinstance(environments.action_space, gymnasium.spaces.Discrete))
