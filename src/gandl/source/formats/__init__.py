"""formats: what others leave of a plate. Takes folders as microscopes write them and OME-Zarr plates, makes their sites."""

__all__ = ["microscopes", "ome_zarr", "zarr_metadata"]
