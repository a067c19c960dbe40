"""PTX, the language that a GPU's driver takes, of LLVM's text; kept on disk.

LLVM makes it for any GPU, whether or not one is here. What a text becomes on a GPU, its driver decides: it compiles PTX for
the processor that is there, and keeps that in a cache of its own.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from ..._version import __version__
from ..runtime.disk import disk

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities, ten times, that LLVM is asked for; a GPU between two takes the text of the lower one."""
_OPTIONS = ("loop_vectorization", "slp_vectorization", "loop_unrolling")


@cache
def _target(architecture: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = llvm.Target.from_triple("nvptx64-nvidia-cuda")
    return found.create_target_machine(cpu=architecture, opt=2)


def architecture(capability: tuple[int, int]) -> str:
    """LLVM's name of the processor for a GPU of this compute capability, (9, 0) for "sm_90".

    Raises:
        RuntimeError: The GPU is older than any that code is made for.
    """
    number = capability[0] * 10 + capability[1]
    fits = [known for known in ARCHITECTURES if known <= number]
    if not fits:
        raise RuntimeError(
            f"this GPU has compute capability {capability[0]}.{capability[1]}, and kernels need 7.5 or more "
            "(GeForce 20, Tesla T4 and later): use the CPU here"
        )
    return f"sm_{fits[-1]}"


def assembly(text: str, architecture: str = "sm_80") -> str:
    """A module's PTX. Nothing allows fast arithmetic, so quotients and roots are rounded right."""
    facts = f"{text}\n{__version__} {llvmlite.__version__} {architecture}"
    key = f"ptx-{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
    kept = disk.read(key)
    if kept is not None:
        return kept.decode()
    made = _assembled(text, architecture)
    disk.write(key, made.encode())
    return made


def _assembled(text: str, architecture: str) -> str:
    target = _target(architecture)
    head = f'target triple = "{target.triple}"\ntarget datalayout = "{target.target_data}"\n'
    module = llvm.parse_assembly(head + text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    for name in _OPTIONS:
        setattr(options, name, False)
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return str(target.emit_assembly(module))


__all__ = ["ARCHITECTURES", "architecture", "assembly"]
