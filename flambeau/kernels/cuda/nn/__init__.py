"""Attention, pooling, resampling and recurrent layers on a GPU."""
