"""Names of PyTorch's generator of kernels that programs look for; flambeau's own is `kernels`.

Source: torch._inductor
"""

from __future__ import annotations

from typing import Any

from .compiler import cudagraph_mark_step_begin
from .compiler.config import Settings

__all__ = ["config", "cudagraph_mark_step_begin", "list_mode_options", "list_options"]

config = Settings(
    "torch._inductor.config",
    allow_buffer_reuse=True,
    aggressive_fusion=False,
    benchmark_kernel=False,
    compile_threads=1,
    conv_1x1_as_mm=False,
    coordinate_descent_check_all_directions=False,
    coordinate_descent_tuning=False,
    cpp_wrapper=False,
    debug=False,
    emulate_precision_casts=False,
    epilogue_fusion=True,
    fallback_random=False,
    force_disable_caches=False,
    freezing=False,
    fx_graph_cache=True,
    fx_graph_remote_cache=None,
    max_autotune=False,
    max_autotune_gemm=False,
    reorder_for_compute_comm_overlap=False,
    shape_padding=True,
    size_asserts=True,
    split_reductions=True,
    worker_start_method="subprocess",
)
_MODES: dict[str, dict[str, bool]] = {
    "default": {},
    "reduce-overhead": {"triton.cudagraphs": True},
    "max-autotune-no-cudagraphs": {"max_autotune": True, "coordinate_descent_tuning": True},
    "max-autotune": {
        "max_autotune": True,
        "triton.cudagraphs": True,
        "coordinate_descent_tuning": True,
    },
}


def list_mode_options(mode: str | None = None, dynamic: bool | None = None) -> dict[str, Any]:
    """What each `mode` of `torch.compile` would set.

    Raises:
        RuntimeError: An unknown mode.

    Source: torch._inductor.list_mode_options
    """
    if mode is None:
        return dict(_MODES)
    if mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    return _MODES[mode]


def list_options() -> list[str]:
    """The names that `options` of `torch.compile` may set.

    Source: torch._inductor.list_options
    """
    return sorted(config.get_config_copy())
