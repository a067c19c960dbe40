"""Convolution on a GPU: sums of products through tables of places.

`table.py` says what each of the three maps (to the result, back to the image, to the weight) sums up, `tiled.py`,
`single.py` and `joined.py` are the kernels that sum, `convolution.py` chooses and launches.
"""
