"""Indexing: reading and writing by integers, slices, masks and index tensors."""
