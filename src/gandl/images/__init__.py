"""images: the files of one plate -> a Zarr image store, its index and its manifest. `ImageStore` is the one reader."""
