"""Must sums of floats have the same bits every time, at any price? `setting.use_deterministic_algorithms` says so.

Kernels of the CPU always do; those of the GPU that add by atomic instructions take another way then.
"""

demanded = False
