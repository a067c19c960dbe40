"""FxGraphDrawer: graphs as pictures, with the package pydot.

Source: torch.fx.passes.graph_drawer
"""

from __future__ import annotations

from typing import Any

from ..graph_module import GraphModule
from ..naming import target_text
from ..node import Node, _format_arg
from ..shape_text import shape_text

__all__ = ["FxGraphDrawer"]

_COLORS = {
    "placeholder": "AliceBlue",
    "call_module": "LemonChiffon1",
    "get_attr": "LightGrey",
    "output": "PowderBlue",
}


class FxGraphDrawer:
    """Draws a graph module.

    Args:
        graph_module: The module.
        name: The name of the picture.
        ignore_getattr: Leave look-ups out?
        ignore_parameters_and_buffers: Leave parameters of modules out of their boxes?
        skip_node_names_in_args: Leave nodes out of the arguments in boxes?

    Raises:
        RuntimeError: The package pydot is not there.
    """

    def __init__(
        self,
        graph_module: GraphModule,
        name: str,
        ignore_getattr: bool = False,
        ignore_parameters_and_buffers: bool = False,
        skip_node_names_in_args: bool = True,
        **kwargs: Any,
    ):
        try:
            import pydot  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError as error:
            raise RuntimeError(
                "FxGraphDrawer requires the pydot package to be installed: pip install pydot"
            ) from error
        self._module, self._with_parameters = graph_module, not ignore_parameters_and_buffers
        self._without_nodes = skip_node_names_in_args
        self._graph = pydot.Dot(name, rankdir="TB")
        for node in graph_module.graph.nodes:
            if ignore_getattr and node.op == "get_attr":
                continue
            box = {"shape": "record", "style": '"filled,rounded"', "fillcolor": self._color(node)}
            self._graph.add_node(pydot.Node(node.name, label=self._label(node), **box))
            for used in node.all_input_nodes:
                if not (ignore_getattr and used.op == "get_attr"):
                    self._graph.add_edge(pydot.Edge(used.name, node.name))

    def _color(self, node: Node) -> str:
        return _COLORS.get(node.op, "gold1" if node.op == "call_function" else "CornflowerBlue")

    def _label(self, node: Node) -> str:
        parts = [f"name=%{node.name}", f"op_code={node.op}", f"target={target_text(node.target)}"]
        if node.op == "call_module":
            module = self._module.get_submodule(str(node.target))
            parts.append(type(module).__name__)
            if self._with_parameters:
                parts += [f"{k}: {tuple(v.shape)}" for k, v in module.named_parameters()]
        args = [a for a in node.args if not (self._without_nodes and isinstance(a, Node))]
        if args:
            parts.append(f"args={_format_arg(tuple(args))}")
        parts += [text for text in (shape_text(node),) if text]
        text = r"\n".join(parts)
        for sign in "{}<>|":
            text = text.replace(sign, f"\\{sign}")
        return '"{' + text.replace('"', "'") + '}"'

    def get_dot_graph(self, submod_name: str | None = None) -> Any:
        """The picture, as pydot's object: ``.write_svg(path)``.

        Raises:
            KeyError: Pictures of submodules are made of the submodules.
        """
        if submod_name is not None:
            raise KeyError(
                f"draw the submodule {submod_name!r} itself: FxGraphDrawer(module, name)"
            )
        return self._graph

    def get_main_dot_graph(self) -> Any:
        """The picture."""
        return self._graph
