"""Lists and dicts that arguments of nodes are kept in: nobody changes them behind the graph's back."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["immutable_dict", "immutable_list"]


def _refusing(kind: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{kind!r} object does not support mutation: it holds the args or kwargs of a "
            "torch.fx.Node, which keeps track of its users. Assign a changed copy to the node instead:"
            "\n\n    new_args = ...  # copy and change args\n    node.args = new_args"
        )

    return refuse


class immutable_list(list):
    """A list that stays as it is; `list(x)` gives one that can be changed.

    Source: torch.fx.immutable_collections.immutable_list
    """

    append = clear = extend = insert = pop = remove = reverse = sort = _refusing("immutable_list")
    __delitem__ = __iadd__ = __imul__ = __setitem__ = _refusing("immutable_list")

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> Any:
        return immutable_list, (tuple(self),)


class immutable_dict(dict):
    """A dict that stays as it is; `dict(x)` gives one that can be changed.

    Source: torch.fx.immutable_collections.immutable_dict
    """

    clear = pop = popitem = setdefault = update = _refusing("immutable_dict")
    __delitem__ = __ior__ = __setitem__ = _refusing("immutable_dict")

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> Any:
        return immutable_dict, (tuple(self.items()),)
