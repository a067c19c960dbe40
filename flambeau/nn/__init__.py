"""Neural networks: modules, layers, losses, first values."""

from . import functional, init
from .activation import LAYERS as _activations
from .activation import Hardtanh
from .container import ModuleDict, ModuleList, Sequential
from .layer import Dropout, Embedding, Flatten, Identity, LayerNorm, Linear, Unflatten
from .loss import LAYERS as _losses
from .module import Module
from .parameter import Buffer, Parameter
from .parameter_container import ParameterDict, ParameterList

globals().update(_activations)
globals().update(_losses)


def __getattr__(name: str) -> object:
    if name == "utils":
        from importlib import import_module

        return import_module(f"{__name__}.utils")
    raise AttributeError(f"module 'torch.nn' has no attribute '{name}'")
