"""cytogan: what CytoGAN's families learn. Takes batches of real crops, makes steps."""

__all__: list[str] = []
