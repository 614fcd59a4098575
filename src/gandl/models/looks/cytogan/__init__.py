"""cytogan: what a look measures of CytoGAN's families. Takes models and held-out crops, makes numbers."""

__all__: list[str] = []
