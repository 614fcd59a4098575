"""normalization: embeddings -> site and well profiles without plate effects."""
