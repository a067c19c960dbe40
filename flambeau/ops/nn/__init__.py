"""What layers compute: attention, convolution, normalisation, pooling, recurrence, embedding, dropout."""
