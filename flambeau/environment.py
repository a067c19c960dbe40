"""The facts that ``python -m flambeau`` prints: what flambeau runs on, for bug reports.

Each section is a function that returns rows of a label and what was found. A library that is
only reported on is looked up in its metadata rather than imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import numpy

from flambeau import _version
from flambeau.core.device import backends

__all__ = ["report"]

Rows = Iterable[tuple[str, str]]

_LIBRARIES = ("numpy", "ml_dtypes", "llvmlite", "safetensors", "tqdm")
_CUPY_WHEELS = ("cupy-cuda13x", "cupy-cuda12x", "cupy")
_CUDA_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
# What decides how fast vector code can be, in LLVM's spelling.
_VECTOR_FEATURES = (
    *("sse4.2", "avx", "avx2", "fma", "f16c"),
    *("avx512f", "avx512bw", "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16"),
    *("amx-tile", "amx-int8", "amx-bf16"),
    *("neon", "dotprod", "fullfp16", "bf16", "sve", "sve2", "sme"),
)


def report() -> str:
    """The environment as text, a section per subject.

    Example:
        >>> from flambeau import environment
        >>> environment.report().splitlines()[0]
        'flambeau'
    """
    return "\n\n".join(_format(title, rows()) for title, rows in _SECTIONS.items())


def _format(title: str, rows: Rows) -> str:
    return "\n".join([title, *(f"  {label:<14}{value}" for label, value in rows)])


def _flambeau() -> Rows:
    yield "version", _version.__version__
    yield "follows", f"PyTorch {_version.TORCH_API}"
    yield "location", str(Path(__file__).parent)


def _python() -> Rows:
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    for name in _LIBRARIES:
        yield name, _installed(name) or "not installed"
    blas = numpy.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    yield "NumPy's BLAS", f"{blas.get('name', 'unknown')} {blas.get('version', '')}".rstrip()


def _processor() -> Rows:
    yield "model", _processor_model()
    yield "usable CPUs", str(_usable_cpus())
    try:
        llvm = importlib.import_module("llvmlite.binding")
    except ImportError as error:
        yield "features", f"unknown (llvmlite cannot be imported: {error})"
        return
    features = llvm.get_host_cpu_features()
    yield "LLVM target", llvm.get_host_cpu_name()
    yield "features", " ".join(f for f in _VECTOR_FEATURES if features.get(f)) or "none known"
    if os.environ.get("FLAMBEAU_CPU"):
        yield (
            "FLAMBEAU_CPU",
            f"{os.environ['FLAMBEAU_CPU']}, which kernels are compiled for instead",
        )


def _execution() -> Rows:
    from . import kernels

    try:
        kernels.enabled()
    except ValueError as error:  # FLAMBEAU_CPU names no processor
        yield "kernels", f"none: {error}"
        return
    yield from _kernels()
    from .kernels.runtime import pool

    alone = kernels.enabled() and not pool.is_possible()
    note = ", as kernels need POSIX threads for more; NumPy's matrix products have their own"
    yield "threads", f"{kernels.get_num_threads()}{note if alone else ''}"
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        if variable in os.environ:
            yield "", f"{variable}={os.environ[variable]}"


def _kernels() -> Rows:
    from . import kernels

    if not kernels.enabled():
        yield "kernels", f"off, formulas are evaluated with NumPy: {kernels.why_off()}"
        return
    from .kernels.runtime.disk import disk
    from .kernels.runtime.process import machine

    yield "kernels", f"native, vectors of {machine().bits} bits"
    if disk.folder is None:
        yield (
            "kernel cache",
            "none, as there is no home folder; FLAMBEAU_CACHE_DIR may name another",
        )
        return
    sizes = [size for _, size, path in disk.files() if path.endswith(".o")]
    yield "kernel cache", f"{disk.folder}: {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB"


def _cuda() -> Rows:
    backend = backends.find("cuda")
    count = 0 if backend is None or not backend.is_available() else backend.device_count()
    found = f'{count} device(s) "cuda"' if count else 'no device "cuda"'
    if count:
        from flambeau.kernels.cuda import driver  # which needs llvmlite, as the devices do

        if driver.is_simulated():
            found += ", simulated: FLAMBEAU_CUDA_SIMULATOR is set, so NumPy stands in for a GPU"
    yield "flambeau", found
    wheels = (f"{name} {_installed(name)}" for name in _CUPY_WHEELS if _installed(name))
    yield "CuPy", next(wheels, "not installed")
    yield "driver", _cuda_driver()


_SECTIONS: dict[str, Callable[[], Rows]] = {
    "flambeau": _flambeau,
    "Python": _python,
    "processor": _processor,
    "execution": _execution,
    "CUDA": _cuda,
}


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _usable_cpus() -> int:
    """Those this process may run on, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_model() -> str:
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return platform.processor() or platform.machine()


def _cuda_driver() -> str:
    """Ask the CUDA driver itself, through its C interface: no toolkit and no CuPy needed."""
    for name in _CUDA_DRIVERS:
        with contextlib.suppress(OSError):
            driver = ctypes.CDLL(name)
            break
    else:
        return "not found"
    status = driver.cuInit(0)
    if status != 0:
        return f"found, but cuInit failed with status {status}"
    version, devices = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    driver.cuDeviceGetCount(ctypes.byref(devices))
    major, minor = version.value // 1000, version.value % 1000 // 10
    return f"supports CUDA {major}.{minor}; {devices.value} device(s)"
