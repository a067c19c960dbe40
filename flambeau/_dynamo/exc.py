"""Errors of PyTorch's compiler, for programs that catch them: none is raised but `InvalidBackend`.

Source: torch._dynamo.exc
"""

from __future__ import annotations

from ..compiler.backend import InvalidBackend


class TorchDynamoException(RuntimeError):
    """An error of the compiler."""


class Unsupported(TorchDynamoException):
    """Code that cannot be compiled."""


class UserError(Unsupported):
    """Code that the program has to change."""


class RecompileError(TorchDynamoException):
    """A function would have to be compiled again."""


class InternalTorchDynamoError(TorchDynamoException):
    """A fault of the compiler."""


class BackendCompilerFailed(TorchDynamoException):
    """A fault of a backend."""


class FailOnRecompileLimitHit(TorchDynamoException):
    """A function was compiled too often."""


class TensorifyScalarRestartAnalysis(TorchDynamoException):
    """Compiling starts again."""


__all__ = [
    "BackendCompilerFailed",
    "FailOnRecompileLimitHit",
    "InternalTorchDynamoError",
    "InvalidBackend",
    "RecompileError",
    "TensorifyScalarRestartAnalysis",
    "TorchDynamoException",
    "Unsupported",
    "UserError",
]
