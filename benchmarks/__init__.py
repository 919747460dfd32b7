"""The benchmark suite: `python -m benchmarks`. Every result is checked before anything is timed."""
