"""ImageNet-concatenated (Mascolini et al. 2022, "Counterpart embeddings"): each channel alone, replicated to three.

Takes a network trained on ImageNet, or the same one untrained; makes featurizers that look at whole sites.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import EmbeddingsSettings, FeaturizerName, Intensity
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.models.compute.device import autocast
from gandl.models.crops.intensity import IntensityScale, Pixels, measure_scale
from gandl.models.networks.imagenet.pretrained import FrozenNetwork, load_pretrained, untrained
from gandl.models.networks.passes import (
    TILE,
    crops_per_pass,
    device_of,
    digest_of,
    filled,
    fitting_batch,
    moments_on_device,
    on_device,
    pinned,
    steady,
    unsigned,
)

PIXELS_PER_PASS = 2**22
"""At most this many pixels of channels in a pass (16 of 512 px): maps within the first blocks take about a kilobyte for each."""


class ConcatenatedFeaturizer:
    """Features of each channel, one after the other: `<channel>_<i>`, i from 0 to the network's `dim` - 1.

    A site is seen whole, on the intensity scale of the run's own networks (`training.intensity`), -1 to 1 of which become 0 to 1;
    brighter pixels are 1. So it depends on no other site, and its networks differ from GAN-DL's in nothing but themselves.

    Parameters
    ----------
    name : `imagenet_concatenated` or `imagenet_untrained`.
    network : what looks; the featurizer's device is where it is.
    scale : of the screen's pixels, and its channels.
    settings : `batch` and `precision` are used.
    pixel_size_um : side of a pixel of the screen, at the size that its networks see.
    """

    full_size = False

    def __init__(
        self,
        name: FeaturizerName,
        network: FrozenNetwork,
        scale: IntensityScale,
        settings: EmbeddingsSettings,
        pixel_size_um: float | None = None,
    ) -> None:
        self.name: FeaturizerName = name
        self.network, self.scale, self.settings, self.pixel_size_um = network, scale, settings, pixel_size_um
        self.channels = list(scale.channels)
        self.feature_names = [f"{channel}_{i}" for channel in self.channels for i in range(network.dim)]
        self.dim = len(self.feature_names)
        self.device = network.mean.device

    def on(self, device: str) -> ConcatenatedFeaturizer:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1").

        Raises
        ------
        gandl.models.compute.device.DeviceError : a GPU that does not exist.
        """
        place = device_of(device)
        network = self.network if place == self.device else copy.deepcopy(self.network).to(place)
        return ConcatenatedFeaturizer(self.name, network, self.scale, self.settings, self.pixel_size_um)

    @property
    def content(self) -> str:
        """Digest of network, scale and device (`gandl.models.networks.passes.digest_of`)."""
        return digest_of(self.network, self.scale, self.device, self.network.name)

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites of this size, at most `limit`, to embed in one call: so many fill whole passes."""
        return min(limit, images_per_pass(self.settings.batch, height, width, self.device))

    def stage(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same pixels where the device reads them best (`gandl.models.networks.passes.pinned`)."""
        return pinned(images, self.device)

    def embed(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Features (n, c dim) of images (n, c, h, w) in stored pixel values.

        Raises
        ------
        EmbeddingError : the images are smaller than the network can take, or a pass does not fit on the GPU.
        """
        height, width = images.shape[2:]
        if min(height, width) < self.network.smallest:
            raise EmbeddingError(
                f"the featurizer {self.name} ({self.network.name}) takes images of at least {self.network.smallest} px, and "
                f"these are {height} x {width} px: embed at a larger resolution (embeddings.resolutions)"
            )
        try:
            return self._features(images, self.settings.batch)
        except torch.OutOfMemoryError:
            pass  # outside this block the error, and with it what it holds of the GPU's memory, is gone
        fits = fitting_batch(lambda batch: self._try(images[:1], batch), self.settings.batch)
        count = images_per_pass(self.settings.batch, height, width, self.device)
        advice = f"embeddings.batch to {fits} (now {self.settings.batch})" if fits else "compute.gpus to 0"
        raise EmbeddingError(
            f"{count} images of {height} x {width} px at a time do not fit in the memory of {self.device}: set {advice}"
        )

    @torch.inference_mode()
    def _features(self, images: Pixels, batch: int) -> npt.NDArray[np.float32]:
        height, width = images.shape[2:]
        size = images_per_pass(batch, height, width, self.device)
        with steady(self.device, self.settings.precision):
            planes = self._planes(images)
            seen = [self._look(planes[i : i + size], size) for i in range(0, len(planes), size)]
            vectors = torch.cat(seen) if seen else torch.empty(0, self.network.dim)
        return vectors.reshape(len(images), self.dim).cpu().numpy()

    def _planes(self, images: Pixels) -> Tensor:
        """Every channel of every site alone, (n c, 1, h, w) in [0, 1]."""
        unit = [((site + 1) / 2).clamp_(0, 1).flatten(0, 1)[:, None] for site in self._scaled(images)]
        return torch.cat(unit) if unit else torch.empty(0, 1, *images.shape[2:])

    def _scaled(self, images: Pixels) -> list[Tensor]:
        """Every site (1, c, h, w) on the networks' scale, each by itself."""
        sites = on_device(images, self.device)
        moments = moments_on_device(sites) if self.scale.kind is Intensity.SITE else None
        return [
            self.scale.apply(unsigned(sites[i : i + 1], images), None if moments is None else moments[i : i + 1])
            for i in range(len(sites))
        ]

    def _look(self, planes: Tensor, size: int) -> Tensor:
        """Features (k, dim) of k planes, in a pass of `size`."""
        three = filled(planes, size).expand(-1, 3, -1, -1)
        with autocast(self.device, self.settings.precision):
            return self.network.features(three)[: len(planes)]

    def _try(self, image: Pixels, batch: int) -> None:
        """One pass; raises `torch.OutOfMemoryError` where it does not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._features(image, batch)


def images_per_pass(batch: int, height: int, width: int, device: torch.device) -> int:
    """Images of one channel in every pass, halved until they are not too many pixels: `batch`, rounded up to a multiple of 16.

    On the CPU 16: with more, maps leave its caches (at 128 px EfficientNet-Lite0 made 290 images/s so, with 64 at a time 170).
    """
    size = TILE if device.type == "cpu" else crops_per_pass(batch)
    while size > 1 and size * height * width > PIXELS_PER_PASS:
        size //= 2
    return size


def build(name: FeaturizerName, basis: Basis) -> ConcatenatedFeaturizer:
    """The featurizer for a screen's channels, trained on ImageNet or not at all.

    Raises
    ------
    EmbeddingError : no training settings, or no store.
    gandl.models.networks.imagenet.weights.PretrainedError : the weights are missing, damaged or other ones.
    """
    if basis.training is None:
        raise EmbeddingError(f"the {name} featurizer needs the training settings, to see what the trained network sees")
    chosen, resolution = basis.settings.imagenet.network, basis.training.resolution
    if name == FeaturizerName.IMAGENET_UNTRAINED:
        network = untrained(chosen, basis.training.seed)
    else:
        network = load_pretrained(chosen, basis.pretrained)
    scale = basis.once(_scale)
    return ConcatenatedFeaturizer(name, network, scale, basis.settings, basis.stores[0].pixel_size_at(resolution))


def _scale(basis: Basis) -> IntensityScale:
    """The scale that training measures on the screen."""
    assert basis.training is not None
    return measure_scale(basis.stores, basis.training.resolution, basis.training.intensity)
