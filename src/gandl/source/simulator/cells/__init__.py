"""cells: how a simulated site is drawn. Takes a `Field` (what is in it), makes six 8-bit images, or a grey one, by populations,
bodies, organelles and optics.
"""

__all__ = ["drawing", "morphology", "nuisance", "tumour_lines"]
