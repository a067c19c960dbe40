"""Containers: modules in order or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._caller import warn
from .module import Module


class _Indexed(Module):
    """Submodules named "0", "1", ..."""

    def _at(self, index: Any) -> str:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return list(self._modules)[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._at(index), module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)
        gone = set(names[index]) if isinstance(index, slice) else {self._at(index)}
        self._renumber([module for name, module in self._modules.items() if name not in gone])

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end."""
        for module in _several(self, modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        self._modules.update((str(i), item) for i, item in enumerate(modules))

    def pop(self, index: int = -1) -> Module:
        """Take a module out."""
        module = self._modules[self._at(index)]
        del self[index]
        return module


class Sequential(_Indexed):
    """Modules called one after the other.

    Source: torch.nn.Sequential

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = (
            args[0].items()
            if len(args) == 1 and isinstance(args[0], OrderedDict)
            else ((str(i), module) for i, module in enumerate(args))
        )
        for name, module in named:
            if isinstance(module, Iterable) and not isinstance(module, Module):
                raise TypeError(
                    f"{type(module).__name__} is not a Module subclass: give the modules one by one, "
                    "Sequential(*layers), or named ones in an OrderedDict"
                )
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._at(index)]

    def insert(self, index: int, module: Module) -> Sequential:
        """Add a module before the one at `index`.

        Raises:
            AssertionError: It is no module.
            IndexError: The index is out of range.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"Index out of range: {index}")
        return super().insert(index + count if index < 0 else index, module)

    def __add__(self, other: Sequential) -> Sequential:
        _only_sequential(other, "add operator")
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        _only_sequential(other, "add operator")
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(module for _ in range(_times(other)) for module in self))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Sequential:
        modules = list(self)
        for _ in range(_times(other) - 1):
            self.extend(modules)
        return self


def _only_sequential(other: Any, what: str) -> None:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"{what} supports only objects of Sequential class, but {type(other)} is given."
        )


def _times(n: Any) -> int:
    if not isinstance(n, int):
        raise TypeError(f"unsupported operand type(s) for *: {Sequential} and {type(n)}")
    if n <= 0:
        raise ValueError(f"Non-positive multiplication factor {n} for {Sequential}")
    return n


def _several(owner: Module, modules: Any) -> list[Module]:
    if not isinstance(modules, Iterable):
        raise TypeError(
            f"{type(owner).__name__}.extend should be called with an iterable, but got "
            f"{type(modules).__name__}"
        )
    return list(modules)


class ModuleList(_Indexed):
    """A list of modules.

    Source: torch.nn.ModuleList
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._at(index)]

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """Modules that look alike are shown once, with their number."""
        groups: list[tuple[int, int, str]] = []
        for i, module in enumerate(self):
            text = repr(module)
            if groups and groups[-1][2] == text:
                groups[-1] = groups[-1][0], i, text
            else:
                groups.append((i, i, text))
        if not groups:
            return f"{self._get_name()}()"
        lines = []
        for first, last, text in groups:
            label = f"({first})" if first == last else f"({first}-{last})"
            count = "" if first == last else f"{last - first + 1} x "
            lines.append(f"\n  {label}: {count}" + text.replace("\n", "\n  "))
        return f"{self._get_name()}({''.join(lines)}\n)"


class ModuleDict(Module):
    """Modules by name.

    Source: torch.nn.ModuleDict
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def items(self) -> Any:
        """Names and modules."""
        return self._modules.items()

    def clear(self) -> None:
        """Remove all."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take a module out."""
        return self._modules.pop(key)

    def update(self, modules: Any) -> None:
        """Add modules, by name.

        Raises:
            TypeError, ValueError: It holds no names and modules.
        """
        for key, module in pairs(self, modules):
            self[key] = module


def pairs(owner: Module, given: Any) -> Iterable[tuple[str, Any]]:
    """The names and values of what `update` was given.

    Raises:
        TypeError: It is no iterable, or has elements that are none.
        ValueError: An element has not two parts.
    """
    name = type(owner).__name__
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            f"{type(given).__name__}"
        )
    if isinstance(given, Mapping) or hasattr(given, "items"):
        return given.items()
    listed = list(given)
    for i, item in enumerate(listed):
        if not isinstance(item, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is {type(item).__name__}"
            )
        if len(item) != 2:  # type: ignore[arg-type]
            raise ValueError(
                f"{name} update sequence element #{i} has length {len(item)}; 2 is required"  # type: ignore[arg-type]
            )
    return listed


class Container(Module):
    """The container of old programs, whose modules are given by name.

    Source: torch.nn.Container
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warn(
            "nn.Container is deprecated. All of it's functionality is now implemented in nn.Module. Subclass that "
            "instead.",
            FutureWarning,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)
