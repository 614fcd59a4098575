"""gandl: label-free phenomics with a StyleGAN2 discriminator, from raw plates to an auditable report."""

__version__ = "0.1.0"
