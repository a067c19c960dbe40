"""Optimisers, one algorithm a file, and schedules of their step sizes."""

from __future__ import annotations

from .._lazy import attach as _attach
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
__getattr__, __dir__ = _attach(
    __name__,
    (
        "_adafactor",
        "_muon",
        "adamw",
        "helper",
        "lr_scheduler",
        "optimizer",
        "swa_utils",
        *_ELSEWHERE.values(),
    ),
    _ELSEWHERE,
)
