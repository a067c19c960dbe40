"""Operations whose gradient is written by hand, and views."""
