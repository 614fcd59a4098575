"""files: an image file (TIFF, PNG, BMP, a folder of an OME-Zarr image) -> its size from the header, its grey values, exactly."""

__all__ = ["illumination", "image_files", "kinds", "ome_zarr", "planes", "png", "tiff", "values"]
