"""In-place forms of views: the tensor itself becomes the view."""

from __future__ import annotations

from typing import Any

from ...autograd.location import count_writes
from ...core.tensor import Tensor
from ...dispatch.registry import method
from ...dispatch.write import check_history
from . import as_strided, permute, shape  # noqa: F401  # they bring the views


def restrided_in_place(name: str) -> None:
    """Give the view `name` its in-place form: the tensor itself becomes the view."""
    function = getattr(Tensor, name)

    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_history(self, self._node is not None)
        result = function(self, *args, **kwargs)
        self._array, self._node = result._array, result._node
        count_writes((self,))
        return self

    form.__name__ = form.__qualname__ = f"{name}_"
    form.__doc__ = f"The in-place form of `{name}`: the same tensor, seen otherwise."
    method()(form)


for _name in ("as_strided", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"):
    restrided_in_place(_name)
