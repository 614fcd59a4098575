"""export: image stores and a sites table -> plates as others read them, OME-Zarr 0.5 with the layout of plates (HCS).

`plates` writes the plates of one store, `validation` checks a plate as ome-zarr-models reads it.
"""

__all__ = ["choice", "plates", "validation"]
