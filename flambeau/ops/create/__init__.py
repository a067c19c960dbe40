"""New tensors: of numbers, of data, of random draws."""
