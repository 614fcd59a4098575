"""cells: how a simulated site is drawn. Takes a `Field` (what is in it), makes six 8-bit images by populations, bodies,
organelles and optics.
"""

__all__ = ["drawing", "morphology", "nuisance"]
