"""What flambeau uses of `cupyx.scipy`."""
