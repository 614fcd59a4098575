"""gandl: label-free phenomics with a StyleGAN2 discriminator, from raw plates to an auditable report."""

import os

__version__ = "0.1.0"

# Threads that wait for work sleep instead of spinning, so that jobs side by side do not starve each other; OpenMP reads this
# once, when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
