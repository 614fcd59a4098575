"""comparison: the tables and figures of the comparison of representation learning (Dmitrenko et al. 2022), one module each.
Takes numbers, samples and benchmarks of its setups; draws them in the paper's order, with what it lacks beside: seeds, floors.
"""

__all__ = [
    "accuracy",
    "clusters",
    "costs",
    "distances",
    "embedding",
    "metrics",
    "notes",
    "ranking",
    "reconstructions",
    "setups",
    "terms",
    "truth",
]
