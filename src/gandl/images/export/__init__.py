"""export: image stores and a sites table -> plates as others read them, OME-Zarr 0.5 with the layout of plates (HCS).

`plates` writes the plates of one store, `validation` checks a plate as ome-zarr-models reads it, `colours` gives each channel the
colour in which it is shown.
"""

__all__ = ["choice", "colours", "plates", "validation"]
