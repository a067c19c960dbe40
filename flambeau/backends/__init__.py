"""Libraries that PyTorch runs on, and what of them is there: facts, and switches that change no result."""

from __future__ import annotations

from .._lazy import attach as _attach

__getattr__, __dir__ = _attach(
    __name__,
    (
        *("attention", "cpu", "cuda", "cudnn", "cusparselt", "mkl", "mkldnn", "mps", "nnpack"),
        *("openmp", "opt_einsum", "quantized", "xnnpack"),
    ),
    title="torch.backends",
)

fp32_precision = "none"
"""How exactly matrix products of float32 are made: "none" says that no library chooses otherwise."""
