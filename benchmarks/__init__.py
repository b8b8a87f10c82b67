"""Benchmarks: one process, interleaved, medians. ``python -m benchmarks`` writes the tables in benchmarks/results."""
