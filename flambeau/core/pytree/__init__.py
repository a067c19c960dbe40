"""Trees of Python's containers: what is a node, what is a leaf, and the same tree with other leaves."""
