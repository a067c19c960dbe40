"""PyTorch's private helpers of optimisers, which optimisers of other packages use.

Source: torch.optim.optimizer
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..autograd.mode import is_grad_enabled, set_grad_enabled
from ..core.dtype import dtype as DType
from ..core.dtype import float32, float64, get_default_dtype
from ..core.tensor import Tensor
from ..ops.view.complex import view_as_real

ParamsT: TypeAlias = (
    Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]] | dict[str, Any]
)
_params_t: TypeAlias = ParamsT


class _RequiredParameter:
    """Stands for an option that has no default."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def _use_grad_for_differentiable(func: Callable) -> Callable:
    """Decorator of `step`: it is recorded where the optimiser's `differentiable` says so."""

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = is_grad_enabled()
        set_grad_enabled(bool(self.defaults["differentiable"]))
        try:
            return func(self, *args, **kwargs)
        finally:
            set_grad_enabled(before)

    return step


def _disable_dynamo_if_unsupported(single_tensor_fn: Any = None) -> Callable:
    """Decorator of an algorithm that a compiler would not understand; nothing compiles here."""
    return lambda func: func


def _get_value(x: Any) -> Any:
    """A number, also of a tensor of one element."""
    return x.item() if isinstance(x, Tensor) else x


def _stack_if_compiling(x: Any) -> Any:
    """What a compiler would want stacked, as it is."""
    return x


def _dispatch_sqrt(x: Any) -> Any:
    """The square root of a number or a tensor."""
    return x.sqrt() if isinstance(x, Tensor) else x**0.5


def _to_scalar(x: Any) -> Any:
    """A tensor of one element without dimensions; a number as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.ndim else x


def _get_scalar_dtype(is_fused: bool | None = None) -> DType:
    """The dtype of counts of steps."""
    return float64 if not is_fused and get_default_dtype() is float64 else float32


def _view_as_real(params: list[Tensor], *state_and_grads: list[Tensor]) -> None:
    """Complex tensors of lists as pairs of real numbers, in place."""
    for i, p in enumerate(params):
        if p.is_complex():
            for values in (params, *state_and_grads):
                values[i] = view_as_real(values[i])


def _get_foreach_kernels_supported_devices() -> list[str]:
    return ["cuda", "xpu", "mtia"]


def _get_fused_kernels_supported_devices() -> list[str]:
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia"]


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """Types of devices whose work graphs can record."""
    return ["cuda", "xpu", "hpu", *(["xla"] if supports_xla else [])]


def _default_to_fused_or_foreach(
    params: Sequence[Tensor | None], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """Which of PyTorch's implementations it would choose: fused, foreach. On a CPU, neither by itself."""
    if differentiable:
        return False, False

    def on(p: Any, devices: list[str]) -> bool:
        return p is None or p.device.type in devices

    fused = use_fused and all(
        on(p, _get_fused_kernels_supported_devices()) and (p is None or p.is_floating_point())
        for p in params
    )
    foreach = not fused and all(on(p, _get_foreach_kernels_supported_devices()) for p in params)
    return fused, foreach


def _device_dtype_check_for_fused(p: Tensor, cuda_unsupported: bool = False) -> None:
    """Raises RuntimeError for a parameter that no fused implementation takes."""
    devices = _get_fused_kernels_supported_devices()
    if cuda_unsupported:
        devices.remove("cuda")
    if p.device.type not in devices or not p.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported devices: "
            f"{devices} but {p.dtype} and {p.device.type}"
        )


def _group_tensors_by_device_and_dtype(
    tensorlistlist: Sequence[Sequence[Any]], with_indices: bool = False
) -> dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]]:
    """Lists of tensors by the device and dtype of the first list's, and their places in it."""
    first = tensorlistlist[0]
    groups: dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]] = {}
    for i, tensor in enumerate(first):
        key = tensor.device, tensor.dtype
        lists, places = groups.setdefault(key, ([[] for _ in tensorlistlist], []))
        for target, source in zip(lists, tensorlistlist):
            if source:
                target.append(source[i])
        if with_indices:
            places.append(i)
    return groups


_FLAG = "{} (bool, optional): see torch.optim.Optimizer\n"
_foreach_doc, _fused_doc = _FLAG.format("foreach"), _FLAG.format("fused")
_capturable_doc, _differentiable_doc = _FLAG.format("capturable"), _FLAG.format("differentiable")
_maximize_doc = _FLAG.format("maximize")
_params_doc = "params (iterable): parameters, named parameters or groups of them\n"
