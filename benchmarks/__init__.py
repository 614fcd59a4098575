"""Programs that measure, run from the root as `python -m benchmarks.<subject>.<program>`; what they measured lies in results/."""
