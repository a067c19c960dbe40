"""torch.library: operations that programs define.

    @torch.library.custom_op("my::scale", mutates_args=())
    def scale(x: torch.Tensor, factor: float) -> torch.Tensor:
        return torch.from_numpy(x.numpy() * factor)

The operation is found as ``torch.ops.my.scale``. It takes part in autograd once it has a gradient
(`register_autograd`), and gives shapes on the device meta once it has a fake (`register_fake`).

Source: torch.library
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ._ops.custom import CustomOpDef
from ._ops.definition import DEFINITIONS, Definition
from ._ops.fake import get_ctx
from ._ops.inference import infer_schema
from ._ops.opcheck import opcheck
from ._ops.schema import parse_schema

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "fallthrough_kernel",
    "get_ctx",
    "get_kernel",
    "impl",
    "impl_abstract",
    "infer_schema",
    "opcheck",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_torch_dispatch",
    "register_vmap",
    "triton_op",
    "wrap_triton",
]

_DEVICES = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta", "xpu": "XPU", "mps": "MPS"}
_RESERVED = ("prim",)


def _name_of(op: Any) -> str:
    """The full name of an operation that is given by name or as an object."""
    if isinstance(op, str):
        return op
    if isinstance(op, CustomOpDef):
        return op._qualname
    if hasattr(op, "_schema"):
        return op._name  # type: ignore[no-any-return]
    raise ValueError(
        f"an operation is given by its name 'namespace::name', or as an OpOverload, not as {type(op).__name__}"
    )


def _found(op: Any) -> Definition:
    return DEFINITIONS.get(_name_of(op))


def custom_op(
    name: str,
    fn: Callable | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Sequence[str] | None = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Make a Python function an operation, which nothing looks into.

    Args:
        name: "namespace::name".
        fn: The function, whose arguments and result have types. None gives a decorator.
        mutates_args: The names of the arguments that it writes to, or "unknown" for all tensors.
        device_types: The devices that the function is for; all if not given.
        schema: Its signature without a name, "(Tensor x) -> Tensor", instead of the types.
        tags: Notes on it.

    Returns:
        A `CustomOpDef`, which is called like the function, and takes the gradient, the fake and more.

    Raises:
        ValueError: A type that operations cannot have, or no type.
        RuntimeError: There is an operation of this name.

    Source: torch.library.custom_op

    Example:
        >>> import flambeau as torch
        >>> @torch.library.custom_op("docs::triple", mutates_args=())
        ... def triple(x: torch.Tensor) -> torch.Tensor:
        ...     return 3 * x
        >>> triple.register_autograd(lambda ctx, g: 3 * g)
        >>> x = torch.ones(2, requires_grad=True)
        >>> torch.ops.docs.triple(x).sum().backward()
        >>> x.grad
        tensor([3., 3.])
    """

    def make(function: Callable) -> CustomOpDef:
        text = schema or infer_schema(function, mutates_args=mutates_args)
        made = CustomOpDef(name, text, function, tags)
        kinds = (device_types,) if isinstance(device_types, str) else device_types
        made.register_kernel(kinds, function)
        return made

    return make if fn is None else make(fn)


def triton_op(
    name: str,
    fn: Callable | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    schema: str | None = None,
) -> Any:
    """Raises NotImplementedError: Triton's kernels run on PyTorch's CUDA only.

    Source: torch.library.triton_op
    """
    raise NotImplementedError(
        f"torch.library.triton_op({name!r}): flambeau runs no Triton kernels. Give the operation a kernel in Python with "
        "torch.library.custom_op, or a formula with torch.ops.pointwise"
    )


def wrap_triton(triton_kernel: Callable, /) -> Any:
    """Raises NotImplementedError: see `triton_op`.

    Source: torch.library.wrap_triton
    """
    raise NotImplementedError("torch.library.wrap_triton: flambeau runs no Triton kernels")


def define(qualname: str, schema: str, *, lib: Library | None = None, tags: Any = ()) -> Any:
    """Define an operation by its signature; `impl` and `register_fake` say what it does.

    Args:
        qualname: "namespace::name".
        schema: "(Tensor x, float factor) -> Tensor".
        lib: The library whose definitions end with it.

    Raises:
        ValueError: The name has no namespace.
        RuntimeError: There is an operation of this name.

    Source: torch.library.define

    Example:
        >>> import flambeau as torch
        >>> torch.library.define("docs::twice", "(Tensor x) -> Tensor")
        >>> @torch.library.impl("docs::twice", "cpu")
        ... def twice(x):
        ...     return 2 * x
        >>> torch.ops.docs.twice(torch.ones(2))
        tensor([2., 2.])
    """
    if not isinstance(qualname, str):
        raise ValueError(
            f"define(qualname, schema): expected qualname to be a str, got {type(qualname)}"
        )
    namespace, colons, name = qualname.partition("::")
    if not colons:
        raise ValueError(
            f"Expected `qualname` to be of the form '<namespace>::<name>', got {qualname!r}"
        )
    if not re.fullmatch(r"\(.*\) -> .*", schema.strip(), re.DOTALL):
        raise ValueError(f"{schema!r}: write the schema as '(Tensor x) -> Tensor'")
    (lib or Library(namespace, "FRAGMENT")).define(name + schema.strip(), tags=tags)


def impl(
    qualname: Any, types: Any, func: Callable | None = None, *, lib: Library | None = None
) -> Any:
    """Give an operation what runs for a device.

    Args:
        qualname: "namespace::name", or, in the old spelling, a `Library`, with the operation's name as
            `types` and a dispatch key as `func`.
        types: A device, several, or "default" for all.
        func: The function. None gives a decorator.

    Raises:
        RuntimeError: There is no such operation.

    Source: torch.library.impl
    """
    if isinstance(qualname, Library):
        library, name, key = qualname, types, func or ""

        def put_old(function: Callable) -> Callable:
            library.impl(name, function, key)  # type: ignore[arg-type]
            return function

        return put_old
    definition = _found(qualname)
    kinds = (types,) if isinstance(types, str) else types
    keys = ["CompositeExplicitAutograd" if k == "default" else _DEVICES.get(k, k) for k in kinds]

    def put(function: Callable) -> Callable:
        for key in keys:
            _register(definition, key, function, lib)
        return function

    if func is None:
        return put
    put(func)
    return None


def _register(definition: Definition, key: str, function: Callable, lib: Library | None) -> None:
    if definition.function is not None and key != "Meta" and not key.startswith("Autocast"):
        raise NotImplementedError(
            f"{definition.schema.name} is an operation of flambeau itself, whose kernel cannot be replaced: wrap the "
            "function, or handle it in a TorchFunctionMode"
        )
    definition.register(key, function)
    if lib is not None:
        lib._kept.append((definition, key))


def _decorator(put: Callable[[Callable], Any], func: Callable | None) -> Any:
    def decorated(function: Callable) -> Callable:
        put(function)
        return function

    return decorated if func is None else decorated(func)


def register_kernel(
    op: Any, device_types: Any, func: Callable | None = None, /, *, lib: Library | None = None
) -> Any:
    """Give an operation what runs for tensors of a device, or of all if `device_types` is None.

    Source: torch.library.register_kernel
    """
    if isinstance(op, CustomOpDef):
        return op.register_kernel(device_types, func)
    kinds = "default" if device_types is None else device_types
    if func is None:
        return lambda function: (impl(_name_of(op), kinds, function, lib=lib), function)[1]
    return impl(_name_of(op), kinds, func, lib=lib)


def register_fake(
    op: Any,
    func: Callable | None = None,
    /,
    *,
    lib: Library | None = None,
    _stacklevel: int = 1,
    allow_override: bool = True,
) -> Any:
    """Say what shapes, dtypes and devices an operation's results have, without computing them.

    Args:
        op: The operation, by name or as an object.
        func: Takes its arguments, on the device meta, and gives results there. None gives a decorator.

    Raises:
        RuntimeError: There is no such operation.

    Source: torch.library.register_fake

    Example:
        >>> import flambeau as torch
        >>> @torch.library.custom_op("docs::outer", mutates_args=())
        ... def outer(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        ...     return torch.outer(x, y)
        >>> @torch.library.register_fake("docs::outer")
        ... def _(x, y):
        ...     return x.new_empty(len(x), len(y))
        >>> outer(torch.empty(3, device="meta"), torch.empty(4, device="meta")).shape
        torch.Size([3, 4])
    """
    definition = _found(op)
    return _decorator(lambda function: setattr(definition, "fake", function), func)


def impl_abstract(
    qualname: str, func: Callable | None = None, *, lib: Any = None, _stacklevel: int = 1
) -> Any:
    """The old name of `register_fake`.

    Source: torch.library.impl_abstract
    """
    return register_fake(qualname, func, lib=lib)


def register_autograd(
    op: Any,
    backward: Callable,
    /,
    *,
    setup_context: Callable | None = None,
    lib: Library | None = None,
) -> None:
    """Give an operation its gradient.

    Args:
        op: The operation, by name or as an object.
        backward: ``backward(ctx, *grads)``: one gradient, or a tuple of one for each argument, None for
            what is no tensor, a list for a list of tensors.
        setup_context: ``setup_context(ctx, inputs, output)`` saves what backward needs.

    Raises:
        RuntimeError: There is no such operation, or it writes to its arguments.

    Source: torch.library.register_autograd
    """
    _found(op).differentiate(backward, setup_context)


def register_vmap(op: Any, func: Callable | None = None, /, *, lib: Library | None = None) -> Any:
    """Say how an operation runs on a batch: ``func(info, in_dims, *args)`` gives the result and its batch dimension.

    `torch.vmap` takes samples one by one where no rule is given.

    Source: torch.library.register_vmap
    """
    definition = _found(op)
    return _decorator(lambda function: setattr(definition, "vmap", function), func)


def register_autocast(
    op: Any, device_type: str, cast_inputs: Any, /, *, lib: Library | None = None
) -> None:
    """Let autocast convert an operation's floating-point inputs to a dtype.

    Raises:
        ValueError: Another device than "cpu" or "cuda".

    Source: torch.library.register_autocast
    """
    _found(op).cast_inputs(device_type, cast_inputs)


def register_torch_dispatch(
    op: Any,
    torch_dispatch_class: Any,
    func: Callable | None = None,
    /,
    *,
    lib: Library | None = None,
) -> Any:
    """Say what an operation does for a class or mode with ``__torch_dispatch__``.

    Args:
        torch_dispatch_class: The class of tensors, or of modes.
        func: ``func(mode_or_class, op, types, args, kwargs)``. None gives a decorator.

    Source: torch.library.register_torch_dispatch
    """
    definition = _found(op)
    return _decorator(
        lambda function: definition.dispatched.__setitem__(torch_dispatch_class, function), func
    )


def fallthrough_kernel() -> None:
    """What may be given to `Library.impl` for "go on as if nothing were registered".

    Raises:
        NotImplementedError: It is called.

    Source: torch.library.fallthrough_kernel
    """
    raise NotImplementedError("fallthrough_kernel() should never be called.")


def get_kernel(op: Any, dispatch_key: Any) -> Callable:
    """What runs for a dispatch key.

    Raises:
        RuntimeError: Nothing was registered for it.

    Source: torch.library.get_kernel
    """
    key = getattr(dispatch_key, "name", dispatch_key)
    definition = _found(op)
    if key not in definition.kernels:
        raise RuntimeError(f"{_name_of(op)} has no kernel for the dispatch key {key}")
    return definition.kernels[key]


class Library:
    """Operations that are defined, or given kernels, together; they end with the library.

    Args:
        ns: The namespace.
        kind: "DEF" for a new namespace, "FRAGMENT" to add to one, "IMPL" for kernels only.
        dispatch_key: What `impl` registers for where it is not told.

    Raises:
        ValueError: Another kind, or a namespace that is PyTorch's own.

    Source: torch.library.Library

    Example:
        >>> import flambeau as torch
        >>> library = torch.library.Library("docs2", "DEF")
        >>> library.define("half(Tensor x) -> Tensor")
        'half'
        >>> library.impl("half", lambda x: x / 2, "CPU")
        >>> torch.ops.docs2.half(torch.ones(1))
        tensor([0.5000])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported library kind: {kind}")
        if ns in _RESERVED and kind in ("DEF", "FRAGMENT"):
            raise ValueError(
                f"{ns} is a reserved namespace. Please try creating a library with another name."
            )
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._defined: list[Definition] = []
        self._kept: list[tuple[Definition, str]] = []

    def __repr__(self) -> str:
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Define an operation: "name(Tensor x) -> Tensor". Gives its name.

        Raises:
            RuntimeError: It is no schema, or there is an operation of this name.
        """
        if alias_analysis not in ("", "FROM_SCHEMA", "CONSERVATIVE"):
            raise RuntimeError(f"Invalid alias_analysis type {alias_analysis}")
        parsed = parse_schema(schema)
        if "::" not in parsed.name:
            parsed.name = f"{self.ns}::{parsed.name}"
        made = Definition(parsed)
        made.tags = tuple(tags) if isinstance(tags, (list, tuple)) else (tags,)
        DEFINITIONS.add(made)
        self._defined.append(made)
        name = parsed.name.partition("::")[2]
        return f"{name}.{parsed.overload_name}" if parsed.overload_name else name

    def impl(
        self,
        op_name: Any,
        fn: Callable,
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = True,
    ) -> None:
        """Give an operation what runs for a dispatch key: "CPU", "Meta", "Autograd", "CompositeImplicitAutograd".

        Raises:
            TypeError: `fn` cannot be called.
            RuntimeError: There is no such operation.
        """
        if not callable(fn):
            raise TypeError(
                f"Input function is required to be a callable but found type {type(fn)}"
            )
        if fn is fallthrough_kernel:
            return
        name = op_name if isinstance(op_name, str) else _name_of(op_name)
        if "::" not in name:
            name = f"{self.ns}::{name}"
        key = dispatch_key or self.dispatch_key or "CompositeImplicitAutograd"
        chosen = fn
        if with_keyset:
            from ._ops.key import DispatchKeySet

            def chosen(*args: Any, **kwargs: Any) -> Any:
                return fn(DispatchKeySet(), *args, **kwargs)

        _register(DEFINITIONS.get(name), key, chosen, self)

    def _register_fake(
        self, op_name: str, fn: Callable, _stacklevel: int = 1, *, allow_override: bool = True
    ) -> None:
        register_fake(f"{self.ns}::{op_name}" if "::" not in op_name else op_name, fn)

    def fallback(self, fn: Callable, dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Raises NotImplementedError: there are no keys that all operations pass through.

        A `TorchDispatchMode` sees all operations.
        """
        raise NotImplementedError(
            "Library.fallback: use a torch.utils._python_dispatch.TorchDispatchMode, which sees every operation"
        )

    def _destroy(self) -> None:
        """Forget what was defined and registered."""
        for definition, key in self._kept:
            definition.kernels.pop(key, None)
        for definition in self._defined:
            DEFINITIONS.remove(definition)
            _forget_packet(definition)
        self._kept, self._defined = [], []


def _forget_packet(definition: Definition) -> None:
    from ._ops import ops

    namespace, _, name = definition.schema.name.partition("::")
    space = ops.namespaces.get(namespace)
    if space is not None and name in vars(space):
        delattr(space, name)


class _scoped_library(Library):
    """A library inside a ``with``, which forgets its operations at the end.

    Source: torch.library._scoped_library
    """

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exception: object) -> None:
        self._destroy()
