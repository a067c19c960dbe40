"""`rowwise`: operations that look at whole rows, over the dimensions given by ``dim=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import FLOAT
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor, wrap_dim
from ...formula.evaluate import row_length
from ..registry import is_overridden, override
from ..write import write_out
from .fast_path import AXES, dropped, each
from .formula_node import ONE, apply
from .formula_operation import FormulaOperation
from .operand import arrays_of
from .specialization import Specialization

LAST = (-1,)


def record_row(
    spec: Specialization, result: Tensor, x: Tensor, axes: tuple[int, ...] | None, drops: bool
) -> None:
    """Make the node of a row operation of one operand, over one dimension or all."""
    a, y, kept = x._array, result._array, None
    gradient = spec.plans[ONE].gradient
    if drops:
        if axes is None:
            kept = (1,) * a.ndim
        elif len(axes) > 1:
            kept = dropped(a, axes)[0]
        else:
            at = axes[0] + a.ndim
            kept = (*a.shape[:at], 1, *a.shape[at + 1 :])
        if gradient.outputs:
            y = y.reshape(kept)
    parameters = (row_length(a, axes), axes) if gradient.counted else (axes,)
    spec.plans[ONE].record((x._node,), a, y, x._cell, result, parameters, kept)


class RowOperation(FormulaOperation):
    """A formula over rows. Calling it takes the operands, the dimensions, and options by name.

    The kernel gets the axes counted from the end (None: all) and keeps reduced axes with size 1.
    """

    def __call__(
        self,
        *operands: Any,
        dim: Any = None,
        keepdim: bool = False,
        dtype: Any = None,
        out: Any = None,
        statics: tuple = (),
        parameters: tuple = (),
    ) -> Any:
        """The operation over `dim` (an int, several, or None for all)."""
        if len(operands) == 1 and not statics and not parameters:
            return self.over(operands[0], dim, keepdim, dtype, out)
        if dtype is None and out is None:
            operands += (None,) * (len(self.operands) - len(operands))
            present = tuple([x is not None for x in operands])
            return self.fast[present](*operands, statics, parameters, dim, keepdim)
        return self.slow(operands, dim, keepdim, dtype, out, statics, parameters)

    def over(
        self,
        x: Any,
        dim: Any = None,
        keepdim: bool = False,
        dtype: Any = None,
        out: Any = None,
    ) -> Any:
        """The operation on one operand without options: a straight line for the usual dimensions."""
        if dtype is not None and isinstance(x, Tensor):
            x, dtype = x.to(dtype), None  # type: ignore[attr-defined]
        try:
            spec = self.same[x._kind]
            operand = x._array
            ndim = operand.ndim
            if dim is None:
                axes = None
            elif dim.__class__ is int and -ndim <= dim < ndim:
                axes = LAST if dim == -1 or dim + 1 == ndim else (dim - ndim if dim >= 0 else dim,)
            else:
                axes = AXES[tuple(dim) if dim.__class__ is list else dim, ndim]
        except (KeyError, AttributeError, IndexError, TypeError):
            return self.slow((x,), dim, keepdim, dtype, out, (), ())
        if dtype is not None or out is not None or not ndim:
            return self.slow((x,), dim, keepdim, dtype, out, (), ())
        node = x._node
        if not spec.has_fast_path:
            if not spec.is_uniform or (node is not None and mode.recording):
                return self.slow((x,), dim, keepdim, dtype, out, (), ())
            run = spec.run if keepdim or not spec.reduces else spec.flat
            return each(spec, run(operand, axes))
        if node is not None and not (mode.recording and spec.result.dtype.category >= FLOAT):
            node = None
        drops = not keepdim and spec.reduces
        if node is not None and spec.plans[ONE].extended is not None:
            return self.slow((x,), dim, keepdim, dtype, out, (), ())
        array = spec.flat(operand, axes) if drops else spec.run(operand, axes)
        result = handle.make(array, spec.result, None, [0], None)
        if node is not None:
            record_row(spec, result, x, axes, drops)
        return result

    def slow(
        self,
        operands: tuple,
        dim: Any,
        keepdim: bool,
        dtype: Any,
        out: Any,
        statics: tuple,
        parameters: tuple,
    ) -> Any:
        """Any call; finds or makes the specialisation."""
        if any(x is not None and is_overridden(x) for x in operands):
            options = {
                key: value
                for key, value in (
                    ("dim", dim),
                    ("keepdim", keepdim),
                    ("dtype", dtype),
                    ("out", out),
                )
                if value not in (None, False)
            }
            return override(self.function, operands, operands, options)
        operands = self.accepted(operands)
        if dtype is not None:
            operands = (operands[0].to(dtype), *operands[1:])
        spec = self.promote(operands, statics)
        present = tuple([x for x in operands if x is not None])
        arrays = arrays_of(present, spec)
        lifted = arrays[0].ndim == 0
        if lifted:
            wrap_dims(dim, 0)
            arrays = [a.reshape(1) if a.ndim == 0 else a for a in arrays]
            dim = None
        axes, kept = self.placed(spec, arrays[0], dim, keepdim)
        if lifted:
            kept = (arrays[0].shape if kept is None else kept[0], (), True)  # type: ignore[assignment]
        result = apply(spec, present, arrays, (*parameters, axes), kept)
        return result if out is None else write_out(out, result, self.name)

    def placed(
        self,
        spec: Specialization,
        array: Any,
        dim: Any,
        keepdim: bool,
    ) -> tuple[tuple[int, ...] | None, tuple[tuple, tuple] | None]:
        """The kernel's axes, and for a reduction that drops them the result's shapes with and without."""
        reduced = not spec.program.roots[0].full
        ndim = array.ndim
        if dim.__class__ is int:
            if not -ndim <= dim < ndim:
                wrap_dim(dim, ndim)
            axis = dim if dim < 0 else dim - ndim
            if not reduced:
                return (axis,), None
            if keepdim:
                return (axis,), None
            shape = array.shape
            at = axis + ndim
            return (axis,), ((*shape[:at], 1, *shape[at + 1 :]), (*shape[:at], *shape[at + 1 :]))
        if dim is None or dim == () or dim == []:
            if not reduced or keepdim:
                return None, None
            return None, ((1,) * ndim, ())
        dims = wrap_dims(dim, ndim)
        axes = tuple(d - ndim for d in dims)
        if not reduced or keepdim:
            return axes, None
        shape = array.shape
        return axes, (
            tuple(1 if i in dims else n for i, n in enumerate(shape)),
            tuple(n for i, n in enumerate(shape) if i not in dims),
        )


def wrap_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions counted from the front, each once.

    Raises:
        IndexError: One is out of range.
        RuntimeError: One occurs twice.
    """
    if dim is None:
        return tuple(range(ndim))
    if not isinstance(dim, (tuple, list)):
        dim = (int(dim),)
    dims = tuple(wrap_dim(int(d), ndim) for d in dim)
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims


def one_dim(name: str, dim: Any) -> None:
    """Raises TypeError where several dimensions are given to a function that wants one."""
    if isinstance(dim, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'dim' must be int, not {type(dim).__name__}: take one dimension "
            "after the other"
        )


def rowwise(
    formula: Callable | None = None,
    *,
    kind: PromotionKind = PromotionKind.DEFAULT,
    label: str = "",
    not_promoted: str = "",
    reduced: str = "",
    static: str = "",
    names: str | None = None,
    unsupported: str = "",
) -> Any:
    """Make an operation of a formula of rows.

    Args:
        formula: A function of symbols. What it reduces (sum, amax, ...) runs over the dimensions that
            a call names.
        kind, label, not_promoted, static, names, unsupported: As for `pointwise`.
        reduced: Operands with one value a row.

    The result is called ``operation(x, ..., dim=, keepdim=, dtype=, out=, statics=, parameters=)``; public
    functions with torch's signatures are written over it.
    """

    def make(formula: Callable) -> RowOperation:
        return RowOperation(
            formula,
            kind,
            names=names,
            label=label,
            not_promoted=not_promoted,
            reduced=reduced,
            static=static,
            numbers="",
            unsupported=unsupported,
            rows=True,
        )

    return make if formula is None else make(formula)


__all__ = ["RowOperation", "one_dim", "rowwise", "wrap_dims"]
