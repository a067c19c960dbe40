"""The processor that LLVM compiles for: the host's own, or the one that FLAMBEAU_CPU names; and its features."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from .processor import is_x86, kind


@cache
def chosen() -> tuple[str, Any]:
    """LLVM's name of the processor to compile for, and its features.

    FLAMBEAU_CPU names an older processor than there is: its features are those that the host has too.

    Raises:
        ValueError: LLVM does not know that name.
    """
    host = llvm.get_host_cpu_features()
    name = os.environ.get("FLAMBEAU_CPU")
    if not name:
        return llvm.get_host_cpu_name(), host
    known = names()
    if known and name not in known:
        close = difflib.get_close_matches(name, known, 3) or sorted(known)[:3]
        raise ValueError(
            f"FLAMBEAU_CPU={name} is no processor that LLVM knows for {kind()}; similar names are {', '.join(close)}. "
            "'python -c \"from flambeau.kernels.llvm import target; print(*sorted(target.names()))\"' lists all; "
            f"unset the variable to compile for this processor, {llvm.get_host_cpu_name()}"
        )
    found = common(name, host)
    return name, type(host)({feature: feature in found for feature in host})


def names() -> set[str]:
    """The processors that LLVM knows for this kind; empty where it does not say."""
    listed = _heard(lambda: _target().create_target_machine(cpu="help"))
    lines = listed.partition("features for this target")[0].splitlines()
    return {line.split()[0] for line in lines if " - Select the " in line}


def common(name: str, host: Any) -> set[str]:
    """Those of the host's features that a processor has.

    LLVM has no function that tells. But it inlines a function only where all features of that function are there: so
    each of many functions demands one more feature, and those that are left were not inlined.
    """
    wanted = [feature for feature, there in host.items() if there]
    base = ",".join(["+64bit"] * is_x86() + [f"-{f}" for f in host if f not in wanted])
    attributes = '{{ "target-cpu"="{}" "target-features"="{}" }}'.format
    text = ["@place = global i32 0", f"attributes #0 = {attributes(name, base)}"]
    for i, feature in enumerate(wanted):
        text += [
            f'define internal void @"{feature}"() #{i + 1} {{',
            f"  store volatile i32 {i}, ptr @place\n  ret void\n}}",
            f"attributes #{i + 1} = {attributes(name, f'{base},+{feature}')}",
        ]
    calls = "".join(f'  call void @"{feature}"()\n' for feature in wanted)
    text.append(f"define void @all() #0 {{\n{calls}  ret void\n}}")
    module = llvm.parse_assembly("\n".join(text))
    target = _target().create_target_machine(cpu=name, features=base, opt=2)
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    return set(wanted) - {function.name for function in module.functions}


def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def _heard(function: Callable[[], Any]) -> str:
    """What a function writes to the process's standard error, past Python."""
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                function()
            finally:
                os.dup2(kept, 2)
            file.seek(0)
            return file.read().decode(errors="replace")
    finally:
        os.close(kept)
