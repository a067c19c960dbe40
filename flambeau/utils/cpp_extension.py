"""Extensions in C++ are not possible; packages that only ask whether they are can import this.

What PyTorch's module builds is machine code against PyTorch's own libraries, which do not exist
here. Every function says so. An operation of one's own is a formula (`flambeau.ops.pointwise`), an
`autograd.Function`, or a `library.custom_op`.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "BuildExtension",
    "CUDAExtension",
    "CppExtension",
    "SyclExtension",
    "include_paths",
    "is_ninja_available",
    "load",
    "load_inline",
    "verify_ninja_availability",
]

# Where PyTorch would have found compilers for other processors.
CUDA_HOME: str | None = None
CUDNN_HOME: str | None = None
ROCM_HOME: str | None = None
SYCL_HOME: str | None = None
IS_HIP_EXTENSION = False


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(
        f"{what}: flambeau has no C++ libraries that an extension could be built against or linked "
        "to. Write the operation in Python: a formula with @flambeau.ops.pointwise (it becomes "
        "machine code, its gradient is derived), a torch.autograd.Function, or torch.library.custom_op"
    )


def load(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Would compile C++ sources.

    Raises:
        RuntimeError: always.

    Source: torch.utils.cpp_extension.load
    """
    _refuse(f"cpp_extension.load({name!r})")


def load_inline(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Would compile C++ source text.

    Raises:
        RuntimeError: always.

    Source: torch.utils.cpp_extension.load_inline
    """
    _refuse(f"cpp_extension.load_inline({name!r})")


def CppExtension(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Would describe an extension to setuptools. Raises RuntimeError."""
    _refuse(f"cpp_extension.CppExtension({name!r})")


def CUDAExtension(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Would describe an extension to setuptools. Raises RuntimeError."""
    _refuse(f"cpp_extension.CUDAExtension({name!r})")


def SyclExtension(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Would describe an extension to setuptools. Raises RuntimeError."""
    _refuse(f"cpp_extension.SyclExtension({name!r})")


class BuildExtension:
    """Would be setuptools' command. Making one raises RuntimeError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("cpp_extension.BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> type[BuildExtension]:
        """The command with options: the same class, which refuses when it is made."""
        return cls


def include_paths(device_type: str = "cpu") -> NoReturn:
    """Would list PyTorch's header folders. Raises RuntimeError."""
    _refuse("cpp_extension.include_paths")


def library_paths(device_type: str = "cpu") -> NoReturn:
    """Would list PyTorch's library folders. Raises RuntimeError."""
    _refuse("cpp_extension.library_paths")


def is_ninja_available() -> bool:
    """Whether extensions can be built with ninja: no.

    Example:
        >>> from flambeau.utils import cpp_extension
        >>> cpp_extension.is_ninja_available()
        False
    """
    return False


def verify_ninja_availability() -> NoReturn:
    """Raises RuntimeError, as where ninja is missing."""
    _refuse("cpp_extension.verify_ninja_availability")
