"""How long groups wait.

Source: torch.distributed.constants
"""

from .kinds import default_pg_timeout

__all__ = ["default_pg_timeout"]
