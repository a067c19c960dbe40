"""Convolution on a GPU: by cuDNN where it is installed, by cuBLAS where it is a product, else sums through tables of places.

`table.py` says what each of the three maps (to the result, back to the image, to the weight) sums up, `tiled.py` and
`single.py` are the kernels that sum, `convolution.py` chooses and launches.
"""
