"""Functions whose arguments and results are nestings, while the graph has one node for each leaf."""

from __future__ import annotations

from typing import Any, NamedTuple

from .codegen import CodeGen, repr_argument

__all__ = ["_PyTreeCodeGen", "_PyTreeInfo"]


class _PyTreeInfo(NamedTuple):
    """The nesting of a function's arguments and result.

    Attributes:
        orig_args: The names of its arguments.
        in_spec: The arguments' nesting, as `torch.utils._pytree` describes it.
        out_spec: The result's; None for one value as it is.
    """

    orig_args: list[str]
    in_spec: Any
    out_spec: Any


class _PyTreeCodeGen(CodeGen):
    """Writes a function that takes nestings apart and puts the result together.

    Source: torch.fx.graph._PyTreeCodeGen
    """

    def __init__(self, pytree_info: _PyTreeInfo):
        super().__init__()
        self.pytree_info = pytree_info

    def process_inputs(self, *inputs: Any) -> Any:
        from ..utils import _pytree as pytree

        return pytree.arg_tree_leaves(*inputs)

    def process_outputs(self, out: Any) -> Any:
        from ..utils import _pytree as pytree

        if not isinstance(out, (list, tuple)) or self.pytree_info.out_spec is None:
            return out
        return pytree.tree_unflatten(out, self.pytree_info.out_spec)

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        info = self.pytree_info
        names = list(info.orig_args)
        has_self = bool(names) and names[0] == "self"
        if has_self:
            free_vars.insert(0, "self")
        head = super().gen_fn_def(names, maybe_return_annotation)
        if not free_vars:
            return head
        leaves = [x.partition(":")[0].partition("=")[0].strip() for x in free_vars[has_self:]]
        positional, by_name = self._parts(names[1:])
        if by_name is None:
            given = f"[{', '.join(positional)}]"
        else:
            texts = ", ".join(f"'{name}':{name}" for name in by_name)
            given = f"([{', '.join(positional)}], {{{texts}}})"
        taken = f"fx_pytree.tree_flatten_spec({given}, self._in_spec)"
        return f"{head}\n    {', '.join(leaves)}, = {taken}"

    def _parts(self, names: list[str]) -> tuple[list[str], list[str] | None]:
        """The positional arguments, and those by name if the nesting has two parts: args and kwargs."""
        spec = self.pytree_info.in_spec
        children = getattr(spec, "children_specs", None)
        if children is None or spec.type is not tuple or len(children) != 2:
            return names, None
        positional, by_name = children
        if positional.type is not tuple or by_name.type is not dict:
            return names, None
        count = len(positional.children_specs)
        return names[:count], list(by_name.context)

    def generate_output(self, output_args: Any, *args: Any, **kwargs: Any) -> str:
        text = repr_argument(output_args)
        if self.pytree_info.out_spec is None:
            return f"return {text}"
        return f"return pytree.tree_unflatten({text}, self._out_spec)"

    def additional_globals(self) -> list[tuple[str, Any]]:
        from ..utils import _pytree as pytree
        from . import _pytree as fx_pytree

        found = [("fx_pytree", fx_pytree)]
        return [*found, ("pytree", pytree)] if self.pytree_info.out_spec is not None else found
