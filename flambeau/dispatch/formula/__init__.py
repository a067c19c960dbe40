"""Operations that are formulas: `pointwise` and `rowwise`."""
