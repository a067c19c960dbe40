"""Softmax and normalisation of rows."""
