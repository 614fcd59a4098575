"""networks: generator and discriminator of StyleGAN2, their layers, their moving average and their weights files; and the
features of whole sites. Takes images or latents, makes images, logits and features.
"""

__all__ = [
    "autoencoder",
    "batch_norm",
    "classifier",
    "collapsed",
    "convolution",
    "discriminator",
    "gan",
    "generator",
    "layers",
    "passes",
    "site_features",
    "trained",
    "weights",
]
