"""strict: held-out scores once more without some plates (axes refitted), and with labels by lot -> intervals and p values."""

__all__ = ["intervals", "permutations", "refits"]
