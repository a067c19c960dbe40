"""Products added to something: addmm and its kin, beta input + alpha product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from ..formula.expression import Expression
from .contraction import bmm, mm, mv, outer
from .define import pointwise
from .registry import method, public
from .write import write_out


def accumulated(product: Callable) -> Callable:
    """Decorator: the public function, method and in-place method that add to a product.

    product: Of two tensors. Its name, argument names and docstring are those of the public function.
    """
    name = product.__name__
    first, second = list(product.__annotations__)[:2]

    def formula(x: Expression, y: Expression, beta: complex = 1, alpha: complex = 1) -> Expression:
        return x * beta + y * alpha

    def plain(x: Expression, y: Expression) -> Expression:
        return x + y

    formula.__name__, plain.__name__ = f"{name}_scaled", f"{name}_sum"
    summed = pointwise(plain, label=name.capitalize(), namespace=None, method=False, inplace=False)
    scaled = pointwise(
        formula, label=name.capitalize(), namespace=None, method=False, inplace=False
    )

    def added(input: Any, x: Any, y: Any, beta: Any, alpha: Any, out: Tensor | None) -> Tensor:
        for title, value in zip(("input", first, second), (input, x, y)):
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{name}(): argument '{title}' must be Tensor, not {type(value).__name__}"
                )
        found = product(x, y)
        if name != "addr" and input.dtype is not found.dtype:
            raise RuntimeError(
                f"self and {second} must have the same dtype, but got {input.dtype.legacy} and "
                f"{found.dtype.legacy}: convert one with .to(dtype)"
            )
        beta, alpha = _factors(name, found, beta, alpha)
        if input._array.shape != found._array.shape:
            input = input.expand(found.shape)  # type: ignore[attr-defined]
        if beta == 1 == alpha:
            result = summed(input, found)
        elif beta == 0:  # what is multiplied by zero is not looked at: it may be nan
            result = found if alpha == 1 else found * alpha
        else:
            result = scaled(input, found, beta, alpha)
        return result if out is None else write_out(out, result, name)

    scope: dict[str, Any] = {"added": added, "Tensor": Tensor}
    exec(
        f"def {name}(input, {first}, {second}, *, beta=1, alpha=1, out=None):\n"
        f"    return added(input, {first}, {second}, beta, alpha, out)\n"
        f"def {name}_(self, {first}, {second}, *, beta=1, alpha=1):\n"
        f"    return written(self, added(self, {first}, {second}, beta, alpha, None))\n",
        scope | {"written": _written},
        scope,
    )
    function, in_place = scope[name], scope[f"{name}_"]
    function.__doc__ = product.__doc__
    in_place.__doc__ = f"The in-place form of `{name}`.\n\n    Source: torch.Tensor.{name}_\n    "
    method(f"{name}_")(in_place)
    return public(name, method=name)(function)


def _factors(name: str, product: Tensor, beta: Any, alpha: Any) -> tuple[Any, Any]:
    """beta and alpha as integers where the product's elements are.

    Raises:
        NotImplementedError: The product is of bools.
        RuntimeError: addr of integers is given another number.
    """
    if product._kind.dtype.category >= 2:
        return beta, alpha
    if product._kind.dtype.category == 0 and name != "addr":
        raise NotImplementedError(
            f"\"{name}_impl_cpu_\" not implemented for 'Bool': convert with .to(torch.int64)"
        )
    for title, value in (("beta", beta), ("alpha", alpha)):
        if name == "addr" and isinstance(value, float):
            raise RuntimeError(
                f"For integral input tensors, argument {title} must not be a floating point number."
            )
    sort = int if product._kind.dtype.category else bool
    return sort(beta), sort(alpha)


def _written(target: Tensor, result: Tensor) -> Tensor:
    if result.shape != target.shape:
        raise RuntimeError(
            f"Bad in-place call: input tensor size {list(target.shape)} and output tensor size "
            f"{list(result.shape)} should match"
        )
    return target.copy_(result)  # type: ignore[attr-defined]


@accumulated
def addmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """beta input + alpha (mat1 @ mat2).

    Shape: (n, m) or what broadcasts to it; (n, k) and (k, m).

    Source: torch.addmm

    Example:
        >>> import flambeau as torch
        >>> torch.addmm(torch.ones(2), torch.ones(1, 3), torch.ones(3, 2), alpha=2)
        tensor([[7., 7.]])
    """
    return mm(mat1, mat2)


@accumulated
def addmv(mat: Tensor, vec: Tensor) -> Tensor:
    """beta input + alpha (mat @ vec).

    Shape: (n) or what broadcasts to it; (n, k) and (k).

    Source: torch.addmv
    """
    return mv(mat, vec)


@accumulated
def addr(vec1: Tensor, vec2: Tensor) -> Tensor:
    """beta input + alpha outer(vec1, vec2).

    Shape: (n, m) or what broadcasts to it; (n) and (m).

    Source: torch.addr
    """
    return outer(vec1, vec2)


@accumulated
def baddbmm(batch1: Tensor, batch2: Tensor) -> Tensor:
    """beta input + alpha bmm(batch1, batch2).

    Shape: (b, n, m) or what broadcasts to it; (b, n, k) and (b, k, m).

    Source: torch.baddbmm
    """
    return bmm(batch1, batch2)


@accumulated
def addbmm(batch1: Tensor, batch2: Tensor) -> Tensor:
    """beta input + alpha times the sum of the batch's products.

    Shape: (n, m) or what broadcasts to it; (b, n, k) and (b, k, m).

    Source: torch.addbmm
    """
    return bmm(batch1, batch2).sum(0)  # type: ignore[attr-defined]
