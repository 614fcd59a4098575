"""embeddings: stores and weights -> one vector per site. Knows how to run a featurizer over a store."""

__all__ = ["bit_depth", "conv_ae", "embed", "errors", "featurizers", "kinds", "metadata", "network", "view"]
