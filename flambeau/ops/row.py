"""`rowwise`: operations that look at whole rows, over the dimensions given by ``dim=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.mode import mode
from ..core.promotion import PromotionKind
from ..core.quiet import restore, silence, silent
from ..core.tensor import Tensor, wrap_dim
from .formula import ONE, FormulaOperation, Specialization, apply, record_unary
from .registry import is_overridden, override
from .write import write_out

_new = object.__new__


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
        x = operands[0]
        try:
            spec = (
                self.same[x._kind]
                if not statics and dtype is None and out is None and (len(operands) == 1)
                else None
            )
        except (KeyError, AttributeError):
            spec = None
        if spec is None or (dim is not None and not x._array.ndim):
            return self.slow(operands, dim, keepdim, dtype, out, statics, parameters)
        axes, kept = self.placed(spec, x._array, dim, keepdim)
        cls = None
        if x._node is not None and mode.recording:
            cls = spec.plans[ONE]
            if cls.extended is not None or cls.gradient.counted or spec.result.dtype.category < 2:
                return apply(spec, operands, (x._array,), (*parameters, axes), kept)
        token = silence(silent)
        try:
            array = spec.run(x._array, *parameters, axes)
        finally:
            restore(token)
        result = _new(Tensor)
        result._kind = spec.result
        result._array = array if kept is None else array.reshape(kept[1])
        result._node = result._base = None
        result._cell = [0]
        if cls is not None:
            record_unary(spec, result, x, x._array, array, (*parameters, axes), kept and kept[0])
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
        common = self.common_kind(operands)
        arrays, kinds = self.arrays(operands, common)
        spec = self.specialize(kinds, common, statics)
        alone = len(operands) == 1 and len(spec.program.roots) == 1
        if alone and not statics and kinds[0] is common:
            self.same[common] = spec
        lifted = arrays[0].ndim == 0
        if lifted:
            wrap_dims(dim, 0)
            arrays = [a.reshape(1) if a.ndim == 0 else a for a in arrays]
            dim = None
        axes, kept = self.placed(spec, arrays[0], dim, keepdim)
        if lifted:
            kept = (arrays[0].shape if kept is None else kept[0], (), True)  # type: ignore[assignment]
        present = tuple(x for x in operands if x is not None)
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
    aside: str = "",
    reduced: str = "",
    static: str = "",
    names: str | None = None,
    refuses: str = "",
) -> Any:
    """Make an operation of a formula of rows.

    Args:
        formula: A function of symbols. What it reduces (sum, amax, ...) runs over the dimensions that
            a call names.
        kind, label, aside, static, names, refuses: As for `pointwise`.
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
            aside=aside,
            reduced=reduced,
            static=static,
            numbers="",
            refuses=refuses,
            rows=True,
        )

    return make if formula is None else make(formula)


__all__ = ["RowOperation", "one_dim", "rowwise", "wrap_dims"]
