"""A module's state: saving it by name, and loading it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._caller import warn
from ..autograd.mode import no_grad
from ..autograd.node import RemovableHandle, registered
from ..core.tensor import Tensor
from .parameter import Parameter, is_lazy

EXTRA = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class Stateful:
    """The part of Module that saves and loads."""

    _version: int | None = 1
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict
    _state_dict_pre_hooks: OrderedDict
    _load_state_dict_pre_hooks: OrderedDict
    _load_state_dict_post_hooks: OrderedDict

    # ------------------------------------------------------------------------------------ save

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Parameters and persistent buffers by dotted name; they share memory with the module.

        Args:
            destination: A dict to fill.
            prefix: What every name starts with.
            keep_vars: Give the tensors themselves, not detached ones.

        Source: torch.nn.Module.state_dict

        Example:
            >>> import flambeau as torch
            >>> list(torch.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        if args:
            warn(
                "Positional args are being deprecated, use kwargs instead: destination=, prefix=, "
                "keep_vars=",
                FutureWarning,
            )
            given = (*args, destination, prefix, keep_vars)
            destination = args[0]
            prefix = args[1] if len(args) > 1 else given[-2]
            keep_vars = args[2] if len(args) > 2 else given[-1]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in tuple(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in tuple(self._state_dict_hooks.values()):
            destination = hook(self, destination, prefix, metadata) or destination
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, without its submodules', into a dict."""
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Any]:
        """Parameters and persistent buffers that are not None."""
        own: dict[str, Any] = {n: p for n, p in self._parameters.items() if p is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                own[name] = buffer
        return own

    def get_extra_state(self) -> Any:
        """More to save: a module that has it defines this and `set_extra_state`.

        Raises:
            RuntimeError: It does not.
        """
        raise RuntimeError(
            f"{type(self).__name__} has no extra state: define get_extra_state() to save one"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave.

        Raises:
            RuntimeError: The module does not define it.
        """
        raise RuntimeError(
            f"{type(self).__name__} cannot load an extra state: define set_extra_state()"
        )

    # ------------------------------------------------------------------------------------ load

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy a state into the module.

        Args:
            strict: Missing and unexpected names are errors.
            assign: Take the tensors themselves instead of copying their values.

        Raises:
            RuntimeError: Names or shapes do not match; what does match was loaded.
            TypeError: It is no mapping.

        Source: torch.nn.Module.load_state_dict
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state: Any = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata
        found = _IncompatibleKeys([], [])
        problems: list[str] = []
        self._load_tree(state, "", metadata, assign, (found, problems))
        if strict:
            for kind, names in (
                ("Unexpected", found.unexpected_keys),
                ("Missing", found.missing_keys),
            ):
                if names:
                    quoted = ", ".join(f'"{name}"' for name in names)
                    problems.insert(0, f"{kind} key(s) in state_dict: {quoted}. ")
            problems += _advice(found)
        if problems:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(problems)
            )
        return found

    def _load_tree(
        self,
        state: Any,
        prefix: str,
        metadata: Any,
        assign: bool,
        result: tuple[_IncompatibleKeys, list[str]],
    ) -> None:
        """Load this module and those below it."""
        found, problems = result
        local = dict((metadata or {}).get(prefix[:-1], {}))
        if assign:
            local["assign_to_params_buffers"] = True
        self._load_from_state_dict(
            state, prefix, local, True, found.missing_keys, found.unexpected_keys, problems
        )
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}{name}."
                below = {key: value for key, value in state.items() if key.startswith(path)}
                module._load_tree(below, path, metadata, assign, result)
        for hook in tuple(self._load_state_dict_post_hooks.values()):
            if hook(self, found) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                    "return new values, if incompatible_keys need to be modified, it should be done "
                    "inplace."
                )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own state, without its submodules'; note what does not fit."""
        for hook in tuple(self._load_state_dict_pre_hooks.values()):
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self._own_state()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, value in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_one(name, value, key, state_dict[key], assign)
                error_msgs += [problem] if problem else []
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA
        has_extra = type(self).set_extra_state is not Stateful.set_extra_state
        if has_extra and extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif has_extra and strict:
            missing_keys.append(extra)
        if not strict:
            return
        for key in state_dict:
            if key.startswith(prefix) and not (has_extra and key == extra):
                first, *rest = key[len(prefix) :].split(".", 1)
                if first not in (self._modules if rest else own):
                    unexpected_keys.append(key)

    def _load_one(self, name: str, value: Any, key: str, given: Any, assign: bool) -> str | None:
        """Load one tensor; gives what went wrong."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            )
        lazy = is_lazy(value)
        if not lazy and value.ndim == 0 and given.ndim == 1:
            given = given[0]
        if not lazy and tuple(given.shape) != tuple(value.shape):
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {value.shape}."
            )
        if not (assign or lazy or given.is_meta) and value.is_meta:
            warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
                "current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in "
                "the state dictionary to their corresponding key in the module?)"
            )
        try:
            if assign:
                self._take(name, value, given)
            else:
                with no_grad():
                    value.copy_(given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{value.size()} and whose dimensions in the checkpoint are {given.size()}, an exception "
                f"occurred : {error.args}."
            )
        return None

    def _take(self, name: str, value: Any, given: Any) -> None:
        """Replace a parameter or buffer by the tensor that was loaded."""
        if isinstance(value, Parameter) and not isinstance(given, Parameter):
            given = Parameter(given, value.requires_grad)
        elif given.is_leaf and given.requires_grad != value.requires_grad:
            given.requires_grad_(value.requires_grad)
        setattr(self, name, given)

    # ----------------------------------------------------------------------------------- hooks

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module's state is saved."""
        return registered(hook, self._state_dict_pre_hooks)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after; it changes the dict."""

        def changes(module: Any, state: Any, prefix: str, metadata: Any) -> None:
            if hook(module, state, prefix, metadata) is not None:
                raise RuntimeError("state_dict post-hook must return None")

        return registered(changes, self._state_dict_hooks)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """The same, where a result replaces the dict."""
        return registered(hook, self._state_dict_hooks)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before the module's state is loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        bound = BoundHook(hook, self) if with_module else hook
        return registered(bound, self._load_state_dict_pre_hooks)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may change the lists."""
        return registered(hook, self._load_state_dict_post_hooks)


class BoundHook:
    """A hook that gets its module first; unlike a closure it can be copied and pickled."""

    def __init__(self, hook: Callable, module: Any) -> None:
        self.hook, self.module = hook, module

    def __call__(self, *args: Any) -> Any:
        return self.hook(self.module, *args)


def _advice(found: _IncompatibleKeys) -> list[str]:
    """What to do about names that do not match: a prefix too many or too few, or misspelt ones."""
    missing, unexpected = found.missing_keys, found.unexpected_keys
    if not missing or not unexpected:
        return []
    for longer, shorter, change in (
        (unexpected, missing, "{{k.removeprefix({0!r}): v for k, v in state.items()}}"),
        (missing, unexpected, "{{{0!r} + k: v for k, v in state.items()}}"),
    ):
        prefix = longer[0].removesuffix(shorter[0])
        if prefix and all(f"{prefix}{key}" in longer for key in shorter):
            whose = "state_dict" if longer is unexpected else "model"
            return [f"The names of the {whose} begin with {prefix!r}: load {change.format(prefix)}"]
    from difflib import get_close_matches  # an error is being written

    pairs = ((key, get_close_matches(key, missing, 1, 0.8)) for key in unexpected[:20])
    return [f'Did you mean "{near[0]}" by "{key}"?' for key, near in pairs if near]
