"""Layers that learn their input's size from the first input they see."""

from __future__ import annotations

import inspect
from typing import Any

from . import batch_norm, convolution
from .linear import Linear
from .module import Module
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin:
    """Makes a module lazy: some of its parameters have no shape until it is called.

    The module defines ``initialize_parameters(*args)``, which gets the first call's arguments. After
    that call it is of the class `cls_to_become`.

    Source: torch.nn.modules.lazy.LazyModuleMixin
    """

    cls_to_become: type | None = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[misc]
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes; every lazy module defines it."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self: Any) -> bool:
        """Is there a parameter or buffer without a shape?"""
        return any(is_lazy(x) for x in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self: Any, module: Any, args: tuple, kwargs: dict) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _lazy_load_hook(self: Any, state_dict: Any, prefix: str, *_: Any) -> None:
        """Take the shapes from a state that is loaded."""
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(value) and given is not None and not is_lazy(given):
                value.materialize(given.shape)


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear layer whose in_features is the first input's.

    Source: torch.nn.LazyLinear
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        where = {"device": device, "dtype": dtype}
        super().__init__(0, 0, False)
        self.weight: Any = UninitializedParameter(**where)
        self.out_features = out_features
        if bias:
            self.bias: Any = UninitializedParameter(**where)

    def reset_parameters(self) -> None:
        """Draw new values, once there are shapes."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take in_features from an input."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
        if self.in_features == 0:
            self.in_features = input.shape[-1]
        self.reset_parameters()


class _LazyConvolution(LazyModuleMixin):
    """A convolution whose in_channels is the first input's."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = self.__signature__.bind(*args, **kwargs)
        given.apply_defaults()
        options = dict(given.arguments)
        where = {"device": options["device"], "dtype": options["dtype"]}
        out_channels, bias = options.pop("out_channels"), options.pop("bias")
        super().__init__(0, 0, bias=False, **options)  # type: ignore[call-arg]
        self.weight = UninitializedParameter(**where)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(**where)

    def reset_parameters(self: Any) -> None:
        """Draw new values, once there are shapes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take in_channels from an input."""
        if not self.has_uninitialized_params():
            return
        n = self.dims
        if input.ndim not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {self._get_name()}, but got "
                f"input of size: {input.shape}"
            )
        self.in_channels = input.shape[-n - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        shape = (
            (self.in_channels, self.out_channels // self.groups)
            if self.transposed
            else (self.out_channels, self.in_channels // self.groups)
        )
        self.weight.materialize((*shape, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyNorm(LazyModuleMixin):
    """A normalisation whose num_features is the first input's."""

    def __init__(
        self: Any,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, bias=False)  # type: ignore[call-arg]
        self.affine, self.track_running_stats = affine, track_running_stats
        where = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**where)
            if bias:
                self.bias = UninitializedParameter(**where)
        if track_running_stats:
            from .. import int64, tensor  # type: ignore[attr-defined]

            self.running_mean = UninitializedBuffer(**where)
            self.running_var = UninitializedBuffer(**where)
            self.num_batches_tracked = tensor(0, dtype=int64, device=device)

    def reset_parameters(self: Any) -> None:
        """Set the first values, once there are shapes."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Any) -> None:
        """Take num_features from an input."""
        if not self.has_uninitialized_params():
            return
        lone = min(self.dims) if len(self.dims) == 2 and self.dims != (2, 3) else 0
        self.num_features = input.shape[0 if input.ndim == lone else 1]
        for name in ("weight", "bias", "running_mean", "running_var"):
            value = getattr(self, name)
            if is_lazy(value):
                value.materialize((self.num_features,))
        self.reset_parameters()


def _lazy(base: type[LazyModuleMixin], layer: Any) -> Any:
    name = f"Lazy{layer.__name__}"
    what = "in_channels" if base is _LazyConvolution else "num_features"
    doc = (
        f"{layer.__name__} whose {what} is the first input's.\n\n    Source: torch.nn.{name}\n    "
    )
    body = {"__module__": "flambeau.nn", "__doc__": doc, "cls_to_become": layer}
    if base is _LazyConvolution:
        _, *rest = inspect.signature(layer).parameters.values()
        body["__signature__"] = inspect.Signature(rest)
    return type(name, (base, layer), body)


_CONVOLUTIONS = [f"Conv{kind}{n}d" for kind in ("", "Transpose") for n in (1, 2, 3)]
_NORMS = [f"{kind}Norm{n}d" for kind in ("Batch", "Instance") for n in (1, 2, 3)]
LAYERS: dict[str, type[Module]] = {
    **{f"Lazy{n}": _lazy(_LazyConvolution, getattr(convolution, n)) for n in _CONVOLUTIONS},
    **{f"Lazy{n}": _lazy(_LazyNorm, getattr(batch_norm, n)) for n in _NORMS},
}
globals().update(LAYERS)
