"""comparison: the networks of the comparison of representation learning. Takes tiles, makes codes, and images of codes."""

__all__ = ["heads", "tiles", "trained"]
