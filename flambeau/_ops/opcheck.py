"""Checks of operations that programs define, on examples of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.pytree.tree import tree_map_only
from ..core.tensor import Tensor
from .definition import DEFINITIONS, tensors_of

TESTS = ("test_schema", "test_autograd_registration", "test_faketensor")
_OF_COMPILERS = ("test_aot_dispatch_dynamic", "test_aot_dispatch_static")


class OpCheckError(Exception):
    """An operation does not do what it says.

    Source: torch.testing._internal.optests.generate_tests.OpCheckError
    """


def opcheck(
    op: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    test_utils: str | Sequence[str] = TESTS,
    raise_exception: bool = True,
    atol: float | None = None,
    rtol: float | None = None,
) -> dict[str, str]:
    """Check an operation on an example: does it write what its schema says, has it a gradient where one is
    wanted, and does its fake give results like the real ones?

    Args:
        op: The operation.
        args, kwargs: The example.
        test_utils: Which of "test_schema", "test_autograd_registration" and "test_faketensor". PyTorch's checks of
            its compiler, "test_aot_dispatch_dynamic" and its like, have nothing to check here.
        raise_exception: Raise the first error, or give its text.
        atol, rtol: For PyTorch's checks of its compiler.

    Returns:
        "SUCCESS" or what went wrong, for each check.

    Raises:
        ValueError: An unknown check.
        OpCheckError: A check failed.

    Source: torch.library.opcheck
    """
    kwargs = kwargs or {}
    name = getattr(op, "_qualname", None) or op._name
    definition = DEFINITIONS.get(name)
    wanted = (test_utils,) if isinstance(test_utils, str) else test_utils
    found = {}
    for test in wanted:
        if test in _OF_COMPILERS:
            continue
        if test not in _CHECKS:
            raise ValueError(f"unknown check {test!r}: one of {', '.join(TESTS)}")
        try:
            _CHECKS[test](op, definition, args, kwargs)
            found[test] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(f"opcheck(op, ...): {test} failed with {error}") from error
            found[test] = str(error)
    return found


def _schema(op: Any, definition: Any, args: tuple, kwargs: dict) -> None:
    given = definition.schema.bind(args, kwargs)
    copies = {
        name: tree_map_only(Tensor, lambda x: x.detach().clone(), v) for name, v in given.items()
    }
    before = tree_map_only(Tensor, lambda x: x.clone(), copies)
    op(**copies) if kwargs else op(
        *[copies[a.name] for a in definition.schema.positional if a.name in copies]
    )
    for argument in definition.schema.arguments:
        if argument.name in copies and not argument.is_write:
            pairs = zip(tensors_of(copies[argument.name]), tensors_of(before[argument.name]))
            if not all(x.equal(y) for x, y in pairs):
                raise AssertionError(
                    f"Argument {argument.name} is not defined as mutable but was mutated: name it in mutates_args"
                )


def _autograd(op: Any, definition: Any, args: tuple, kwargs: dict) -> None:
    if not any(x.requires_grad for x in tensors_of([args, kwargs])):
        return
    if definition.backward is None and not any(
        k.startswith("Autograd") for k in definition.kernels
    ):
        if "CompositeImplicitAutograd" in definition.kernels or definition.function is not None:
            return
        raise AssertionError(
            f"{definition.schema.name} was given tensors that require a gradient, and has none: "
            "torch.library.register_autograd"
        )


def _fake(op: Any, definition: Any, args: tuple, kwargs: dict) -> None:
    if (
        definition.fake is None
        and definition.function is None
        and not any(key.startswith("Composite") for key in definition.kernels)
    ):
        raise AssertionError(f"{definition.schema.name} has no fake: torch.library.register_fake")
    real = op(*tree_map_only(Tensor, lambda x: x.detach().clone(), args), **kwargs)
    meta = tree_map_only(Tensor, lambda x: x.detach().to("meta"), (args, kwargs))
    fake = op(*meta[0], **meta[1])
    pairs = list(zip(tensors_of(real), tensors_of(fake), strict=True))
    for x, y in pairs:
        if x.shape != y.shape or x.dtype != y.dtype:
            raise AssertionError(
                f"the fake gives {list(y.shape)} of {y.dtype}, the operation {list(x.shape)} of {x.dtype}"
            )


_CHECKS = {
    "test_schema": _schema,
    "test_autograd_registration": _autograd,
    "test_faketensor": _fake,
}
