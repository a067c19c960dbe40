"""What `benchmarks/sweep.py` measures: every public function, with operands of given sizes, dtypes and layouts."""
