"""What is known of an operation that `torch.ops` names: its schema, and what runs when it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ..autograd.mode import mode, no_grad
from ..core.pytree.tree import tree_iter, tree_map_only
from ..core.tensor import Tensor
from .schema import FunctionSchema

COMPOSITE = ("CompositeExplicitAutograd", "CompositeImplicitAutograd")
_AUTOGRAD = ("Autograd", "AutogradCPU", "AutogradOther")
_KEYS = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta", "mps": "MPS", "xpu": "XPU"}


def tensors_of(tree: Any) -> Iterator[Tensor]:
    """The tensors among arguments."""
    return (x for x in tree_iter(tree) if isinstance(x, Tensor))


OURS = ("aten", "torchvision")
"""Namespaces whose operations flambeau has of its own; the module of the name lists them."""


class Definition:
    """An operation.

    Args:
        schema: Its signature.
        function: Its one kernel, which differentiates by itself, for operations of flambeau's own.

    Attributes:
        kernels: What was registered, by dispatch key: "CPU", "Meta", "Autograd", "CompositeImplicitAutograd".
        backward, setup_context: What `library.register_autograd` was given.
        fake: Gives results of the right shapes on the device meta.
        vmap: What `library.register_vmap` was given.
    """

    def __init__(self, schema: FunctionSchema, function: Callable | None = None) -> None:
        self.schema = schema
        self.kernels: dict[str, Callable] = {}
        self.function = function
        self.backward: Callable | None = None
        self.setup_context: Callable | None = None
        self.fake: Callable | None = None
        self.vmap: Callable | None = None
        self.autocast: dict[str, Any] = {}
        self.dispatched: dict[Any, Callable] = {}
        self.disabled: set[str] = set()
        self.tags: tuple[Any, ...] = ()
        self.aliases_allowed = True

    def register(self, key: str, function: Callable) -> None:
        """Put what runs for a dispatch key."""
        if key == "Meta":
            self.fake = function
        self.kernels[key] = function

    def differentiate(self, backward: Callable, setup_context: Callable | None) -> None:
        """Put the gradient.

        Raises:
            RuntimeError: The operation writes to its arguments.
        """
        if self.schema.is_mutable:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self.schema.name} with schema "
                f"{self.schema}. Please create a functional operator and register an autograd formula for that."
            )
        self.backward, self.setup_context = backward, setup_context

    def cast_inputs(self, device_type: str, dtype: Any) -> None:
        """Let autocast convert the inputs.

        Raises:
            ValueError: Another device than "cpu" or "cuda".
        """
        if device_type not in ("cpu", "cuda"):
            raise ValueError(f"Unknown device type: {device_type}: cpu or cuda")
        self.autocast[device_type] = dtype

    def call(self, overload: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run it on arguments that fit the schema."""
        given = self.schema.bind(args, kwargs)
        if self.function is not None and not self.kernels:
            return self.function(self.schema, given)
        return self._differentiable(given)

    # ------------------------------------------------------------------- operations that programs define

    def _differentiable(self, given: dict[str, Any]) -> Any:
        for key in _AUTOGRAD:
            if key in self.kernels:
                args, kwargs = self.schema.filled(given)
                return self.kernels[key](*args, **kwargs)
        found = list(tensors_of(list(given.values())))
        kernel = self.kernel(found)
        args, kwargs = self.schema.filled(given)
        implicit = kernel is self.kernels.get("CompositeImplicitAutograd")
        if implicit or not (mode.recording and any(x.requires_grad for x in found)):
            return self._checked(kernel, args, kwargs)
        from .gradient import recorded

        return recorded(self, kernel, args, kwargs)

    def run(self, kernel: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The kernel alone, without a record of what it does."""
        with no_grad():
            return self._checked(kernel, args, kwargs)

    def _checked(self, kernel: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        written = [
            (x, x._cell[0])
            for argument, value in zip(self.schema.positional, args)
            if argument.is_write
            for x in tensors_of(value)
        ]
        result = kernel(*args, **kwargs)
        for x, version in written:
            if x._cell[0] == version:  # through NumPy, perhaps
                x._cell[0] += 1
        if not self.aliases_allowed:
            self._check_aliases(result, args)
        return result

    def _check_aliases(self, result: Any, args: tuple) -> None:
        memory = {id(x._cell) for x in tensors_of(list(args))}
        if any(id(x._cell) in memory for x in tensors_of(result)):
            raise RuntimeError(
                f"{self.schema.name} (with implementation in a custom_op): The output of this custom "
                "operator (1) must not also be an input to this custom operator and (2) may not alias any "
                "inputs to this custom operator or other returns. Write what is written to in mutates_args, "
                "and return a clone() of anything else"
            )

    def kernel(self, found: list[Tensor]) -> Callable:
        """What runs for tensors of these devices.

        Raises:
            NotImplementedError: Nothing was registered for them.
        """
        kind = "meta" if any(x.device.type == "meta" for x in found) else None
        if kind is None:
            kind = next((x.device.type for x in found if x.device.type != "cpu"), "cpu")
        if kind == "meta" and self.fake is not None:
            return self.fake
        for key in (_KEYS.get(kind, kind), *COMPOSITE):
            if key in self.kernels and key not in self.disabled:
                return self.kernels[key]
        if self.function is not None:
            schema, function = self.schema, self.function
            return lambda *args, **kwargs: function(schema, schema.bind(args, kwargs))
        what = "register_fake" if kind == "meta" else "register_kernel"
        raise NotImplementedError(
            f"Could not run '{self.schema.name}' with tensors of the device '{kind}': nothing is registered for it, "
            f"but for {sorted(self.kernels) or 'nothing'}. Give it a kernel: torch.library.{what}('{self.schema.name}', ...)"
        )

    def cast(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The arguments as autocast wants them."""
        from ..amp.autocast_mode import is_autocast_enabled

        for kind, dtype in self.autocast.items():
            if is_autocast_enabled(kind):
                return tree_map_only(
                    Tensor,
                    lambda x, dtype=dtype, kind=kind: (
                        x.to(dtype) if x.is_floating_point() and x.device.type == kind else x
                    ),
                    (args, kwargs),
                )
        return args, kwargs


class Definitions:
    """All operations that were defined or looked for, by namespace and name."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], dict[str, Definition]] = {}

    def find(self, namespace: str, name: str) -> dict[str, Definition]:
        """The operations of a name, by overload; empty if there are none."""
        found = self.table.get((namespace, name))
        if found is None and namespace in OURS:
            found = import_module(f".{namespace}", __package__).definitions(name)
        if found:
            self.table[namespace, name] = found
        return found or {}

    def add(self, definition: Definition) -> None:
        """Take in a new operation.

        Raises:
            RuntimeError: There is one of this name and overload.
        """
        namespace, _, name = definition.schema.name.partition("::")
        known = self.find(namespace, name)
        if definition.schema.overload_name in known:
            raise RuntimeError(
                f"Tried to register an operator ({definition.schema}) with the same name and overload "
                "name multiple times. Choose another name"
            )
        self.table.setdefault((namespace, name), known)[definition.schema.overload_name] = (
            definition
        )

    def remove(self, definition: Definition) -> None:
        """Forget an operation."""
        namespace, _, name = definition.schema.name.partition("::")
        self.table.get((namespace, name), {}).pop(definition.schema.overload_name, None)

    def get(self, qualified: str) -> Definition:
        """The operation of a full name: "my::scale", "aten::add.Tensor".

        Raises:
            RuntimeError: There is none.
        """
        namespace, _, rest = qualified.partition("::")
        name, _, overload = rest.partition(".")
        found = self.find(namespace, name).get("" if overload == "default" else overload)
        if found is None:
            raise RuntimeError(
                f"operator {qualified} does not exist: define it with torch.library.custom_op or torch.library.define"
            )
        return found


DEFINITIONS = Definitions()
