"""crops: real crops for training. Takes image stores, makes batches of random squares on the device, on the networks' intensity
scale, read ahead by threads; and the labels of their sites, for those that learn from them.
"""

__all__ = ["crop_sampler", "intensity", "loader", "supervision", "tiles"]
