"""tiles: a view of image stores as square tiles of one channel. Takes manifests and sites, makes the table of tiles, and reads them."""

__all__ = ["reader", "table"]
