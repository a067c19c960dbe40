"""The machine: LLVM for this processor, and the cache of compiled kernels on disk.

A kernel's key is its own text with the processor and the versions; the cache holds object files that only their
user can write, each with its digest, so that a truncated or foreign file is compiled again and not loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import tempfile
import threading
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from ..llvm import target
from ..llvm.processor import is_arm
from . import layout, pool, pool_kernel
from .pool import Pool, usable_processors

LIMIT = 256 << 20
"""Bytes of the cache on disk; the files used longest ago go first."""


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
                llvmlite.__version__, self.target.triple, self.processor, self.features.flatten(),
                str(layout.INDEX),
            )
        )  # fmt: skip

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
        image = disk.read(key)
        if image is None:
            image = self.compile(text.replace("SYMBOL", symbol))
            disk.write(key, image)
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
            helper = self.engine.get_function_address(f"helper_{self.symbol(text)}")
            self.pool = Pool(run, helper)
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
        self.optimise(module)
        return self.target.emit_object(module)

    def optimise(self, module: Any) -> None:
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = False  # vectors are explicit
        options.loop_unrolling = False
        builder = llvm.create_pass_builder(self.target, options)
        builder.getModulePassManager().run(module, builder)

    def assembly(self, text: str) -> str:
        """The assembly of a module, to look at."""
        module = llvm.parse_assembly(text)
        module.verify()
        self.optimise(module)
        return self.target.emit_assembly(module)


class Disk:
    """The cache folder: FLAMBEAU_CACHE_DIR, or flambeau in the user's cache folder."""

    def __init__(self) -> None:
        self.checked: dict[Path, bool] = {}

    @property
    def folder(self) -> Path | None:
        """None where there is none: a user without a home has no cache."""
        given = os.environ.get("FLAMBEAU_CACHE_DIR")
        if given:
            return Path(given)
        if os.name == "nt":
            local = os.environ.get("LOCALAPPDATA")
            return Path(local) / "flambeau" / "cache" if local else None
        base = os.environ.get("XDG_CACHE_HOME")
        if base:
            return Path(base) / "flambeau"
        try:
            return Path.home() / ".cache" / "flambeau"
        except RuntimeError:
            return None

    def _private(self) -> Path | None:
        """The folder, if it may be used."""
        folder = self.folder
        return folder if folder is not None and self.usable(folder) else None

    def usable(self, folder: Path) -> bool:
        """Is it a folder that only its user can write? Anybody else could plant code in it."""
        found = self.checked.get(folder)
        if found is None:
            found = self.checked[folder] = self._inspect(folder)
        return found

    def _inspect(self, folder: Path) -> bool:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = os.lstat(folder)
        except OSError:
            return False
        if stat.S_ISDIR(facts.st_mode) and is_private(folder, facts):
            self._shrink(folder)
            return True
        import warnings

        how = (
            f"it is not within {Path.home()}"
            if os.name == "nt"
            else f"it can be written by others than its user; 'chmod go-w {folder}'"
        )
        warnings.warn(
            f"compiled kernels are not cached in {folder}: {how} "
            "or set FLAMBEAU_CACHE_DIR to a folder of your own",
            RuntimeWarning,
            stacklevel=2,
        )
        return False

    def read(self, key: str) -> bytes | None:
        folder = self._private()
        if folder is None:
            return None
        try:
            content = (folder / f"{key}.o").read_bytes()
        except OSError:
            return None
        digest, image = content[:32], content[32:]
        return image if hashlib.sha256(key.encode() + image).digest() == digest else None

    def write(self, key: str, image: bytes) -> None:
        """Written aside and moved into place, so that another process sees all of it or nothing."""
        folder = self._private()
        if folder is None:
            return
        try:
            handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(key.encode() + image).digest() + image)
            os.replace(name, folder / f"{key}.o")
        except OSError:
            return  # a full or read-only disk: the kernel works all the same

    def files(self) -> list[tuple[float, int, str]]:
        """When each was read last, its size, and where it is."""
        folder = self._private()
        return [] if folder is None else _files(folder)

    def _shrink(self, folder: Path) -> None:
        """Remove what was not read for longest, down to half the limit, when it is exceeded."""
        files = _files(folder)
        total = sum(size for _, size, _ in files)
        if total <= LIMIT:
            return
        for _, size, path in sorted(files):
            if total <= LIMIT // 2:
                break
            try:
                os.unlink(path)
                total -= size
            except OSError:
                continue


def _files(folder: Path) -> list[tuple[float, int, str]]:
    """Other processes remove files meanwhile, and move new ones into their place."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    facts = entry.stat()
                    if stat.S_ISREG(facts.st_mode):
                        found.append((facts.st_atime, facts.st_size, entry.path))
    except OSError:
        return []  # a folder that cannot be listed is not made smaller
    return found


def is_private(folder: Path, facts: os.stat_result) -> bool:
    """Can nobody but the user write to it?"""
    if os.name == "nt":
        return is_within_profile(folder)
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_within_profile(folder: Path) -> bool:
    """Is it within the user's own folder? Windows lets no other user write there, unless that user allows it; and
    keeps its rights where Python does not see them.
    """
    return folder.resolve().is_relative_to(Path.home().resolve())


disk = Disk()
