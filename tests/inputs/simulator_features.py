"""Features of drawn sites that need no network: brightness, counts, and hand-made ones of nuclei and texture.

Takes images (channels, y, x) uint8 in the order of RxRx1; used to show what the simulated severity can be recognised from. With
the simulator's own truth nowhere used, a well's features are means over its sites; classifiers are judged on plates left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import filters, measure
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.preprocessing import StandardScaler

from gandl.source.simulator.cells.drawing import (
    CELL_LINES,
    CHANNELS,
    draw_field,
    draw_nuisance_plate,
    draw_nuisance_well,
    draw_site,
)

Array = npt.NDArray[np.float64]

BANDS_UM = (0.9, 1.5, 2.5, 4.5)
RXRX19A = tuple(i for i, name in enumerate(CHANNELS) if name != "mitotracker")
"""Channels of an RxRx19a site, of which features are taken."""


@dataclass(frozen=True)
class Wells:
    """Features of simulated wells. infected, plate : (wells,). brightness, count, texture : (wells, features)."""

    infected: npt.NDArray[np.bool_]
    plate: npt.NDArray[np.int64]
    brightness: Array
    count: Array
    texture: Array


def brightness(images: npt.NDArray[np.uint8]) -> Array:
    """Mean and standard deviation of every RxRx19a channel: 10 numbers."""
    chosen = images[list(RXRX19A)].reshape(len(RXRX19A), -1)
    return np.concatenate([chosen.mean(1), chosen.std(1)])


def nuclei_of(images: npt.NDArray[np.uint8], pixel_um: float) -> npt.NDArray[np.int64]:
    """Labels (y, x) of the nuclei: Otsu's threshold on smoothed Hoechst, objects of at least 25 um2."""
    smooth = ndimage.gaussian_filter(images[0].astype(np.float32), 0.8 / pixel_um)
    labels = measure.label(smooth > filters.threshold_otsu(smooth))
    small = np.bincount(labels.ravel()) * pixel_um**2 < 25
    labels[small[labels]] = 0
    return measure.label(labels > 0)


def texture(images: npt.NDArray[np.uint8], pixel_um: float) -> Array:
    """Shape of nuclei, nucleolar contrast, anisotropy of actin, granularity by scale and its skewness in every channel."""
    labels = nuclei_of(images, pixel_um)
    parts = [_nuclei(images, labels, pixel_um)]
    for i in RXRX19A:
        plane = ndimage.gaussian_filter(images[i].astype(np.float32), 0.5 / pixel_um)
        parts.append(_granularity(plane, pixel_um))
    parts.append(_anisotropy(images[CHANNELS.index("phalloidin")].astype(np.float32), pixel_um))
    return np.concatenate(parts)


def _nuclei(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], pixel_um: float) -> Array:
    """Medians over nuclei: area, form factor, eccentricity, solidity, variation of Hoechst, nucleolar contrast of Syto14."""
    rna = ndimage.gaussian_filter(images[CHANNELS.index("syto14")].astype(np.float32), 0.5 / pixel_um)
    rows = []
    for region in measure.regionprops(labels, intensity_image=np.stack([images[0].astype(np.float32), rna], -1)):
        dna, nucleolar = region.image_intensity[region.image].T
        form = 4 * np.pi * region.area / max(region.perimeter, 1) ** 2
        contrast = (np.percentile(nucleolar, 97) - np.median(nucleolar)) / max(np.median(nucleolar), 1)
        skew = ((nucleolar - nucleolar.mean()) ** 3).mean() / max(nucleolar.std(), 0.1) ** 3
        area = region.area * pixel_um**2
        rows.append([area, form, region.eccentricity, region.solidity, dna.std() / dna.mean(), contrast, skew])
    return np.median(rows, axis=0) if rows else np.full(7, np.nan)


def _granularity(plane: npt.NDArray[np.float32], pixel_um: float) -> Array:
    """Of local contrast (plane over its surroundings): the spread within bands of scales, and the bands' skewness."""
    around = ndimage.gaussian_filter(plane, 8.0 / pixel_um)
    local = plane / np.maximum(around, 1)
    blurred = [local, *(ndimage.gaussian_filter(local, band / pixel_um) for band in BANDS_UM)]
    bands = [fine - coarse for fine, coarse in pairwise(blurred)]
    spread = np.array([band.std() for band in bands])
    skewness = [float(((band - band.mean()) ** 3).mean() / max(float(band.std()), 1e-3) ** 3) for band in bands]
    return np.concatenate([np.log(spread + 1e-3), skewness])


def _anisotropy(plane: npt.NDArray[np.float32], pixel_um: float) -> Array:
    """Mean coherence of the structure tensor of actin, 0 (no direction) to 1 (parallel fibres)."""
    smooth = ndimage.gaussian_filter(plane, 0.8 / pixel_um)
    dy, dx = ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1)
    yy, xx, yx = (ndimage.gaussian_filter(product, 3.5 / pixel_um) for product in (dy * dy, dx * dx, dy * dx))
    coherence = np.sqrt((yy - xx) ** 2 + 4 * yx**2) / (yy + xx + 1e-3)
    return np.array([coherence.mean()])


def draw_wells(
    seed: int,
    *,
    line: str,
    plates: int,
    wells: int,
    sites: int,
    severity: float,
    side: int = 256,
    pixel_um: float = 0.65,
) -> Wells:
    """Features of wells with every nuisance: on each plate `wells` Mock ones and as many infected ones, of mean severity
    0 and `severity`; both vary between wells."""
    rng = np.random.default_rng(seed)
    infected, plate_of, rows = [], [], []
    for plate in range(plates):
        shared = draw_nuisance_plate(rng)
        for well in range(2 * wells):
            around = draw_nuisance_well(rng, shared, float(rng.integers(0, 8)))
            level = severity * (well % 2) + float(np.clip(rng.normal(0, 0.11), -0.3, 0.3))
            drawn = [
                draw_site(draw_field(rng, CELL_LINES[line], around, level), side, pixel_um, rng).images
                for _ in range(sites)
            ]
            rows.append(
                [
                    np.mean([brightness(images) for images in drawn], axis=0),
                    np.array([np.mean([nuclei_of(images, pixel_um).max() for images in drawn])]),
                    np.nanmean([texture(images, pixel_um) for images in drawn], axis=0),
                ]
            )
            infected.append(bool(well % 2))
            plate_of.append(plate)
    made = [np.stack(column) for column in zip(*rows, strict=True)]
    return Wells(np.array(infected), np.array(plate_of), *made)


def held_out_scores(features: Array, wells: Wells) -> Array:
    """(wells,) scores of a logistic regression on features standardised plate by plate, every plate judged by the others."""
    standardised = features.copy()
    for plate in np.unique(wells.plate):
        rows = wells.plate == plate
        standardised[rows] = StandardScaler().fit_transform(features[rows])
    scores = np.empty(len(features))
    for train, test in LeaveOneGroupOut().split(standardised, wells.infected, wells.plate):
        model = LogisticRegression(C=0.3, max_iter=2000).fit(standardised[train], wells.infected[train])
        scores[test] = model.decision_function(standardised[test])
    return scores


def auc(scores: Array, wells: Wells) -> float:
    """AUC of infected against Mock within every plate, averaged over plates."""
    plates = [wells.plate == plate for plate in np.unique(wells.plate)]
    return float(np.mean([roc_auc_score(wells.infected[rows], scores[rows]) for rows in plates]))


def chance(features: Array, wells: Wells, times: int, seed: int = 0) -> Array:
    """(times,) AUCs of held-out plates after infected and Mock are drawn by lot among the wells of every plate."""
    rng = np.random.default_rng(seed)
    drawn = np.empty(times)
    for i in range(times):
        infected = wells.infected.copy()
        for plate in np.unique(wells.plate):
            infected[wells.plate == plate] = rng.permutation(infected[wells.plate == plate])
        by_lot = replace(wells, infected=infected)
        drawn[i] = auc(held_out_scores(features, by_lot), by_lot)
    return drawn
