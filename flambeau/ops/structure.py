"""Operations that move elements: cat, gather, scatter, sort, cumsum."""
