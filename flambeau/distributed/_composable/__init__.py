"""`fully_shard` by the name that it had first.

Source: torch.distributed._composable
"""
