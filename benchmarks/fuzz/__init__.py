"""A fuzzer of every public function and method: random operands, layouts, dtypes, values and arguments.

`python -m benchmarks.fuzz` runs it from the root of the checkout; see `__main__.py`.
"""
