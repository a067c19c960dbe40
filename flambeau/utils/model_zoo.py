"""Weights from addresses, under their older name.

Source: torch.utils.model_zoo
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    hub = import_module("...hub", __name__)  # it stands above
    if name == "load_url":
        return hub.load_state_dict_from_url
    if name == "tqdm":
        return hub.tqdm
    raise AttributeError(f"module 'torch.utils.model_zoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return ["load_url", "tqdm"]
