"""cytogan: the networks of CytoGAN's families. Takes crops or latent vectors, makes scores and codes, or crops."""

__all__ = ["coders", "convolutional", "equilibrium", "inference", "interpolation", "layers", "trained"]
