"""Optimisers, one algorithm a file, and schedules of their step sizes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

_ELSEWHERE = {
    "ASGD": "asgd",
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adamax": "adamax",
    "LBFGS": "lbfgs",
    "Muon": "muon",
    "NAdam": "nadam",
    "RAdam": "radam",
    "RMSprop": "rmsprop",
    "Rprop": "rprop",
    "SparseAdam": "sparse_adam",
}
_LAZY = frozenset(("lr_scheduler", "optimizer", "swa_utils", *_ELSEWHERE.values()))


def __getattr__(name: str) -> Any:
    """What is rare loads when first asked for."""
    if name in _ELSEWHERE:
        module = import_module(f"{__name__}.{_ELSEWHERE[name]}")
        value = globals()[name] = getattr(module, name)
        return value
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE, *_LAZY})
