"""Calls of functions in other processes: there are none.

Source: torch.distributed.rpc
"""


def is_available() -> bool:
    """Can other processes be called? No.

    Source: torch.distributed.rpc.is_available
    """
    return False
