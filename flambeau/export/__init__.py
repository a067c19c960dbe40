"""Modules as graphs of one call, with their parameters as arguments, and what the arguments are.

Source: torch.export
"""

from __future__ import annotations

from typing import Any

from .._lazy import attach

_NAMES = {
    **dict.fromkeys(
        ("AdditionalInputs", "Constraint", "Dim", "ShapesCollection", "dims"),
        "_dims",
    ),
    **dict.fromkeys(("draft_export", "export"), "_trace"),
    **dict.fromkeys(("load", "save"), "_serialization"),
    **dict.fromkeys(("ExportBackwardSignature", "ExportGraphSignature"), "graph_signature"),
    **dict.fromkeys(
        (
            *("CustomDecompTable", "ExportedProgram", "ModuleCallEntry", "ModuleCallSignature"),
            "default_decompositions",
        ),
        "exported_program",
    ),
    **dict.fromkeys(("FlatArgsAdapter", "UnflattenedModule"), "_unflatten"),
}
__all__ = sorted([*_NAMES, "register_dataclass", "unflatten"])
_load, _listed = attach(__name__, None, _NAMES, "torch.export")


def __getattr__(name: str) -> Any:
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*_listed(), *__all__})


def unflatten(module: Any, flat_args_adapter: Any = None) -> Any:
    """A module of an exported program, with parameters of its own.

    Args:
        module: The program.
        flat_args_adapter: Turns arguments of other nestings into those of the program.

    Source: torch.export.unflatten
    """
    from . import _unflatten

    return _unflatten.unflatten(module, flat_args_adapter)


def register_dataclass(cls: type, *, serialized_type_name: str | None = None) -> None:
    """Let a dataclass be an argument or a result: its fields are the leaves.

    Source: torch.export.register_dataclass
    """
    from ..utils import _pytree as pytree

    pytree.register_dataclass(cls)
