"""Imports every family of operations, which fills the registry; those of `late` load when asked for."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from . import __path__ as _folder
from .late import LATE

NOT_AT_IMPORT = {*LATE, "dlpack", "attention_head", "convolution_check", "export", "window"}

for _module in pkgutil.iter_modules(_folder):
    if _module.name not in NOT_AT_IMPORT:
        import_module(f".{_module.name}", __package__)
