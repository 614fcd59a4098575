"""Read-outs: do generated crops look like cells? Takes real and generated crops, makes numbers familiar from assays.

Nuclei per crop and their area, the distribution of intensities, the spatial spectrum, and how channels agree. Distances are in
units of real against real: 1 is what another set of real crops gives. They only observe; quality (`gandl.models.looks.quality`)
is one number for all differences, these say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import wasserstein_distance
from skimage.filters import threshold_otsu

from gandl.config import TrainingSettings
from gandl.images.nuclei import filled, label_nuclei, smoothed, typical_area
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.looks.quality import SEED, QualityError, real_crops
from gandl.models.networks.gan import synthesize
from gandl.models.networks.generator import Generator

SMOOTHING = 1.0
"""Sigma (px) before the threshold, as in the hand-made floor."""
DEBRIS = 0.25
"""Objects of less than this share of a real nucleus's area are not nuclei."""
EVERY = 7
"""Step between the pixels of all crops that make a channel's distribution."""

Crops = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Nuclei:
    """How nuclei are found in all crops of a training: by thresholds from real crops.

    A threshold of each crop's own would find nuclei in noise, too.

    Attributes
    ----------
    channel : position of the nuclear channel. threshold : on the networks' scale. minimum_area : in px.
    """

    channel: int
    threshold: float
    minimum_area: float

    def areas(self, crops: Crops) -> list[npt.NDArray[np.int64]]:
        """Areas (px) of the nuclei of every crop (n, c, y, x)."""
        found = []
        for crop in crops:
            labels, count = label_nuclei(
                filled(smoothed(crop[self.channel], SMOOTHING), self.threshold), self.minimum_area
            )
            found.append(np.bincount(labels.ravel(), minlength=count + 1)[1:])
        return found


def nuclei_of(real: Crops, channel: int) -> Nuclei | None:
    """What nuclei are, from real crops (n, c, y, x): Otsu's threshold over all of them, and the area that half of all nuclear
    pixels lie in objects above; None if the channel shows no objects."""
    smooth = np.stack([smoothed(crop[channel], SMOOTHING) for crop in real])
    if smooth.min() == smooth.max():
        return None
    threshold = float(threshold_otsu(smooth))
    areas = np.concatenate(Nuclei(channel, threshold, 1).areas(real))
    return Nuclei(channel, threshold, DEBRIS * typical_area(areas)) if len(areas) else None


class Readouts:
    """Compares crops with real ones of held-out sites.

    Parameters
    ----------
    shown, held_out : real crops (n, c, y, x) on the networks' scale, of sites that training sees and of those that it never sees.
    channels : names. nuclear : names of channels that show nuclei; the first one there is used.
    """

    def __init__(self, shown: Crops, held_out: Crops, channels: Sequence[str], nuclear: Sequence[str]) -> None:
        named = [channels.index(name) for name in nuclear if name in channels]
        self._nuclei = nuclei_of(held_out, named[0]) if named else None
        self._real = _Summary(held_out)
        self._units = self._real.distances(_Summary(shown))
        self._of_real = self._counted(held_out, "_real")
        self._n = len(held_out)

    def measure(self, generator: Generator) -> dict[str, float]:
        """Read-outs of as many generated crops as there are real ones; always of the same latents."""
        latents = generator.draw(self._n, torch.Generator().manual_seed(SEED))
        return self.compare(synthesize(generator, latents).float().cpu().numpy())

    def compare(self, crops: Crops) -> dict[str, float]:
        """Read-outs of crops (n, c, y, x) on the networks' scale.

        Returns
        -------
        `nuclei_per_crop` and `nuclear_area` (median, px; NaN without any nucleus), each with `_real` of the held-out crops, where
        a channel shows nuclei; `histogram_distance` (Wasserstein distance of intensities), `spectrum_distance` (root mean square
        difference of the log power over spatial frequencies) and `correlation_distance` (root mean square difference of the
        correlations between channels), means over channels, over what another set of real crops gives. NaN for crops that are
        no numbers.
        """
        if not np.isfinite(crops).all():
            return dict.fromkeys([*self._units, *self._counted(crops[:0], "")], float("nan"))
        distances = self._real.distances(_Summary(crops))
        in_units = {name: value / self._units[name] for name, value in distances.items()}
        return {**self._counted(crops, ""), **self._of_real, **in_units}

    def _counted(self, crops: Crops, suffix: str) -> dict[str, float]:
        if self._nuclei is None:
            return {}
        areas = self._nuclei.areas(crops)
        every = np.concatenate(areas) if areas else np.empty(0)
        return {
            f"nuclei_per_crop{suffix}": len(every) / max(len(crops), 1),
            f"nuclear_area{suffix}": float(np.median(every)) if len(every) else float("nan"),
        }


class _Summary:
    """What crops (n, c, y, x) are like, apart from nuclei."""

    def __init__(self, crops: Crops) -> None:
        flat = crops.transpose(1, 0, 2, 3).reshape(crops.shape[1], -1).astype(np.float64)
        self.values = flat[:, ::EVERY]
        self.spectrum = _log_spectrum(crops)
        centred = flat - flat.mean(axis=1, keepdims=True)
        lengths = np.sqrt(np.square(centred).sum(axis=1))
        lengths[lengths == 0] = 1.0
        self.correlation = (centred / lengths[:, None]) @ (centred / lengths[:, None]).T

    def distances(self, other: _Summary) -> dict[str, float]:
        """Distance of each kind; at least as large as rounding, so that it may be divided by."""
        channels = len(self.values)
        pairs = np.triu_indices(channels, 1)
        histogram = np.mean([wasserstein_distance(*both) for both in zip(self.values, other.values, strict=True)])
        found = {
            "histogram_distance": histogram,
            "spectrum_distance": _rms(self.spectrum - other.spectrum),
        }
        if channels > 1:
            found["correlation_distance"] = _rms((self.correlation - other.correlation)[pairs])
        return {name: max(float(value), 1e-6) for name, value in found.items()}


def _log_spectrum(crops: Crops) -> npt.NDArray[np.float64]:
    """Mean power of each channel in rings of spatial frequency: (c, rings), natural logarithm; frequency zero is left out."""
    side = min(crops.shape[2:])
    square = crops[:, :, :side, :side].astype(np.float64)
    window = np.outer(np.hanning(side), np.hanning(side))
    centred = square - square.mean(axis=(2, 3), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(centred * window))).mean(axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))) * side
    ring = np.round(frequency).astype(int).ravel()
    wanted = (ring >= 1) & (ring <= side // 2)
    pixels = np.bincount(ring[wanted])[1:]
    rings = [np.bincount(ring[wanted], of_channel.ravel()[wanted])[1:] / pixels for of_channel in power]
    return np.log(np.asarray(rings) + 1e-12)


def _rms(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(values).mean()))


def build_readouts(
    stores: Sequence[ImageStore], held_out: npt.NDArray[np.int64], scale: IntensityScale, settings: TrainingSettings
) -> Readouts:
    """Read `settings.quality_crops` real crops of the held-out sites and as many of all others.

    Parameters as in `gandl.models.looks.quality.build_quality`.

    Raises
    ------
    QualityError : no site is held out, or all are.
    """
    shown = np.setdiff1d(np.arange(sum(len(store) for store in stores)), held_out)
    if not len(held_out) or not len(shown):
        raise QualityError(
            f"read-outs compare crops of {len(held_out)} held-out sites (training.held_out) with those of {len(shown)} others: "
            "they need sites on both sides"
        )
    crops = [
        torch.cat(list(real_crops(stores, sites, scale, settings, settings.quality_crops))).numpy()
        for sites in (shown, held_out)
    ]
    return Readouts(crops[0], crops[1], scale.channels, settings.nuclear_channels)
