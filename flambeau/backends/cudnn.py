"""cuDNN: not used; convolutions on CUDA have kernels of their own, which give the same bits every time.

Its switches choose among its algorithms and change nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

enabled = True
benchmark = False
benchmark_limit: int | None = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Is cuDNN used? It is not.

    Source: torch.backends.cudnn.is_available
    """
    return False


def version() -> int | None:
    """cuDNN's version: None, because it is not used.

    Source: torch.backends.cudnn.version
    """
    return None


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """Other values of the switches in a ``with`` block.

    Source: torch.backends.cudnn.flags

    Example:
        >>> from flambeau.backends import cudnn
        >>> with cudnn.flags(deterministic=True):
        ...     cudnn.deterministic
        True
    """
    given = dict(locals())
    before = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(before)
