"""What flambeau uses of the CUDA driver, as `cupy.cuda.driver`."""


class CUDADriverError(RuntimeError):
    """The driver refused a call."""


__all__ = ["CUDADriverError"]
