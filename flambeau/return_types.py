"""torch.return_types: the classes of results with named parts."""

from typing import Any

from .core.result import RESULTS, written_result
from .ops.families import load_all

_NO_OUT = ("histogramdd",)


def __getattr__(name: str) -> Any:
    if name not in RESULTS:
        _load()
    if name in RESULTS:
        return RESULTS[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _load() -> None:
    """Make the classes of all operations, and of those that take ``out=`` its results' classes."""
    load_all()
    for name, made in list(RESULTS.items()):
        if not name.endswith("_out") and not name.startswith("_") and name not in _NO_OUT:
            written_result(made)


def __dir__() -> list[str]:
    _load()
    return sorted(RESULTS)
