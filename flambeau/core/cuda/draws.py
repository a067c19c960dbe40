"""Which draws have a form of their own on CUDA devices: the function of the same name in `core/random/on_cuda.py`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

_NAMES = {
    "draws": "uniform_ normal_ log_normal_ exponential_ cauchy_ geometric_ bernoulli_ dropout leaky_slopes",
    "draws_integer": "random_ permutation_like multinomial",
    "draws_discrete": "poisson binomial",
    "draws_gamma": "standard_gamma",
}
"""By module: its functions."""

PLACES: dict[str, str] = {
    f"core.random.{module}.{name}": name
    for module, names in _NAMES.items()
    for name in names.split()
}
"""Where the CPU's function stands in the package: the name of the device's."""


def function(place: str) -> Callable:
    """The device's function for a place of the table; loaded when it is first asked for."""
    found: Callable = getattr(import_module("...random.on_cuda", __name__), PLACES[place])
    return found


__all__ = ["PLACES", "function"]
