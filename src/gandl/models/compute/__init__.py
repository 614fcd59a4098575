"""compute: what networks run on. Takes settings and torchrun's environment, makes the device, its precision, ranks, seeded
generators, and numbers fetched from the device without waiting for it.
"""

__all__ = ["compilation", "device", "ema", "notes", "randomness", "ranks"]
