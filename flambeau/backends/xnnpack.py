"""XNNPACK: not used.

Attributes:
    enabled: False.
"""

enabled = False
