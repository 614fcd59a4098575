"""Quality of generated crops without labels: takes held-out sites, makes a distance between crops of theirs and generated ones.

Crops are described by a convolutional network whose weights are random and always the same: no classifier of photographs fits
five channels of fluorescence, and for images unlike photographs random features measure as well (Naeem et al. 2020). Two sets are
compared by the unbiased kernel distance, which is right for few images (Binkowski et al. 2018; Gretton et al. 2012, equation 3),
of the kernel -|x - y|: the energy distance (Székely & Rizzo 2013). Binkowski's cubic kernel is dominated by a few outliers here,
and hardly detects a collapse.

Features are whitened by real crops, with shrinkage: unwhitened, brightness and contrast, in which real crops differ most, hide
the structure in which they hardly do, and noise can score better than a generator whose crops look like cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from torch import Tensor

from gandl.config import RecipeSettings, TrainingSettings
from gandl.config.cytogan import FamilyRecipe
from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import ORIENTATIONS, orient
from gandl.models.crops.intensity import IntensityScale, moments_of
from gandl.models.networks.gan import synthesize
from gandl.models.networks.generator import Generator
from gandl.models.networks.layers import SLOPE

WIDTH = 32
"""Feature maps per scale."""
SEED = 20_200
"""Of the network's weights, of the crops and of the latents: one for all trainings, so that their values can be compared."""
CROPS_PER_PASS = 32
PASSES_MEASURED = 2
"""Number of passes of real crops that standardise the network's maps."""
SHRINKAGE = 0.3
"""What is added to every eigenvalue when features are whitened, in units of their mean: directions in which real crops hardly
differ count, but not as much as those that could be measured."""

Features = npt.NDArray[np.float64]


class QualityError(ValueError):
    """Quality cannot be measured; the message says what is missing."""


class RandomNetwork:
    """A fixed random network: 3x3 convolutions from the crop's side down to 4 px, halved by area mean in between.

    Every map is standardised with constants measured on real crops (as a batch normalisation that is frozen): otherwise depth
    would drown what differs between images in what they share.

    Parameters
    ----------
    channels, crop : of the images. device : where it computes.
    """

    def __init__(self, channels: int, crop: int, device: torch.device) -> None:
        rng = np.random.default_rng(SEED)
        self._weights = []
        self._lines: list[tuple[Tensor, Tensor]] = []
        for inputs in (channels, *[WIDTH] * (int(math.log2(crop)) - 2)):
            weight = rng.standard_normal((WIDTH, inputs, 3, 3)) / math.sqrt(9 * inputs)
            self._weights.append(torch.from_numpy(weight.astype(np.float32)).to(device))

    def measure(self, crops: Tensor) -> None:
        """Take each map's mean and deviation over real crops (n, c, y, x), scale by scale."""
        self._lines = []
        for _ in self._weights:
            *_, maps = self._maps(crops)
            deviation, mean = torch.std_mean(maps, dim=(0, 2, 3), correction=0, keepdim=True)
            self._lines.append((mean, torch.where(deviation > 0, deviation, 1.0)))

    @torch.no_grad()
    def describe(self, crops: Tensor) -> Tensor:
        """Mean and deviation over space of every map: (n, c, y, x) -> (n, d), each crop on its own."""
        pooled: list[Tensor] = []
        for maps in self._maps(crops):
            deviation, mean = torch.std_mean(F.leaky_relu(maps, SLOPE), dim=(2, 3), correction=0)
            pooled += [mean, deviation]
        return torch.cat(pooled, dim=1)

    @torch.no_grad()
    def _maps(self, x: Tensor) -> Iterator[Tensor]:
        """Maps of each scale before their leaky ReLU, standardised where they are measured; ends after the first that is not."""
        for i, weight in enumerate(self._weights):
            if i:
                x = F.avg_pool2d(F.leaky_relu(x, SLOPE), 2)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight)
            if i == len(self._lines):
                yield x
                return
            mean, deviation = self._lines[i]
            x = (x - mean) / deviation
            yield x


class Whitening:
    """Puts features (n, d) in units in which real crops differ alike in all directions (up to `SHRINKAGE`).

    Parameters
    ----------
    reference : features (m, d) of real crops that are compared with nothing.
    """

    def __init__(self, reference: Features) -> None:
        deviation = reference.std(axis=0)
        self._centre, unit = reference.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        values, axes = np.linalg.eigh(np.cov((reference - self._centre) / unit, rowvar=False, bias=True))
        values = np.maximum(values, 0.0)
        mean = values.mean() if values.any() else 1.0
        self._map = axes / unit[:, None] / np.sqrt(values + SHRINKAGE * mean)

    def apply(self, features: Features) -> Features:
        """(n, d) -> (n, d)."""
        return np.asarray((features - self._centre) @ self._map)


class Quality:
    """Compares generated crops with real ones of held-out sites.

    Parameters
    ----------
    network : already measured.
    reference : features (n, d) of real crops, by which all are whitened.
    shown, held_out : of others, of sites that training sees and of those that it never sees.

    Attributes
    ----------
    floor, floor_error : distance of the shown real crops from the held-out ones, what a perfect generator would reach, about;
        and its standard error over the shown ones. Neighbouring crops of few held-out sites are alike: this raises it, and all
        values by as much.
    """

    def __init__(
        self,
        network: RandomNetwork,
        reference: Features,
        shown: Features,
        held_out: Features,
        device: torch.device,
    ) -> None:
        self._whitening = Whitening(reference)
        self._network, self._device = network, device
        self._real = self._whitening.apply(held_out)
        self.floor, self.floor_error = energy_distance(self._real, self._whitening.apply(shown))

    @property
    def count(self) -> int:
        """Number of real crops, which as many generated ones are compared with."""
        return len(self._real)

    def measure(self, generator: Generator) -> dict[str, float]:
        """Compare as many generated crops as there are real ones; always of the same latents, whatever else was drawn before.

        Returns
        -------
        `quality` : lower is better; 0, give or take its error, where generated crops cannot be distinguished from held-out ones.
            In deviations of one whitened feature between real crops (two of which lie about 1.2 apart). NaN for images that are
            not finite.
        `quality_error` : its standard error over generated crops, the real ones given.
        `quality_floor`, `quality_floor_error` : `floor` and `floor_error`.
        """
        n = self.count
        rng = torch.Generator().manual_seed(SEED)
        parts = [min(CROPS_PER_PASS, n - first) for first in range(0, n, CROPS_PER_PASS)]
        return self.measure_crops(synthesize(generator, generator.draw(part, rng)) for part in parts)

    def measure_crops(self, crops: Iterable[Tensor]) -> dict[str, float]:
        """The same of generated crops, in parts (m, c, y, x) on the networks' scale; `count` of them, so that errors compare."""
        value, error = self.compare(crops)
        return {
            "quality": value,
            "quality_error": error,
            "quality_floor": self.floor,
            "quality_floor_error": self.floor_error,
        }

    def compare(self, crops: Iterable[Tensor]) -> tuple[float, float]:
        """Distance of crops, in parts (m, c, y, x) on the networks' scale, from the held-out real ones; its standard error."""
        return energy_distance(self._real, self._whitening.apply(_described(self._network, crops, self._device)))


def build_quality(
    stores: Sequence[ImageStore],
    held_out: npt.NDArray[np.int64],
    scale: IntensityScale,
    settings: TrainingSettings | FamilyRecipe,
    device: torch.device,
) -> Quality:
    """Read `settings.quality_crops` real crops of the held-out sites, and twice as many of all others, and describe them.

    Parameters
    ----------
    stores : as `gandl.models.crops.crop_sampler.open_stores` gives them.
    held_out : positions of sites, counted through all stores.
    scale : of the training.
    device : of the generator that will be measured.

    Raises
    ------
    QualityError : no site is held out, or all are; or fewer than 2 crops are to be compared.
    """
    shown = np.setdiff1d(np.arange(sum(len(store) for store in stores)), held_out)
    if not len(held_out) or not len(shown) or settings.quality_crops < 2:
        key = settings.section
        raise QualityError(
            f"quality compares crops of {len(held_out)} held-out sites ({key}.held_out) with those of {len(shown)} others, "
            f"{settings.quality_crops} of each ({key}.quality_crops): it needs sites on both sides and at least 2 crops"
        )
    network = RandomNetwork(len(scale.channels), settings.crop, device)
    n = settings.quality_crops
    of_shown = real_crops(stores, shown, scale, settings, 2 * n)
    network.measure(torch.cat(list(islice(of_shown, PASSES_MEASURED))).to(device))
    of_shown, of_held_out = (
        real_crops(stores, sites, scale, settings, k) for sites, k in ((shown, 2 * n), (held_out, n))
    )
    described = _described(network, of_shown, device)
    return Quality(network, described[:n], described[n:], _described(network, of_held_out, device), device)


def energy_distance(x: Features, y: Features) -> tuple[float, float]:
    """Unbiased estimate of 2 E|x - y| - E|x - x'| - E|y - y'|, over sqrt(d), from samples (n, d) and (m, d) of two distributions.

    It is 0 on average where both are the same, and may then be negative (Székely & Rizzo 2013, equation 5, as a U-statistic).

    Returns
    -------
    the estimate, and its jackknife standard error over y, x given.
    """
    n, m, root = len(x), len(y), math.sqrt(x.shape[1])
    between, within = cdist(x, y).mean(axis=0) / root, cdist(y, y).sum(axis=1) / root
    among = float(cdist(x, x).sum()) / (root * n * (n - 1))
    value = 2 * between.mean() - among - within.sum() / (m * (m - 1))
    if m < 3:
        return float(value), float("nan")
    without = 2 * (between.sum() - between) / (m - 1) - among - (within.sum() - 2 * within) / ((m - 1) * (m - 2))
    error = math.sqrt((m - 1) / m * float(np.square(without - without.mean()).sum()))
    return float(value), error


def _described(network: RandomNetwork, crops: Iterable[Tensor], device: torch.device) -> Features:
    return np.concatenate([network.describe(part.to(device).float()).cpu().double().numpy() for part in crops])


def real_crops(
    stores: Sequence[ImageStore],
    positions: npt.NDArray[np.int64],
    scale: IntensityScale,
    settings: RecipeSettings,
    n: int,
) -> Iterator[Tensor]:
    """n real crops on the networks' scale, in parts (m, c, s, s), turned as in training; all sites (nearly) equally often."""
    rng = np.random.default_rng(SEED)
    side, resolution = settings.crop, settings.resolution
    first = np.cumsum([0, *(len(store) for store in stores)])
    sites = np.resize(rng.permutation(positions), n)
    height, width = stores[0].shape_at(resolution)
    corners = rng.integers([height - side + 1, width - side + 1], size=(len(sites), 2)).tolist()
    turns = torch.from_numpy(rng.integers(ORIENTATIONS if settings.symmetry else 1, size=len(sites)))
    for start in range(0, len(sites), CROPS_PER_PASS):
        crops, moments = [], []
        for position, (top, left) in zip(sites[start : start + CROPS_PER_PASS], corners[start:], strict=False):
            store = int(np.searchsorted(first, position, side="right")) - 1
            image = stores[store].sites([int(position - first[store])], resolution)
            crops.append(image[:, :, top : top + side, left : left + side])
            moments.append(moments_of(image))
        scaled = scale.apply(np.concatenate(crops), np.concatenate(moments))
        yield orient(scaled, turns[start : start + CROPS_PER_PASS])
