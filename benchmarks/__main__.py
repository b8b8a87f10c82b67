"""Run all benchmarks: ``python -m benchmarks``."""

from benchmarks import construction, layers

construction.main()
layers.main()
