"""What to measure on a GPU that is lent for minutes; `benchmarks/on_gpu.sh` calls it."""
