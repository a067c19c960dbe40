"""How tensors are shown."""

from __future__ import annotations

from typing import Any

from ...autograd.mode import mode
from ...core.dtype import state
from ...core.tensor import Tensor
from ...dispatch.registry import method


@method("__repr__")
def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    from ...core.printing import format_tensor  # programs that print nothing do without

    suffixes = []
    cls = type(self)
    name = _gradient_name(self)
    if name:
        suffixes.append(f"grad_fn=<{name}>")
    elif self.requires_grad:
        suffixes.append("requires_grad=True")
    tangent = None if mode.dual is None else mode.dual.of(self._node)
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    text = format_tensor(
        self._array,
        dtype_name=self.dtype.name,
        default_dtype_name=state.default.name,
        suffixes=suffixes,
        prefix="tensor(" if cls is Tensor else cls.__dict__.get("shown_as", f"{cls.__name__}("),
        device=None if self.device.type == "cpu" else str(self.device),
        has_values=self.device.type != "meta",
        contents=tensor_contents,
    )
    return f"Parameter({text})" if "_is_param" in self.__dict__ else text


def _gradient_name(self: Tensor) -> str:
    node = self.grad_fn
    return "" if node is None else node.name()


@method()
def __format__(self: Tensor, spec: str) -> str:
    if self.ndim == 0 and not self.is_meta:
        return self.item().__format__(spec)
    return object.__format__(self, spec) if spec else repr(self)
