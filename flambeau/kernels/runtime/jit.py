"""The machine: LLVM for this processor.

A kernel's key on disk is its own text with all else that its machine code depends on: the processor, LLVM and how it is
told to optimise, and the version of flambeau, whose table of addresses the code reads.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from functools import cached_property
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from ..._version import __version__
from ..llvm import target
from ..llvm.processor import is_arm
from . import layout, pool, pool_kernel
from .disk import disk
from .pool import Pool, usable_processors

PASSES = ("always_inliner", "sroa", "jump_threading", "instruction_combine", "simplify_cfg")
"""What LLVM does to a module.

Loops, vectors and registers are as their writers want them: more than this (LLVM's second level takes nine times as long)
made no kernel faster. The order matters: branches that are made selects before jumps are threaded cost a sort a half.
"""


class Machine:
    """Compiles text and keeps the results alive. Made once, by `process.machine`."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.processor, self.features = target.chosen()
        self.target = llvm.Target.from_default_triple().create_target_machine(
            cpu=self.processor, features=self.features.flatten(), opt=2
        )
        empty = llvm.parse_assembly("")
        self.engine = llvm.create_mcjit_compiler(empty, self.target)
        layout.fill_table()
        self.compiled = self.loaded = 0
        self.lock = threading.Lock()
        self.addresses: dict[str, int] = {}

    @cached_property
    def bits(self) -> int:
        """The width of vectors."""
        if self.features.get("avx512f") and self.features.get("avx512bw"):
            return 512
        return 256 if self.features.get("avx2") else 128

    @cached_property
    def has_half(self) -> bool:
        """Does it convert between float16 and float32?"""
        return bool(self.features.get("f16c")) or is_arm()

    @cached_property
    def versions(self) -> str:
        """What a cached object depends on besides its text."""
        return "\n".join(
            (
                __version__, llvmlite.__version__, self.target.triple, self.processor,
                self.features.flatten(), str(layout.INDEX), str(PASSES),
            )
        )  # fmt: skip

    @cached_property
    def group(self) -> str:
        """Kernels that one kind of process can use: the cache bounds each group on its own."""
        return hashlib.sha256(self.versions.encode()).hexdigest()[:8]

    def address(self, text: str) -> int:
        """Compile a module whose entry point is called @SYMBOL, and give the address of that."""
        with self.lock:
            return self._address(text)

    def symbol(self, text: str) -> str:
        """The name that a module's SYMBOL gets."""
        digest = hashlib.sha256(f"{text}\n{self.versions}".encode()).hexdigest()
        return f"flambeau_{digest[:32]}"

    def _address(self, text: str) -> int:
        symbol = self.symbol(text)
        key = symbol.removeprefix("flambeau_")
        if key in self.addresses:
            return self.addresses[key]
        file = f"{self.group}-{key}"
        image = disk.read(file)
        if image is None:
            image = self.compile(text.replace("SYMBOL", symbol))
            disk.write(file, image)
            self.compiled += 1
        else:
            self.loaded += 1
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(image))
        self.engine.finalize_object()
        variable = self.engine.get_global_value_address(f"runtime_{symbol}")
        ctypes.c_void_p.from_address(variable).value = ctypes.addressof(layout.TABLE)
        found = self.addresses[key] = self.engine.get_function_address(symbol)
        return found

    def start_pool(self) -> None:
        """Threads for large arrays, where the system has POSIX ones."""
        if pool.is_possible():
            text = pool_kernel.text()
            run = self.address(text)
            helper, poll = (
                self.engine.get_function_address(f"{name}_{self.symbol(text)}")
                for name in ("helper", "poll")
            )
            self.pool = Pool(run, helper, poll)
            self.pool.resize(usable_processors())
            os.register_at_fork(after_in_child=self.pool.begin)
            # A child of a fork in the midst of a compilation would wait for a thread that it has not.
            release = self.lock.release
            os.register_at_fork(
                before=self.lock.acquire, after_in_parent=release, after_in_child=release
            )

    def compile(self, text: str) -> bytes:
        """Machine code for a module. It is verified first: LLVM aborts the process on invalid input."""
        module = llvm.parse_assembly(text)
        module.verify()
        self.optimise(module, text)
        return self.target.emit_object(module)

    def optimise(self, module: Any, text: str) -> None:
        for function in module.functions:
            if is_inlined(function, text):
                function.add_function_attribute("alwaysinline")
        passes = llvm.create_new_module_pass_manager()
        for name in PASSES:
            getattr(passes, f"add_{name}_pass")()
        passes.run(
            module, llvm.create_pass_builder(self.target, llvm.create_pipeline_tuning_options())
        )

    def assembly(self, text: str) -> str:
        """The assembly of a module, to look at."""
        module = llvm.parse_assembly(text)
        module.verify()
        self.optimise(module, text)
        return self.target.emit_assembly(module)


def is_inlined(function: Any, text: str) -> bool:
    """Is it the module's own, called from one place, and not to stand alone?"""
    if function.is_declaration or function.linkage is not llvm.Linkage.internal:
        return False
    alone = any(b"noinline" in attributes for attributes in function.attributes)
    return not alone and text.count(f"@{function.name}(") == 2
