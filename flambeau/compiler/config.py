"""Settings of PyTorch's compiler: known names that can be set, read and patched.

No graph is made here, so they change nothing. A name that PyTorch does not know is refused, as there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Settings:
    """Settings by name.

    Args:
        title: The module of PyTorch's that holds them.
        defaults: Their values.
    """

    def __init__(self, title: str, **defaults: Any) -> None:
        vars(self)["_title"], vars(self)["_values"] = title, dict(defaults)

    def __getattr__(self, name: str) -> Any:
        try:
            return vars(self)["_values"][name]
        except KeyError:
            raise AttributeError(f"{vars(self).get('_title')}.{name} does not exist") from None

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)
        vars(self)["_values"][name] = value

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *vars(self)["_values"]]

    def patch(self, arg1: Any = None, arg2: Any = None, **kwargs: Any) -> Patch:
        """Other values inside a ``with``, or in a function: by name and value, by a dict, or by keywords."""
        changes = {arg1: arg2} if isinstance(arg1, str) else dict(arg1 or {}, **kwargs)
        for name in changes:
            getattr(self, name)
        return Patch(self, changes)

    def get_config_copy(self) -> dict[str, Any]:
        """All values by name."""
        return dict(vars(self)["_values"])

    def load_config(self, values: dict[str, Any]) -> None:
        """Set all these."""
        for name, value in values.items():
            setattr(self, name, value)


class Patch:
    """A context manager and decorator: other values of settings inside."""

    def __init__(self, settings: Settings, changes: dict[str, Any]) -> None:
        self.settings, self.changes = settings, changes
        self.before: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self.before.append({name: getattr(self.settings, name) for name in self.changes})
        self.settings.load_config(self.changes)

    def __exit__(self, *exception: object) -> None:
        self.settings.load_config(self.before.pop())

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def patched(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return patched


CONFIG = Settings(
    "torch.compiler.config",
    job_id=None,
    dynamic_sources="",
    unbacked_sources="",
    force_disable_caches=False,
    cpu_only=False,
    enable_guard_collectives=False,
    wrap_inline_fallback=False,
)
