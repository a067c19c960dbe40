"""What decides whether mixed precision is possible at all.

Source: torch.cuda.amp.common
"""

from .. import is_available


def amp_definitely_not_available() -> bool:
    """Is there no device for it?

    Source: torch.cuda.amp.common.amp_definitely_not_available
    """
    return not is_available()
