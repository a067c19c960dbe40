"""Hooks: the handles that registering gives, and what stands around a module's backward.

Source: torch.utils.hooks
"""

from __future__ import annotations

from ..autograd.hook import unserializable_hook, warn_if_has_hooks
from ..autograd.node import RemovableHandle
from ..nn.hook import BackwardHook

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]
