"""What `library.custom_op` gives: an operation, which takes its gradient, fake and kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .definition import DEFINITIONS, Definition
from .schema import parse_schema


def _setting(put: Callable[[Callable], object], function: Callable | None) -> Any:
    """Put a function somewhere, now or as a decorator."""

    def decorated(given: Callable) -> Callable:
        put(given)
        return given

    return decorated if function is None else decorated(function)


class CustomOpDef:
    """An operation that a Python function became; called like it.

    Source: torch.library.CustomOpDef
    """

    def __init__(self, name: str, schema: str, function: Callable, tags: Any = None) -> None:
        namespace, colons, rest = name.partition("::")
        if not colons or not namespace or not rest:
            raise ValueError(
                f"{name!r}: an operation's name has a namespace, write it as 'namespace::name'"
            )
        if "." in rest:
            raise ValueError(
                f"custom_op(..., name={name!r}, ...): please make sure that the name has no overload: no '.'"
            )
        self._qualname, self._namespace, self._name = name, namespace, rest
        self._schema, self._init_fn = schema, function
        definition = self._definition = Definition(parse_schema(name + schema))
        definition.aliases_allowed = False
        if tags is not None:
            definition.tags = tuple(tags) if isinstance(tags, (list, tuple)) else (tags,)
        known = DEFINITIONS.table.get((namespace, rest))
        if known:  # a module that is loaded again defines its operations again
            known.clear()
            from . import ops

            vars(getattr(ops, namespace)).pop(rest, None)
        DEFINITIONS.add(definition)

    @property
    def _opoverload(self) -> Any:
        from . import ops

        return getattr(getattr(ops, self._namespace), self._name).default

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._opoverload(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def register_kernel(self, device_types: Any, fn: Callable | None = None, /) -> Callable:
        """Give it what runs for tensors of these devices, or of all for None."""
        kinds = (device_types,) if isinstance(device_types, str) else device_types
        keys = ["CompositeExplicitAutograd"] if kinds is None else [k.upper() for k in kinds]

        def put(function: Callable) -> Callable:
            for key in keys:
                self._definition.register("Meta" if key == "META" else key, function)
            return function

        return put if fn is None else put(fn)

    def register_fake(self, fn: Callable, /) -> Callable:
        """Say what its results look like, without computing them."""
        self._definition.fake = fn
        return fn

    def register_autograd(
        self, backward: Callable, /, *, setup_context: Callable | None = None
    ) -> None:
        """Give it its gradient; see `library.register_autograd`."""
        self._definition.differentiate(backward, setup_context)

    def register_vmap(self, func: Callable | None = None) -> Any:
        """Say how it runs on a batch."""
        return _setting(partial(setattr, self._definition, "vmap"), func)

    def register_autocast(self, device_type: str, cast_inputs: Any) -> None:
        """Let autocast convert its inputs to a dtype."""
        self._definition.cast_inputs(device_type, cast_inputs)

    def register_torch_dispatch(
        self, torch_dispatch_class: Any, fn: Callable | None = None, /
    ) -> Any:
        """Say what it does for a class or mode with ``__torch_dispatch__``."""
        return _setting(partial(self._definition.dispatched.__setitem__, torch_dispatch_class), fn)

    @contextmanager
    def set_kernel_enabled(self, device_type: str, enabled: bool = True) -> Iterator[None]:
        """Switch the kernel of a device off, or on, inside a ``with``: the one for all devices runs instead."""
        key, disabled = device_type.upper(), self._definition.disabled
        before = key in disabled
        (disabled.discard if enabled else disabled.add)(key)
        try:
            yield
        finally:
            (disabled.add if before else disabled.discard)(key)
