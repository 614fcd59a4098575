"""models: image stores -> trained networks. Knows the networks and their training."""
