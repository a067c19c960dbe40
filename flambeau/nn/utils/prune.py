"""Pruning: masks over parameters, by what they weigh or by chance.

A pruned parameter ``weight`` is kept as ``weight_orig``; its mask is the buffer ``weight_mask``, and before each
forward their product becomes the attribute ``weight``.

Source: torch.nn.utils.prune
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ... import cat, norm, ones_like, rand, rand_like, topk, zeros_like  # type: ignore[attr-defined]
from ...core.tensor import Tensor, wrap_dim
from ..module import Module

M = TypeVar("M", bound=Module)

# -------------------------------------------------------------------------------- what is asked


def _validate_pruning_amount_init(amount: Any) -> None:
    """Raises TypeError or ValueError unless it is a share in [0, 1] or a number of elements."""
    kind, whole = type(amount), isinstance(amount, numbers.Integral)
    if not issubclass(kind, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not whole and amount > 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
        )


def _compute_nparams_toprune(amount: Any, tensor_size: int) -> int:
    """How many of so many."""
    return int(amount) if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


def _validate_pruning_amount(amount: int, tensor_size: int) -> None:
    """Raises ValueError if more are asked for than there are."""
    if amount > tensor_size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}"
        )


def _validate_structured_pruning(t: Tensor) -> None:
    """Raises ValueError for what has no channels."""
    if t.ndim <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.ndim} dims"
        )


def _validate_pruning_dim(t: Tensor, dim: int) -> None:
    """Raises IndexError if there is no such dimension."""
    if dim >= t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_norm(t: Tensor, n: Any, dim: int) -> Tensor:
    """The n-norm of each channel along a dimension."""
    kept = wrap_dim(dim, t.ndim)
    return norm(t, p=n, dim=[i for i in range(t.ndim) if i != kept])


def _along(t: Tensor, dim: int, part: Any) -> tuple:
    """The index of a part along one dimension."""
    return tuple(part if i == wrap_dim(dim, t.ndim) else slice(None) for i in range(t.ndim))


# ------------------------------------------------------------------------------------- methods


class BasePruningMethod(ABC):
    """A way to choose what is pruned. Own ones define `compute_mask` and `PRUNING_TYPE`: "unstructured" sees
    what no other method has pruned, "structured" (with `dim`) the channels that are left, "global" all.

    It is the hook before forward, too.

    Source: torch.nn.utils.prune.BasePruningMethod
    """

    PRUNING_TYPE = ""
    _tensor_name: str | None = None

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))  # type: ignore[arg-type]

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor, given the one that there is: 1 for what stays."""

    def apply_mask(self, module: Any) -> Tensor:
        """The original times the mask.

        Raises:
            AssertionError: It prunes nothing yet.
        """
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prune a parameter of a module, on top of what prunes it already.

        Args:
            module, name: Whose parameter, and which.
            args, kwargs: The method's.
            importance_scores: What is looked at in place of the parameter.

        Raises:
            AssertionError: The scores have another shape.
        """
        made = cls(*args, **kwargs)
        made._tensor_name = name
        method = _joined(_taken_off(module, name), made)
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{scores.shape} vs {original.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            module.register_parameter(f"{name}_orig", original)
            del module._parameters[name]
            before = ones_like(original)
        else:
            before = getattr(module, f"{name}_mask").detach().clone()
        try:
            mask = method.compute_mask(scores, default_mask=before)
            module.register_buffer(f"{name}_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if first:
                module.register_parameter(name, module._parameters.pop(f"{name}_orig"))
            raise
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A tensor with what is pruned set to zero; no module is changed.

        Raises:
            AssertionError: The scores have another shape.
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        before = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=before)

    def remove(self, module: Any) -> None:
        """Make what is pruned so for good: the product becomes the parameter.

        Raises:
            AssertionError: It prunes nothing.
        """
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight: Any = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        original.data = weight.detach()
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _taken_off(module: Any, name: str) -> BasePruningMethod | None:
    """The method that prunes a parameter already; its hook is taken off."""
    found = {
        number: hook
        for number, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    }
    if len(found) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
            "PruningContainer."
        )
    for number, hook in found.items():
        del module._forward_pre_hooks[number]
        return hook
    return None


def _joined(old: BasePruningMethod | None, new: BasePruningMethod) -> BasePruningMethod:
    """Both methods as one."""
    if old is None:
        return new
    container = old if isinstance(old, PruningContainer) else PruningContainer(old)
    container.add_pruning_method(new)
    return container


class PruningContainer(BasePruningMethod):
    """Methods that prune one parameter, one after the other.

    Source: torch.nn.utils.prune.PruningContainer
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """One more.

        Raises:
            TypeError: It is none.
            ValueError: It prunes another parameter.
        """
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and method._tensor_name != self._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method, within what the others have left.

        Raises:
            AttributeError, ValueError: The method does not say what it sees.
        """
        method: Any = self._pruning_methods[-1]
        mask: Any = default_mask.to(dtype=t.dtype)  # type: ignore[attr-defined]
        mask = mask.clone() if mask is default_mask else mask
        part = _seen_by(method, t, default_mask)
        found = method.compute_mask(t[part], default_mask=default_mask[part])
        mask[part] = found.to(dtype=mask.dtype)
        return mask


def _seen_by(method: Any, t: Tensor, mask: Any) -> Any:
    """The index of what a method may look at."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "structured":
        if not hasattr(method, "dim"):
            raise AttributeError(
                'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
            )
        kept = wrap_dim(method.dim, t.ndim)
        others = [i for i in range(t.ndim) if i != kept]
        return _along(t, kept, mask.sum(dim=others) != 0)
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.ndim
    raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


class Identity(BasePruningMethod):
    """Prunes nothing, and sets up what pruning needs.

    Source: torch.nn.utils.prune.Identity
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Unstructured(BasePruningMethod):
    """Prunes the elements with the lowest, or highest, rank."""

    PRUNING_TYPE = "unstructured"
    largest = False

    def __init__(self, amount: Any) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def rank(self, t: Any) -> Tensor:
        """What is compared."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        count = _compute_nparams_toprune(self.amount, t.numel())
        _validate_pruning_amount(count, t.numel())
        mask = default_mask.clone().contiguous()
        if count:
            chosen = topk(self.rank(t).reshape(-1), count, largest=self.largest)
            mask.view(-1)[chosen.indices] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes elements by chance.

    Source: torch.nn.utils.prune.RandomUnstructured
    """

    largest = True

    def rank(self, t: Any) -> Tensor:
        return rand_like(t)


class L1Unstructured(_Unstructured):
    """Prunes the elements of the least magnitude.

    Source: torch.nn.utils.prune.L1Unstructured
    """

    def rank(self, t: Any) -> Tensor:
        return t.abs()


class _Structured(BasePruningMethod):
    """Prunes whole channels along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        _validate_pruning_amount_init(amount)
        self.amount, self.dim = amount, dim

    def kept(self, t: Tensor, size: int, count: int) -> Tensor:
        """The index of the channels that stay, where `count` of `size` go."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Any) -> Tensor:
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        size = t.shape[self.dim]
        count = _compute_nparams_toprune(self.amount, size)
        _validate_pruning_amount(count, size)
        if not count:
            return default_mask
        mask = zeros_like(t)
        mask[_along(t, self.dim, self.kept(t, size, count))] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_Structured):
    """Prunes channels by chance.

    Source: torch.nn.utils.prune.RandomStructured
    """

    def kept(self, t: Tensor, size: int, count: int) -> Tensor:
        chance = rand(size)
        return chance > chance.kthvalue(count).values


class LnStructured(_Structured):
    """Prunes the channels of the least n-norm.

    Source: torch.nn.utils.prune.LnStructured
    """

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def kept(self, t: Tensor, size: int, count: int) -> Tensor:
        return topk(_compute_norm(t, self.n, self.dim), size - count).indices


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says.

    Source: torch.nn.utils.prune.CustomFromMask
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Any) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)  # type: ignore[attr-defined]


# ----------------------------------------------------------------------------------- functions


def identity(module: M, name: str) -> M:
    """Set up pruning of a parameter, and prune nothing; the module itself.

    Source: torch.nn.utils.prune.identity
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: Any) -> M:
    """Prune elements of a parameter by chance: a share of them, or so many.

    Source: torch.nn.utils.prune.random_unstructured
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: M, name: str, amount: Any, importance_scores: Any = None) -> M:
    """Prune the elements of a parameter that have the least magnitude: a share of them, or so many.

    Source: torch.nn.utils.prune.l1_unstructured

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> _ = torch.nn.init.constant_(layer.weight, 1.0)
        >>> _ = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=1)
        >>> layer.weight.count_nonzero(), [name for name, _ in layer.named_buffers()]
        (tensor(1), ['weight_mask'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: Any, dim: int) -> M:
    """Prune channels of a parameter along a dimension by chance.

    Source: torch.nn.utils.prune.random_structured
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> M:
    """Prune the channels of a parameter that have the least n-norm.

    Source: torch.nn.utils.prune.ln_structured
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter by a mask.

    Source: torch.nn.utils.prune.custom_from_mask
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Any, str]],
    pruning_method: Any,
    importance_scores: dict[tuple[Any, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: Pairs of a module and a name.
        pruning_method: A class whose PRUNING_TYPE is "unstructured".
        importance_scores: By such pairs, what is looked at in place of parameters.
        kwargs: The method's.

    Raises:
        TypeError: One of them is something else.

    Source: torch.nn.utils.prune.global_unstructured
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    listed = list(parameters)
    values = [getattr(module, name) for module, name in listed]
    flat = cat([scores.get(pair, value).reshape(-1) for pair, value in zip(listed, values)])
    masks = [
        getattr(module, f"{name}_mask", ones_like(value)).reshape(-1)
        for (module, name), value in zip(listed, values)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "all of them"
    mask = PruningContainer(method).compute_mask(flat, cat(masks))
    parts = mask.split([value.numel() for value in values])
    for (module, name), value, part in zip(listed, values, parts):
        custom_from_mask(module, name, part.view_as(value))


def remove(module: M, name: str) -> M:
    """Make what is pruned so for good, and take the mask and the hook off; the module itself.

    Raises:
        ValueError: The parameter is not pruned.

    Source: torch.nn.utils.prune.remove
    """
    method = _taken_off(module, name)
    if method is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method.remove(module)
    return module


def is_pruned(module: Any) -> bool:
    """Is a parameter of the module, or of those below it, pruned?

    Source: torch.nn.utils.prune.is_pruned
    """
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        for hook in part._forward_pre_hooks.values()
    )
