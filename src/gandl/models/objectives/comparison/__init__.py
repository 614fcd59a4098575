"""comparison: what the comparison of representation learning learns. Takes batches of real tiles, makes steps."""

__all__ = ["augmentation"]
