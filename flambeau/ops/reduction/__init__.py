"""Over dimensions: sums, extremes, moments, norms, softmax, running values, order statistics."""
