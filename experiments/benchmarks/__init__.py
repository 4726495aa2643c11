"""Benchmarks: each measures all its sides interleaved in one run and ends with a line `RESULT {json}` of its ratios."""
