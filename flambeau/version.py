"""What this installation is, under the names of ``torch.version``, and flambeau's own version.

``__version__`` starts with the PyTorch release whose API flambeau follows, so that programs
which check ``torch.__version__`` take the right branch. flambeau's own version is ``flambeau``:

    >>> import flambeau
    >>> flambeau.__version__ == f"{flambeau.version.torch}+flambeau.{flambeau.version.flambeau}"
    True
"""

from __future__ import annotations

from flambeau import _version
from flambeau.torch_version import __version__ as _torch_version

__all__ = ["__version__", "cuda", "debug", "flambeau", "hip", "rocm", "torch", "xpu"]

__version__: str = str(_torch_version)
flambeau: str = _version.__version__
torch: str = _version.TORCH_API
debug: bool = False
cuda: str | None = None
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
