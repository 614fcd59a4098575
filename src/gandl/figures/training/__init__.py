"""training: figures of a training. Takes its curve and samples, draws losses, quality, generated crops and the way to them."""

__all__ = ["counterparts", "curves", "samples", "supplement"]
