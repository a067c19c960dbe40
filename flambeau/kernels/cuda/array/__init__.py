"""Copies, fills, joins, scans, sorts and selections of arrays on the GPU: what `kernels.array` is on the CPU.

Functions have the names, arguments and meanings of those there.
"""
