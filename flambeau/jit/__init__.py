"""TorchScript's names: functions and modules under its classes, which run Python's code.

There is no TorchScript here. `script` and `trace` give objects of its classes, which programs test for and save;
a file holds the graph that `torch.fx` finds.

Source: torch.jit
"""

from __future__ import annotations

from typing import Final

from .._lazy import attach
from ._state import is_scripting, is_tracing

_NAMES = {
    **dict.fromkeys(
        (
            *("Attribute", "annotate", "enable_onednn_fusion", "export", "fuser", "ignore"),
            *("interface", "isinstance", "onednn_fusion_enabled", "optimized_execution"),
            *("set_fusion_strategy", "strict_fusion", "unused"),
            *("_drop", "_overload", "_overload_method", "_unwrap_optional"),
        ),
        "_mark",
    ),
    **dict.fromkeys(
        (
            *("CompilationUnit", "Error", "RecursiveScriptClass", "RecursiveScriptModule"),
            *("ScriptFunction", "ScriptModule", "ScriptWarning", "_script_if_tracing"),
            "export_opnames",
            *("script", "script_if_tracing", "script_method"),
        ),
        "_script",
    ),
    **dict.fromkeys(
        (
            *("TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError"),
            *("trace", "trace_module"),
        ),
        "_trace",
    ),
    **dict.fromkeys(("Future", "_fork", "_wait", "fork", "wait"), "_async"),
    **dict.fromkeys(("freeze", "optimize_for_inference", "run_frozen_optimizations"), "_freeze"),
    **dict.fromkeys(("load", "save"), "_serialization"),
}
__all__ = ["Final", "is_scripting", "is_tracing", *sorted(n for n in _NAMES if n[0] != "_")]
__getattr__, __dir__ = attach(__name__, None, _NAMES, "torch.jit")
