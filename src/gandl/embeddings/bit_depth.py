"""Bit depth: takes a store and the intensity scale of a network, refuses images on whose scale the network sees nothing.

A scale maps stored grey levels; of images that were stored with another bit depth it would silently make black, or white.
"""

from __future__ import annotations

import numpy as np

from gandl.config import Intensity
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer
from gandl.embeddings.view import View
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale

SAMPLE = 8
"""Sites that are looked at, evenly over the store, where the bit depths may differ."""


def check_bit_depth(images: ImageStore, featurizer: Featurizer, view: View) -> None:
    """Refuse a store of another bit depth than the network was trained on.

    A scale by site (`training.intensity: site`) fits every bit depth. A grey level above 255 shows that a network was trained on
    16 bits. One without such a level may accept a 16-bit store that is as dark: it is refused where more than half of the pixels
    of every channel are brighter than anything the network was trained on.

    Raises
    ------
    EmbeddingError : the bit depths differ.
    """
    scale = getattr(featurizer, "scale", None)
    if not isinstance(scale, IntensityScale) or scale.kind is Intensity.SITE:
        return
    brightest = max(scale.high)
    made_for = f"{featurizer.name} was trained on grey levels up to {brightest:g}"
    if images.bit_depth == 8 and brightest > 255:
        raise EmbeddingError(
            f"{images.path} holds 8-bit images, but {made_for}, which takes 16 bits: pack images of the bit depth it was "
            "trained on, or train with `training.intensity: site`, which takes any"
        )
    if images.bit_depth == 16 and brightest <= 255:
        sample = np.unique(np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int))
        pixels = view.channels.of(images.sites(sample, view.resolution))
        middle = np.median(pixels, axis=(0, 2, 3))
        if (middle > np.array(scale.high)).all():
            raise EmbeddingError(
                f"{images.path} holds 16-bit images whose median is {', '.join(f'{value:g}' for value in middle)} "
                f"({', '.join(featurizer.channels)}), but {made_for}, which are 8 bits: pack images of the bit depth it "
                "was trained on, or train with `training.intensity: site`, which takes any"
            )
