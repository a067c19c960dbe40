"""Settings of PyTorch's compiler of Python code; see `compiler.config`."""

from __future__ import annotations

from typing import Any

from ..compiler.config import Settings

CONFIG = Settings(
    "torch._dynamo.config",
    accumulated_cache_size_limit=256,
    accumulated_recompile_limit=256,
    allow_ignore_mark_dynamic=False,
    allow_rnn=False,
    allow_unspec_int_on_nn_module=False,
    assume_static_by_default=True,
    automatic_dynamic_shapes=True,
    cache_size_limit=8,
    capture_dynamic_output_shape_ops=False,
    capture_func_transforms=True,
    capture_scalar_outputs=False,
    compiled_autograd=False,
    disable=False,
    do_not_emit_runtime_asserts=False,
    dynamic_shapes=True,
    enable_compiler_collectives=False,
    error_on_nested_fx_trace=True,
    error_on_recompile=False,
    fail_on_cache_limit_hit=False,
    fail_on_recompile_limit_hit=False,
    force_parameter_static_shapes=True,
    guard_nn_modules=True,
    inline_inbuilt_nn_modules=True,
    log_compilation_metrics=True,
    optimize_ddp=True,
    recompile_limit=8,
    report_guard_failures=True,
    skip_fwd_side_effects_in_bwd_under_checkpoint=False,
    skip_nnmodule_hook_guards=True,
    specialize_float=False,
    specialize_int=False,
    suppress_errors=False,
    traceable_tensor_subclasses=set(),
    verbose=False,
)


def __getattr__(name: str) -> Any:
    return getattr(CONFIG, name)
