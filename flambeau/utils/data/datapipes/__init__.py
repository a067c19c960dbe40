"""Data pipes: datasets whose steps are chained as methods, ``pipe.map(f).shuffle().batch(8)``.

Those of the standard steps are here; files, decoders, forks and groups are not.

Source: torch.utils.data.datapipes
"""

from . import datapipe, iter, map

__all__ = ["datapipe", "iter", "map"]
