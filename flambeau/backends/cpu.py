"""What the processor can do."""

from __future__ import annotations

from .. import kernels


def get_cpu_capability() -> str:
    """The widest instructions that kernels are written for: "AVX512", "AVX2" or "DEFAULT".

    Source: torch.backends.cpu.get_cpu_capability

    Example:
        >>> import flambeau as torch
        >>> torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
        True
    """
    if not kernels.enabled():
        return "DEFAULT"
    bits = kernels.runtime.process.machine().bits
    return {512: "AVX512", 256: "AVX2"}.get(bits, "DEFAULT")
