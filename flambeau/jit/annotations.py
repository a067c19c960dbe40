"""Types that programs import for annotations of TorchScript.

Source: torch.jit.annotations
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035

from ..core.tensor import Tensor

__all__ = ["Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict"]
__all__ += ["List", "Module", "Optional", "Tensor", "Tuple", "Union", "ann_to_type"]


class Module:
    """A namespace of names and what they mean."""

    def __init__(self, name: str, members: dict[str, Any]):
        self.name, self.members = name, members

    def __getattr__(self, name: str) -> Any:
        try:
            return self.members[name]
        except KeyError:
            raise RuntimeError(f"Module {self.name} has no member called {name}") from None


class BroadcastingListCls:
    """``BroadcastingList2[int]``: an int, or a list of two."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()
BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = BroadcastingListCls()


def ann_to_type(ann: Any, loc: Any = None, rcb: Any = None) -> Any:
    """The type that an annotation means: here the annotation itself, and Tensor where there is none."""
    return Tensor if ann is None else ann
