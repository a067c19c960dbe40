"""Settings of the whole library that PyTorch has and that are facts here: determinism, precision."""

from __future__ import annotations

from typing import Any

from .core.unset import unset
from .kernels.runtime import determinism

_MODES = ("default", "warn", "error")
_PRECISIONS = ("highest", "high", "medium")


class _State:
    deterministic = 0  # an index into _MODES
    interop_threads = 1
    warn_always = False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Demand that a program run twice gives the same bits.

    Every algorithm here does so at any setting, on any number of threads, but one: on CUDA single floats are added
    at indices (`scatter_add`, `index_add`) in the order in which threads come. Demanded, their indices are sorted, which
    takes longer. Nothing is ever refused or warned of, and nothing else becomes slower, but for `empty` and its
    like: they fill their memory, with NaN or the largest integer, unless
    `utils.deterministic.fill_uninitialized_memory` is False.

    Args:
        mode: Is it demanded?
        warn_only: Would a warning do where it cannot be honoured?

    Source: torch.use_deterministic_algorithms

    Example:
        >>> import flambeau as torch
        >>> torch.use_deterministic_algorithms(True)
        >>> torch.are_deterministic_algorithms_enabled()
        True
        >>> torch.use_deterministic_algorithms(False)
    """
    _State.deterministic = (1 if warn_only else 2) if mode else 0
    determinism.demanded = _State.deterministic > 0
    unset.demand(determinism.demanded)


def are_deterministic_algorithms_enabled() -> bool:
    """Was determinism demanded?

    Source: torch.are_deterministic_algorithms_enabled
    """
    return _State.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Was it demanded with ``warn_only=True``?

    Source: torch.is_deterministic_algorithms_warn_only_enabled
    """
    return _State.deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same demand as a number or a name: "default", "warn" or "error".

    Raises:
        TypeError: Neither a number nor a name.
        RuntimeError: Another number or name.

    Source: torch.set_deterministic_debug_mode
    """
    mode: Any = debug_mode
    if not isinstance(mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(mode)}")
    if mode not in (*_MODES, 0, 1, 2):
        expected = "`default`, `warn`, `error`" if isinstance(mode, str) else "0, 1, or 2"
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of {expected}, but got {mode}"
        )
    _State.deterministic = _MODES.index(mode) if isinstance(mode, str) else int(mode)
    determinism.demanded = _State.deterministic > 0
    unset.demand(determinism.demanded)


def get_deterministic_debug_mode() -> int:
    """0, 1 (warn) or 2 (error).

    Source: torch.get_deterministic_debug_mode
    """
    return _State.deterministic


def set_float32_matmul_precision(precision: str) -> None:
    """How much precision float32 products may lose: "highest" (none), "high" or "medium".

    It is a permission. On a CPU no product loses any; on a GPU "high" and "medium" let tensor cores round the factors to
    11 significant bits (TF32).

    Raises:
        RuntimeError: Another word.

    Source: torch.set_float32_matmul_precision
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(
            f"invalid float32 matmul precision {precision!r}: expected one of {_PRECISIONS}"
        )
    from .kernels.cuda.matmul.precision import precision as permission

    permission.float32 = precision


def get_float32_matmul_precision() -> str:
    """The precision that float32 products have at least.

    Source: torch.get_float32_matmul_precision
    """
    from .kernels.cuda.matmul.precision import precision

    return precision.float32


def set_num_interop_threads(num_threads: int) -> None:
    """The largest number of operations that may run at once.

    Operations run one after another here, each on `get_num_threads` threads, so any limit is kept.

    Raises:
        RuntimeError: Less than 1.

    Source: torch.set_num_interop_threads
    """
    if num_threads < 1:
        raise RuntimeError(f"expected a positive number of threads, but got {num_threads}")
    _State.interop_threads = int(num_threads)


def get_num_interop_threads() -> int:
    """The largest number of operations that may run at once.

    Source: torch.get_num_interop_threads
    """
    return _State.interop_threads


def set_warn_always(b: bool, /) -> None:
    """Ask for warnings each time, where PyTorch gives some of them once.

    Here each is given each time at any setting, and Python's filters say which are shown.

    Source: torch.set_warn_always
    """
    _State.warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """Was that asked for?

    Source: torch.is_warn_always_enabled
    """
    return _State.warn_always


def set_flush_denormal(mode: bool, /) -> bool:
    """Ask for numbers below the smallest normal one to become 0.

    Returns: Is it as asked? They are kept, so only False can be honoured.

    Source: torch.set_flush_denormal

    Example:
        >>> import flambeau as torch
        >>> torch.set_flush_denormal(True)
        False
        >>> (torch.tensor([1e-40]) * 1).item() > 0
        True
    """
    return not mode
