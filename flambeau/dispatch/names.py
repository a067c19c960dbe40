"""Names of arguments: NumPy's beside PyTorch's, and what is said of a name that is no argument's.

PyTorch reads the arguments of functions that are written in C++ with a parser that also takes NumPy's names:
``x.sum(axis=0, keepdims=True)`` is ``x.sum(dim=0, keepdim=True)``. Its functions that are written in Python know their
own names only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ALIASES = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "a": "input",
    "x1": "input",
    "x2": "other",
}
"""NumPy's names, and PyTorch's for the same."""
_RENAMED = frozenset(ALIASES.values())

_IN_PYTHON = frozenset(
    (
        *("torch.atleast_1d", "torch.atleast_2d", "torch.atleast_3d", "torch.block_diag"),
        *(
            "torch.broadcast_shapes",
            "torch.broadcast_tensors",
            "torch.cartesian_prod",
            "torch.cdist",
        ),
        *("torch.chain_matmul", "torch.einsum", "torch.lobpcg", "torch.lu", "torch.meshgrid"),
        *("torch.norm", "torch.pca_lowrank", "torch.split", "torch.stft", "torch.svd_lowrank"),
        *("torch.tensordot", "torch.unique", "torch.unique_consecutive", "torch.unravel_index"),
        *("Tensor.istft", "Tensor.lu", "Tensor.norm", "Tensor.split", "Tensor.stft"),
        *("Tensor.unflatten", "Tensor.unique", "Tensor.unique_consecutive"),
    )
)
"""Functions and methods of PyTorch that are written in Python."""

_NATIVE_FUNCTIONALS = frozenset(
    (
        *(
            "adaptive_avg_pool1d",
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
            "celu_",
            "channel_shuffle",
        ),
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("cosine_similarity", "elu_", "gelu", "hardshrink", "hardtanh_", "leaky_relu_", "linear"),
        *("logsigmoid", "native_channel_shuffle", "one_hot", "pairwise_distance", "pixel_shuffle"),
        *("pixel_unshuffle", "prelu", "relu_", "rrelu_", "scaled_dot_product_attention", "selu_"),
        *("softplus", "softshrink", "threshold_"),
    )
)
"""Functions of torch.nn.functional that are not."""


class Absent:
    """Stands for an argument that was not given."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Any = Absent()


def takes_aliases(space: str, name: str) -> bool:
    """Does PyTorch's function of that name take NumPy's names?"""
    if space == "nn.functional":
        return name in _NATIVE_FUNCTIONALS
    return f"{space}.{name}" not in _IN_PYTHON


class Signature:
    """The arguments of a function by name.

    Args:
        function: The function; what it wraps, or its ``__signature__``, counts where it takes any arguments itself.
        aliases: Does it take NumPy's names?
        usual: What does the same where nothing is given by name only; None: the function itself.
        method: Is its first argument the tensor whose method it is?

    Attributes:
        positional: Those that may be given by position.
        required: Those without a default.
        known: All.
        open: Does it take further ones, whose names only it knows?
        aliases: Further names of some, and what they mean.
    """

    __slots__ = (
        *("aliases", "defaults", "function", "known", "open", "positional", "required", "usual"),
        *("_is_method", "_takes_aliases"),
    )

    def __init__(
        self, function: Any, aliases: bool, usual: Callable | None = None, method: bool = False
    ):
        self.function, self.usual = function, usual
        self._takes_aliases, self._is_method = aliases, method

    def __getattr__(self, name: str) -> Any:
        # What is known of the arguments is found out when it is first asked for: import has no time for it.
        if name not in Signature.__slots__:
            raise AttributeError(name)
        self._find_out()
        return getattr(self, name)

    def renames(self) -> set[str] | frozenset[str]:
        """The arguments that have further names."""
        function = self.function
        code = function.__code__
        if not self._takes_aliases:
            return set()
        if function.__dict__ and _takes_any(function):  # what it wraps has to be looked at
            return set(self.aliases.values())
        names = code.co_varnames[self._is_method : code.co_argcount + code.co_kwonlyargcount]
        return _RENAMED.intersection(names)

    def _find_out(self) -> None:
        function, aliases, method = self.function, self._takes_aliases, self._is_method
        by_name: list[str] = []
        while _takes_any(function) and hasattr(function, "__wrapped__"):
            by_name += _by_name(function)  # they come beside those of what it wraps
            function = function.__wrapped__
        if _takes_any(function) and hasattr(function, "__signature__"):
            self._read(function.__signature__)
        else:
            code, defaults = function.__code__, function.__defaults__ or ()
            self.positional = code.co_varnames[: code.co_argcount]
            self.required = self.positional[: code.co_argcount - len(defaults)]
            self.defaults = dict(zip(self.positional[len(self.required) :], defaults))
            self.defaults.update(dict.fromkeys([*_by_name(function), *by_name]))
            self.defaults.update(function.__kwdefaults__ or {})
            self.open = _takes_any(function)
        self.known = frozenset((*self.positional, *self.defaults))
        own = self.known - frozenset(self.positional[:method])
        self.aliases = {
            alias: name
            for alias, name in (ALIASES.items() if aliases else ())
            if name in own and alias not in self.known
        }

    def _read(self, signature: Any) -> None:
        """The same from an `inspect.Signature`."""
        items = signature.parameters.values()
        kinds = {item.name: item.kind.value for item in items}
        self.positional = tuple(name for name, kind in kinds.items() if kind < _VAR_POSITIONAL)
        has_default = {i.name: i.default for i in items if i.default is not i.empty}
        self.required = tuple(name for name in self.positional if name not in has_default)
        by_name = [name for name, kind in kinds.items() if kind == _KEYWORD_ONLY]
        self.defaults = {**dict.fromkeys(by_name), **has_default}
        self.open = any(kind in (_VAR_POSITIONAL, _VAR_KEYWORD) for kind in kinds.values())

    def settled(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The arguments of a call by the function's own names. What was not given may be `ABSENT`, or the default.

        Raises:
            TypeError: A name is no argument's, two mean the same, or something is missing.
        """
        if self.open:
            return args, self.renamed(kwargs)
        absent = False
        for x in args:
            if x is ABSENT:
                absent = True
        if args[len(self.positional) :] or (kwargs.keys() <= self.known and not absent):
            return args, kwargs  # a right call, or one that Python explains
        defaults = self.defaults
        given = {n: x for n, x in zip(self.positional, args) if x is not defaults.get(n, ABSENT)}
        for key, value in kwargs.items():
            name = self.aliases.get(key, key)
            if name not in self.known:
                raise TypeError(self.unexpected(key))
            if name in given:
                raise TypeError(self.twice(name, key, kwargs))
            given[name] = value
        missing = [f"'{n}'" for n in self.required if n not in given]
        if missing:
            raise TypeError(
                f"{self.function.__name__}() missing {len(missing)} required positional "
                f"argument{'s' * (len(missing) > 1)}: {' and '.join(missing)}: it takes {self}"
            )
        return (), given

    def renamed(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments that are given by name, by the function's own names."""
        found: dict[str, Any] = {}
        for key, value in kwargs.items():
            name = self.aliases.get(key, key)
            if name in found:
                raise TypeError(self.twice(name, key, kwargs))
            found[name] = value
        return found

    def unexpected(self, key: str) -> str:
        """The message about a name that is no argument's."""
        from difflib import get_close_matches  # an error is being written

        near = get_close_matches(key, [*sorted(self.known), *self.aliases], 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"{self.function.__name__}() got an unexpected keyword argument '{key}'.{hint} It takes {self}"

    def twice(self, name: str, key: str, kwargs: dict[str, Any]) -> str:
        """The message about an argument that was given twice."""
        called = self.function.__name__
        if key == name and not any(self.aliases.get(k) == name for k in kwargs):
            return f"{called}() got multiple values for argument '{name}'"
        other = next((k for k in kwargs if k != key and self.aliases.get(k, k) == name), name)
        return f"{called}() got both '{other}' and '{key}', which mean the same: give one"

    def __str__(self) -> str:
        parts = []
        for name in self.positional:
            default = self.defaults.get(name, ABSENT)
            parts.append(name if default is ABSENT else f"{name}={default!r}")
        by_name = [n for n in self.defaults if n not in self.positional]
        parts += ["*"] * bool(by_name) + [f"{n}={self.defaults[n]!r}" for n in by_name]
        return f"{self.function.__name__}({', '.join(parts)})"


_VAR_POSITIONAL, _KEYWORD_ONLY, _VAR_KEYWORD = (
    2,
    3,
    4,
)  # of inspect.Parameter.kind, which loads late


def _takes_any(function: Any) -> bool:
    return bool(function.__code__.co_flags & (0x04 | 0x08))  # *args, **kwargs


def _by_name(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
