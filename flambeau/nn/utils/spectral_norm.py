"""spectral_norm, the old way: by a hook before forward."""

from __future__ import annotations

from typing import Any

from ...autograd.mode import no_grad
from ...core.tensor import Tensor
from .. import functional as F
from ..module import Module
from ..parameter import Parameter


class SpectralNorm:
    """The hook: divides the weight by its largest singular value before each forward."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def matrix(self, weight: Any) -> Tensor:
        """The weight with its outputs as rows."""
        return weight.movedim(self.dim, 0).flatten(1)

    def compute(self, module: Any, iterations: int) -> Tensor:
        """The weight over its norm, after some steps of power iteration on the module's u and v."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix: Any = self.matrix(weight)
        with no_grad():
            for _ in range(iterations):
                v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # later iterations must not change what is saved
        return weight / u.dot(matrix.mv(v))

    def __call__(self, module: Any, inputs: Any) -> None:
        iterations = self.n_power_iterations if module.training else 0
        setattr(module, self.name, self.compute(module, iterations))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value; `parametrizations.spectral_norm` is newer.

    Args:
        n_power_iterations: Steps of the guess before each forward while training.
        eps: Smallest norm that is divided by.
        dim: The one of the outputs. Default: 0, or 1 for transposed convolutions.

    Raises:
        ValueError: `n_power_iterations` is not positive.
        RuntimeError: It is so divided already.

    Source: torch.nn.utils.spectral_norm; Miyato et al. (2018)

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 2))
        >>> sorted(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )
    for old in module._forward_pre_hooks.values():
        if isinstance(old, SpectralNorm) and old.name == name:
            raise RuntimeError(
                f"Cannot register two spectral_norm hooks on the same parameter {name}"
            )
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight: Any = module._parameters.pop(name)
    matrix: Any = hook.matrix(weight.detach())
    rows, columns = matrix.shape
    u = F.normalize(matrix.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
    v = F.normalize(matrix.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the divided weight a parameter again.

    Raises:
        ValueError: It is not divided.

    Source: torch.nn.utils.remove_spectral_norm
    """
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            weight = hook.compute(module, 0).detach()
            delattr(module, name)
            del module._buffers[f"{name}_u"], module._buffers[f"{name}_v"]
            del module._parameters[f"{name}_orig"], module._forward_pre_hooks[number]
            module.register_parameter(name, Parameter(weight))
            return module
    raise ValueError(f"spectral_norm of '{name}' not found in {module}")
