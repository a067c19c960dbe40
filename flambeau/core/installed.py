"""The types of devices that there may be beside the CPU. Each loads when it is first used.

It is all that other code is told of them: what can be done on a device it asks the device's backend.
"""

from __future__ import annotations

from .backend import Backend
from .device import backends


def _meta() -> Backend:
    from .meta import ARRAYS, MetaBackend

    ARRAYS.install()
    return MetaBackend()


def _cuda() -> Backend | None:
    from ..kernels.cuda import driver

    if driver.why_not():
        return None
    from .cuda import CudaBackend

    return CudaBackend()


def _why_no_cuda() -> str:
    from ..kernels.cuda import driver

    return driver.why_not()


backends.register("cuda", _cuda, _why_no_cuda)
backends.register("meta", _meta)

__all__: list[str] = []
