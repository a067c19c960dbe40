"""Parameters, buffers and submodules of a module by their dotted names.

Source: torch.nn.utils._named_member_accessor
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...core.tensor import Tensor
from ..module import Module

_MISSING: Any = object()


def _checked(module: Any, kind: str, name: str) -> None:
    if not isinstance(module, Module):
        raise TypeError(f"{module} is not an instance of torch.nn.Module")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')


def _is_tensor(value: Any, what: str) -> None:
    if value is not None and value is not _MISSING and not isinstance(value, Tensor):
        raise TypeError(f"{what} is not an instance of torch.Tensor")


def set_tensor(module: Module, name: str, tensor: Tensor | None) -> None:
    """Put a tensor in the place of a module's own parameter, buffer or attribute, whatever its class.

    Raises:
        TypeError, KeyError: It is none, or the name cannot be one.
    """
    swap_tensor(module, name, tensor, allow_missing=True)


def swap_tensor(module: Module, name: str, tensor: Any, allow_missing: bool = False) -> Any:
    """The same; gives what was there (`_MISSING` for nothing, which also takes something away).

    Raises:
        TypeError, KeyError: As `set_tensor`.
        AttributeError: There is nothing, and that is not allowed.
    """
    _checked(module, "tensor", name)
    _is_tensor(tensor, str(tensor))
    for place in (module._parameters, module._buffers):
        if name in place:
            before = place.pop(name) if tensor is _MISSING else place[name]
            if tensor is not _MISSING:
                place[name] = tensor
            return before
    before = getattr(module, name, _MISSING)
    if before is _MISSING and not allow_missing:
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    _is_tensor(before, f"attribute `{name}`: {before}")
    if tensor is not _MISSING:
        setattr(module, name, tensor)
    elif before is not _MISSING:
        delattr(module, name)
    return before


def swap_submodule(module: Module, name: str, submodule: Module) -> Module:
    """Put a module in the place of another; gives that one.

    Raises:
        TypeError, KeyError: One is no module, or there is none of this name.
    """
    _checked(module, "submodule", name)
    if not isinstance(submodule, Module):
        raise TypeError(f"{submodule} is not an instance of torch.nn.Module")
    if name not in module._modules:
        raise KeyError(f"submodule {name} does not exist")
    before = module._modules[name]
    if not isinstance(before, Module):
        raise TypeError(f"{name} attribute is not an instance of torch.nn.Module")
    module._modules[name] = submodule
    return before


class NamedMemberAccessor:
    """Members of a module by dotted names; submodules on the way are remembered.

    Source: torch.nn.utils._named_member_accessor.NamedMemberAccessor
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.memo: dict[str, Module] = {}

    def get_submodule(self, name: str) -> Module:
        """The module at a dotted name; the module itself for "".

        Raises:
            AttributeError, TypeError: There is nothing, or no module.
        """
        if not name:
            return self.module
        found = self.memo.get(name)
        if found is None:
            path, _, last = name.rpartition(".")
            parent = self.get_submodule(path)
            if not hasattr(parent, last):
                raise AttributeError(f"{parent._get_name()} has no attribute `{last}`")
            found = getattr(parent, last)
            if not isinstance(found, Module):
                raise TypeError(
                    f"submodule `{name}`: {found} is not an instance of torch.nn.Module"
                )
            self.memo[name] = found
        return found

    def _owner(self, name: str) -> tuple[Module, str]:
        path, _, last = name.rpartition(".")
        return self.get_submodule(path), last

    def swap_submodule(self, path: str, value: Module) -> Module:
        """Put a module at a dotted name; gives what was there."""
        return swap_submodule(*self._owner(path), value)

    def get_tensor(self, name: str) -> Any:
        """The tensor at a dotted name.

        Raises:
            AttributeError, TypeError: There is nothing, or no tensor.
        """
        module, last = self._owner(name)
        if not hasattr(module, last):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        found = getattr(module, last)
        _is_tensor(found, str(found))
        return found

    def set_tensor(self, name: str, value: Any) -> None:
        """Put a tensor at a dotted name."""
        set_tensor(*self._owner(name), value)

    def del_tensor(self, name: str) -> None:
        """Take it away.

        Raises:
            AttributeError: There is nothing.
        """
        module, last = self._owner(name)
        try:
            delattr(module, last)
        except AttributeError as error:
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`") from error

    def swap_tensor(self, name: str, value: Any, allow_missing: bool = False) -> Any:
        """Put a tensor at a dotted name; gives what was there."""
        return swap_tensor(*self._owner(name), value, allow_missing=allow_missing)

    def get_tensors(self, names: Iterable[str]) -> list[Any]:
        """Several."""
        return [self.get_tensor(name) for name in names]

    def set_tensors(self, names: Iterable[str], values: Iterable[Any]) -> None:
        """Several.

        Raises:
            AssertionError: There are more of the one than of the other.
        """
        for name, value in _pairs(names, values):
            self.set_tensor(name, value)

    def set_tensors_dict(self, named_tensors: dict[str, Any]) -> None:
        """Several, by their names."""
        for name, value in named_tensors.items():
            self.set_tensor(name, value)

    def del_tensors(self, names: Iterable[str]) -> None:
        """Several."""
        for name in names:
            self.del_tensor(name)

    def swap_tensors(
        self, names: Iterable[str], values: Iterable[Any], allow_missing: bool = False
    ) -> list[Any]:
        """Several.

        Raises:
            AssertionError: There are more of the one than of the other.
        """
        return [
            self.swap_tensor(name, value, allow_missing) for name, value in _pairs(names, values)
        ]

    def swap_tensors_dict(
        self, named_tensors: dict[str, Any], allow_missing: bool = False
    ) -> tuple[dict[str, Any], list[str]]:
        """Several, by their names; gives what was there, and the names that were not. All or none is changed.

        Raises:
            RuntimeError: A name is missing, and that is not allowed.
        """
        before: dict[str, Any] = {}
        try:
            for name, tensor in named_tensors.items():
                before[name] = self.swap_tensor(name, tensor, allow_missing=True)
            missing = [name for name, tensor in before.items() if tensor is _MISSING]
            if missing and not allow_missing:
                raise RuntimeError(f"Missing key(s): {', '.join(map(repr, missing))}.")
        except Exception:
            for name, tensor in before.items():
                self.swap_tensor(name, tensor, allow_missing=True)
            raise
        return before, missing

    def check_keys(self, keys: Iterable[str]) -> tuple[list[str], list[str]]:
        """Names of the module that are not among `keys`, and the other way round."""
        given = set(keys)
        there = {name for name, _ in self.named_tensors(remove_duplicate=False)}
        return sorted(there - given), sorted(given - there)

    def named_parameters(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Names and parameters."""
        return self.module.named_parameters(remove_duplicate=remove_duplicate)

    def named_buffers(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Names and buffers."""
        return self.module.named_buffers(remove_duplicate=remove_duplicate)

    def named_tensors(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Names, parameters and buffers."""
        yield from self.named_parameters(remove_duplicate)
        yield from self.named_buffers(remove_duplicate)

    def named_modules(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Names and modules."""
        return self.module.named_modules(remove_duplicate=remove_duplicate)


def _pairs(names: Iterable[str], values: Iterable[Any]) -> list[tuple[str, Any]]:
    listed, given = list(names), list(values)
    if len(listed) != len(given):
        raise AssertionError(
            f"names and values must have the same length, got {len(listed)} names and {len(given)} values"
        )
    return list(zip(listed, given))
