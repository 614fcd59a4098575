"""normalization: embeddings -> site and well profiles without plate effects."""

__all__ = ["profiles"]
