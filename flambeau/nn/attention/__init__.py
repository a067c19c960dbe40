"""Which way attention is computed, and attention whose scores a program changes: torch.nn.attention."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..._lazy import attach as _attach
from ...backends.attention import SWITCHES as _SWITCHES
from ...backends.attention import Allowed as _Allowed
from ...backends.attention import SDPBackend
from ...backends.attention import set_ways as _set_ways

__all__ = [
    "SDPBackend",
    "activate_flash_attention_impl",
    "current_flash_attention_impl",
    "list_flash_attention_impls",
    "restore_flash_attention_impl",
    "sdpa_kernel",
]

_getattr, __dir__ = _attach(
    __name__, ("bias", "flex_attention", "varlen"), {}, "torch.nn.attention"
)


def __getattr__(name: str) -> object:
    if name in (
        "MultiheadAttention",
        "NonDynamicallyQuantizableLinear",
    ):  # in files of old checkpoints
        from .. import multihead_attention

        return getattr(multihead_attention, name)
    return _getattr(name)


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    """The ways that are allowed; the preferred first if `with_priority`."""
    order = _Allowed.order if with_priority else _SWITCHES
    return [way for way in order if way in _Allowed.ways]


@contextlib.contextmanager
def sdpa_kernel(
    backends: list[SDPBackend] | SDPBackend, set_priority: bool = False
) -> Iterator[dict]:
    """Inside, `scaled_dot_product_attention` is computed in one of these ways.

    On a CPU there are two: FLASH_ATTENTION, one pass by blocks, which takes no dropout and no mask that
    wants a gradient; and MATH, products and a softmax.

    Args:
        backends: The ways that are allowed.
        set_priority: Are they preferred in this order?

    Raises:
        AssertionError: Something else than ways.

    Source: torch.nn.attention.sdpa_kernel

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.attention import SDPBackend, sdpa_kernel
        >>> q = torch.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     torch.nn.functional.scaled_dot_product_attention(q, q, q).sum()
        tensor(8.)
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    chosen = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    before = _Allowed.ways, _Allowed.order
    order = (*chosen, *(way for way in before[1] if way not in chosen)) if set_priority else None
    _set_ways(frozenset(chosen), order)
    try:
        yield {}
    finally:
        _set_ways(*before)


def list_flash_attention_impls() -> list[str]:
    """The kernels for FLASH_ATTENTION on a GPU that can be chosen: none.

    Source: torch.nn.attention.list_flash_attention_impls
    """
    return []


def current_flash_attention_impl() -> str | None:
    """The one that was chosen: none, so this package's own kernel computes.

    Source: torch.nn.attention.current_flash_attention_impl
    """
    return None


def activate_flash_attention_impl(impl: str) -> None:
    """Choose one of `list_flash_attention_impls`.

    Raises:
        ValueError: There is no such kernel.

    Source: torch.nn.attention.activate_flash_attention_impl
    """
    raise ValueError(
        f"Unknown flash attention impl {impl!r}: kernels for a GPU cannot be chosen here; the CPU has one"
    )


def restore_flash_attention_impl() -> None:
    """Go back to the kernel that is there without a choice: it always is the one.

    Source: torch.nn.attention.restore_flash_attention_impl
    """
