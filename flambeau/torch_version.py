"""``__version__`` as programs written for PyTorch expect it: a string that compares as a version.

Follows ``torch.torch_version``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from flambeau import _version

__all__ = ["TorchVersion"]

# A string and not a compiled pattern: compiling costs a millisecond that few programs need.
_PATTERN = (
    r"(?i)v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<pre_number>\d*))?"
    r"(?:[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_PRE_RANK = {"a": 1, "alpha": 1, "b": 2, "beta": 2}
_RELEASE_CANDIDATE, _FINAL = 3, 4


def _key(text: str) -> tuple[object, ...] | None:
    """A tuple that sorts as PEP 440 orders versions; None where `text` is not a version."""
    match = re.fullmatch(_PATTERN, text.strip())
    if match is None:
        return None
    release = [int(part) for part in match["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    pre, post, dev = match["pre"], match["post"], match["dev"]
    if pre:
        stage = (_PRE_RANK.get(pre.lower(), _RELEASE_CANDIDATE), int(match["pre_number"] or 0))
    elif dev and not post:
        stage = (0, 0)  # 2.0.dev1 comes before 2.0a1
    else:
        stage = (_FINAL, 0)
    after = int(match["post_number"] or 0) if post else -1
    development = (0, int(match["dev_number"] or 0)) if dev else (1, 0)
    return tuple(release), stage, after, development, _local_key(match["local"])


def _local_key(local: str | None) -> tuple[tuple[int, int, str], ...]:
    """Local parts (after the plus sign) sort words before numbers, and none before any."""
    parts = re.split(r"[-_.]", local.lower()) if local else []
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts)


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[TorchVersion, object], bool]:
    def method(self: TorchVersion, other: object) -> Any:
        if not isinstance(other, str | Iterable):
            return NotImplemented
        text = other if isinstance(other, str) else ".".join(str(part) for part in other)
        ours, theirs = _key(self), _key(text)
        # Where one side is no version at all, plain text decides, as in PyTorch.
        if ours is None or theirs is None:
            return compare(str(self), text)
        return compare(ours, theirs)

    method.__name__ = f"__{compare.__name__}__"
    return method


class TorchVersion(str):
    """A version string that compares by PEP 440 with strings and with tuples of numbers.

    Source: ``torch.torch_version.TorchVersion``.

    Example:
        >>> from flambeau.torch_version import TorchVersion
        >>> TorchVersion("2.13.0+flambeau.0.1.0") >= "2.4"
        True
        >>> TorchVersion("2.13.0") < (2, 13)
        False
    """

    __slots__ = ()
    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __hash__ = str.__hash__


__version__ = TorchVersion(f"{_version.TORCH_API}+flambeau.{_version.__version__}")
