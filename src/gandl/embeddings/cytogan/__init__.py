"""cytogan: featurizers by the families of CytoGAN. Takes weights of a family, makes codes of sites."""

__all__: list[str] = []
