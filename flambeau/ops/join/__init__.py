"""Putting tensors together, repeating, shuffling and padding them."""
