"""torch.utils.data._utils.worker: what worker processes know about themselves.

Source: torch.utils.data._utils.worker
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...._utils import ExceptionWrapper as ExceptionWrapper
from ..worker import WorkerInfo, get_worker_info, seed_generators


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four words to seed NumPy's generator in a worker with."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return [int(word) for word in np.random.SeedSequence(words).generate_state(4)]


def __getattr__(name: str) -> Any:
    if name == "_worker_info":
        return get_worker_info()
    raise AttributeError(f"module 'torch.utils.data._utils.worker' has no attribute '{name}'")


__all__ = ["WorkerInfo", "_generate_state", "get_worker_info", "seed_generators"]
