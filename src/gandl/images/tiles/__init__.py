"""tiles: a view of image stores as square tiles of one channel; the table of places, and their pixels."""

__all__ = ["parts", "reader", "table"]
