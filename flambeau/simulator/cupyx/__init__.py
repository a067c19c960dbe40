"""What flambeau uses of `cupyx`, CuPy's extensions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Config(threading.local):
    linalg = "ignore"


_config = _Config()


def seterr(
    *,
    divide: Any = None,
    over: Any = None,
    under: Any = None,
    invalid: Any = None,
    linalg: str | None = None,
) -> dict[str, Any]:
    """Say whether linear algebra raises ('raise') or gives what it gives ('ignore', without waiting for the GPU)."""
    before = geterr()
    if not divide is over is under is invalid is None:
        raise NotImplementedError
    if linalg is not None:
        if linalg not in ("ignore", "raise"):
            raise NotImplementedError
        _config.linalg = linalg
    return before


def geterr() -> dict[str, Any]:
    return {"divide": None, "over": None, "under": None, "invalid": None, "linalg": _config.linalg}


@contextmanager
def errstate(
    *,
    divide: Any = None,
    over: Any = None,
    under: Any = None,
    invalid: Any = None,
    linalg: str | None = None,
) -> Iterator[None]:
    """`seterr` for a block."""
    before = seterr(divide=divide, over=over, under=under, invalid=invalid, linalg=linalg)
    try:
        yield
    finally:
        seterr(**before)


__all__ = ["errstate", "geterr", "seterr"]
