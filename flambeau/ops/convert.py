"""Conversions: dtype, device, copies, NumPy, DLPack."""
