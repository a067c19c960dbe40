"""torch.return_types: the classes of results with named parts."""

from typing import Any

from .core.result import RESULTS
from .ops.families import load_all


def __getattr__(name: str) -> Any:
    if name not in RESULTS:
        load_all()
    if name in RESULTS:
        return RESULTS[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    load_all()
    return sorted(RESULTS)
