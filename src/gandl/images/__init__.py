"""images: the files of one plate -> a Zarr image store, its index and its manifest. `ImageStore` is the one reader."""

__all__ = ["area_mean", "image_files", "nuclei", "pack", "plate_reader", "png", "store_reader"]
