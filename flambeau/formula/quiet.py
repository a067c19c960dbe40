"""Floating-point flags: overflow, 0/0 and the like give inf and nan without NumPy's warnings.

NumPy keeps what to do about flags in a context variable. Setting that is a quarter of the cost of
``numpy.errstate``, and small operations notice; where the variable is not to be had, errstate serves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    silent: Any = _make_extobj(all="ignore")
    silence, restore = _extobj_contextvar.set, _extobj_contextvar.reset
except ImportError:  # another NumPy inside
    silent = None

    def silence(_: Any) -> Any:
        return np.seterr(all="ignore")

    def restore(before: Any) -> None:
        np.seterr(**before)


class quiet:
    """Context manager: NumPy's floating-point flags are ignored."""

    __slots__ = ("token",)

    def __enter__(self) -> None:
        self.token = silence(silent)

    def __exit__(self, *exception: object) -> None:
        restore(self.token)
