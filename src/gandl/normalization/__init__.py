"""normalization: embeddings -> site and well profiles without plate effects, and the same as other tools read them."""

__all__ = ["fitted", "folds", "profiles", "reference"]
