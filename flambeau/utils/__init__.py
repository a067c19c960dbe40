"""Utilities under torch's names: data, checkpoint, benchmark, hooks and more, each loaded when asked for."""

from .._lazy import attach as _attach

__getattr__, __dir__ = _attach(
    __name__, None, {"set_module": "_module_name", "swap_tensors": "swap"}, "torch.utils"
)
