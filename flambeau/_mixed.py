"""What is said where flambeau and PyTorch meet in one program without anybody having chosen between them.

``import flambeau as torch`` gives one module another name. It does not tell Python's imports what ``torch`` is: a
later ``import torch.nn`` looks for PyTorch.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FrameType, MethodDescriptorType
from typing import Any

ADVICE = (
    "let `import torch` mean flambeau in the whole program: start it with `python -m flambeau run`, or call "
    "flambeau.compat.install() before the first `import torch`"
)


stand_ins: list[Any] = []
"""What lets `import torch` mean flambeau at present, if anything does (see `compat`): no class is PyTorch's then."""


class Explaining:
    """A last finder of modules: it finds nothing, and says so in a way that helps where PyTorch is not installed."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        """Raises ModuleNotFoundError for an import of torch that no other finder has answered."""
        if name.partition(".")[0] != "torch" or is_asked(sys._getframe(1)):
            return
        raise ModuleNotFoundError(
            f"No module named {name!r}: PyTorch is not installed, and `import flambeau as torch` gives its new name "
            f"to one module only. To use flambeau for it, {ADVICE}",
            name=name,
        )


def is_asked(frame: FrameType | None) -> bool:
    """Is a finder called for `importlib.util.find_spec`, and not for an import?"""
    while frame is not None and frame.f_globals.get("__name__") == "importlib._bootstrap":
        if frame.f_code.co_name == "_find_and_load":
            return False
        frame = frame.f_back
    return True


def is_pytorchs(item: Any) -> bool:
    """Is a class or function PyTorch's own? Under another name ours are found in `flambeau`."""
    return not stand_ins and (getattr(item, "__module__", None) or "").partition(".")[0] == "torch"


def described(cls: type) -> str:
    """PyTorch's class of tensors, for messages, with what to do."""
    return (
        f"the {cls.__name__} of PyTorch: two libraries are mixed here. Take it over with "
        f"flambeau.from_dlpack(x.detach()), or {ADVICE}"
    )


def refuse(func: Any) -> None:
    """Raises TypeError if a function of PyTorch asks what to do with a tensor of ours."""
    if is_pytorchs(func) or isinstance(func, (BuiltinFunctionType, MethodDescriptorType)):
        raise TypeError(
            f"{getattr(func, '__name__', func)}() of PyTorch was given a tensor of flambeau: two libraries are mixed "
            f"here. Take it over with torch.from_dlpack(x.detach()), or {ADVICE}"
        )


def explain_imports() -> None:
    """Let failed imports of torch say what to do."""
    sys.meta_path.append(Explaining())  # type: ignore[arg-type]
