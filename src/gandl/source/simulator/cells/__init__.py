"""cells: how a simulated site is drawn. Takes a `Field` (what is in it), makes six 8-bit images, a grey one, or three 16-bit
ones of the cytoskeleton, by populations, bodies, organelles and optics.
"""

__all__ = ["cytoskeleton", "drawing", "morphology", "nuisance", "tumour_lines"]
