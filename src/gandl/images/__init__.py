"""images: the files of one plate -> a Zarr image store, its index and its manifest. `ImageStore` is the one reader."""

__all__ = ["area_mean", "display", "nuclei", "pack", "plate_headers", "plate_reader", "store_reader"]
