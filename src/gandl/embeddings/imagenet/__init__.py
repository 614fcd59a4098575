"""imagenet: featurizers that rest on a network trained on ImageNet, and its untrained twin. Takes stores, makes vectors."""

__all__: list[str] = []
