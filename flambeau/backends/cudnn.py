"""cuDNN: convolutions on a GPU use it where the package nvidia-cudnn-frontend is installed (the extra cudnn).

`enabled` and `allow_tf32` say whether and how; without cuDNN, kernels of flambeau's own convolve, and lose nothing to TF32.
Plans are chosen by cuDNN's heuristics, and only among those that give the same bits every time: `benchmark` and
`deterministic` change nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

benchmark = False
benchmark_limit: int | None = 10
deterministic = False


def _permission(name: str) -> property:
    """An attribute of this module that convolutions look at."""

    def known() -> Any:
        from ..kernels.cuda.convolution.permission import permission

        return permission

    def read(module: Any) -> bool:
        return bool(getattr(known(), name))

    def write(module: Any, value: bool) -> None:
        setattr(known(), name, bool(value))

    return property(read, write)


class _Switches(ModuleType):
    enabled = _permission("enabled")
    allow_tf32 = _permission("allow_tf32")


sys.modules[__name__].__class__ = _Switches


def _library() -> Any:
    from ..kernels.cuda.convolution.cudnn import library

    return library()


def is_available() -> bool:
    """Is cuDNN used for convolutions on a GPU? It is if there is a GPU, and nvidia-cudnn-frontend with cuDNN.

    Source: torch.backends.cudnn.is_available
    """
    return _library() is not None


def version() -> int | None:
    """cuDNN's version, 9.10.2 as 91002; None where it is not used.

    Source: torch.backends.cudnn.version
    """
    library = _library()
    return None if library is None else int(library.backend_version())


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
    given, module = dict(locals()), sys.modules[__name__]
    before = {name: getattr(module, name) for name in given}
    try:
        for name, value in given.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
