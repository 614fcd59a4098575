"""What the inside of a cell looks like: tiles of chromatin, reticulum, fibres, granules, made once per pixel size.

Takes a pixel size (um), makes tiles of mean 0 and variance 1 as a microscope would still resolve them, drawn at 0.65 um
and averaged down to coarser pixels, so that halved images and images drawn at half the resolution look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

FINE_UM = 0.65
"""Pixel size (um) at which tiles are made."""
RESOLVED_UM = 0.8
"""Structure is judged after a blur of this standard deviation (um): what is finer does not count for the variance."""
TILE_UM = 332.8
DIRECTIONS = 16
"""Directions in which fibres are made, over half a turn."""
MARGIN_PX = 288
SEED = 20200421
WARP_UM = 11.0
"""Correlation length (um) of the irregularity of cell borders."""


@dataclass(frozen=True)
class Textures:
    """Tiles (rows, columns), or stacks of tiles, wrapped on by `MARGIN_PX` so that any window up to that size fits.

    Those named in pairs are the healthy and the sick form of one structure, of equal variance.
    """

    side: int
    warp: Array
    chromatin: tuple[Array, Array]
    reticulum: tuple[Array, Array]
    fibres: Array
    patches: Array
    granules: tuple[Array, Array]
    mitochondria: tuple[Array, Array]
    membrane: Array

    @staticmethod
    def cut(tiles: Array, places: tuple[Index, ...], side: int) -> Array:
        """(n, side, side) windows out of a tile, or a stack of tiles, at places: tiles if a stack, rows, columns, (n,) each.

        Rows and columns lie below `self.side`; `side` is at most `MARGIN_PX`.
        """
        return np.asarray(np.lib.stride_tricks.sliding_window_view(tiles, (side, side), (-2, -1))[places])

    def spread(self, tile: Array, side: int, rng: np.random.Generator) -> Array:
        """(side, side): a tile over a whole image, from a random place on and turned at random, repeated if need be."""
        turns, row, column = int(rng.integers(4)), *(int(place) for place in rng.integers(0, self.side, 2))
        if side <= MARGIN_PX:
            return np.rot90(tile[row : row + side, column : column + side], turns)
        wanted = np.arange(side)
        return np.rot90(tile[np.ix_((wanted + row) % self.side, (wanted + column) % self.side)], turns)


class _Maker:
    """Periodic Gaussian random fields (numpy's own FFT, one thread) and shapes made of them."""

    def __init__(self, fine_um: float, shrink: int) -> None:
        self.um, self.shrink = fine_um, shrink
        self.side = int(TILE_UM / fine_um) // shrink * shrink
        self.rng = np.random.default_rng(SEED)
        frequency = np.fft.fftfreq(self.side, fine_um)
        self.fy, self.fx = frequency[:, None], frequency[None, : self.side // 2 + 1].copy()
        self.fx[0, -1] = abs(self.fx[0, -1])

    def field(self, along_um: float, across_um: float | None = None, angle: float = 0.0) -> Array:
        """Gaussian field of unit variance, smooth over `along_um` in direction `angle` and `across_um` across it."""
        across_um = along_um if across_um is None else across_um
        u = np.cos(angle) * self.fx + np.sin(angle) * self.fy
        v = -np.sin(angle) * self.fx + np.cos(angle) * self.fy
        damping = np.exp(-2 * np.pi**2 * ((u * along_um) ** 2 + (v * across_um) ** 2))
        white = np.fft.rfft2(self.rng.standard_normal((self.side, self.side)))
        made = np.fft.irfft2(white * damping, s=(self.side, self.side))
        return ((made - made.mean()) / made.std()).astype(np.float32)

    def fibres(self, angle: float) -> Array:
        """Bundles of slightly bent fibres in a direction."""
        bundles = _ridges(self.field(20.0, 0.9, angle), 0.35) * np.clip(0.6 + self.field(7.0), 0, None)
        straight = bundles + 0.25 * self.field(14.0, 0.5, angle) + 0.15 * self.field(2.0)
        along = np.arange(self.side, dtype=np.float32)
        bend = 3.0 / self.um
        places = [along[:, None] + bend * self.field(14.0), along[None, :] + bend * self.field(14.0)]
        return np.asarray(ndimage.map_coordinates(straight, places, order=1, mode="grid-wrap"), np.float32)

    def finish(self, tile: Array, low: float = -2.0, high: float = 4.0) -> Array:
        """Mean 0 and variance 1 where resolved; bounded, so that no contrast turns intensities negative; wrapped on."""
        for _ in range(2):
            seen = ndimage.gaussian_filter(tile, RESOLVED_UM / self.um, mode="wrap")
            tile = np.clip((tile - tile.mean()) / seen.std(), low, high)
        side = self.side // self.shrink
        coarse = tile.reshape(side, self.shrink, side, self.shrink).mean((1, 3), dtype=np.float32)
        coarse -= coarse.mean()
        return np.pad(coarse, (0, MARGIN_PX), mode="wrap")


def _ridges(field: Array, width: float) -> Array:
    """Bright lines where a field passes through zero."""
    return np.exp(-((field / np.float32(width)) ** 2))


def _dots(field: Array, rarity: float) -> Array:
    """Bright dots at the highest places of a field."""
    return np.clip(field - np.float32(rarity), 0, None)


@lru_cache(maxsize=8)
def textures(pixel_um: float) -> Textures:
    """The tiles at a pixel size (um)."""
    shrink = max(1, round(pixel_um / FINE_UM))
    maker = _Maker(pixel_um / shrink, shrink)
    net = 0.5 * _ridges(maker.field(0.8), 0.5) + 0.2 * maker.field(0.5)
    holes = -_dots(maker.field(1.5), 1.0) + 0.1 * maker.field(0.7)
    fibres = [maker.finish(maker.fibres(np.pi * i / DIRECTIONS)) for i in range(DIRECTIONS)]
    worms = _ridges(maker.field(0.9), 0.5) * np.clip(0.8 + maker.field(2.5), 0, None) + 0.15 * maker.field(3.0)
    return Textures(
        side=maker.side // shrink,
        warp=np.stack([maker.finish(maker.field(WARP_UM) + 0.35 * maker.field(3.5), high=2.0) for _ in range(2)]),
        chromatin=(
            maker.finish(maker.field(0.8) + 0.6 * maker.field(2.5)),
            maker.finish(_dots(maker.field(1.1), 0.5) + 0.1 * maker.field(0.7)),
        ),
        reticulum=(maker.finish(net + 0.2 * maker.field(4.0)), maker.finish(holes + 0.1 * maker.field(4.0))),
        fibres=np.stack(fibres),
        patches=maker.finish(_ridges(maker.field(1.3), 0.5) * _dots(maker.field(2.2), 0.3) + 0.06 * maker.field(3.0)),
        granules=(
            maker.finish(_dots(maker.field(0.7), -0.5) + 0.25 * maker.field(3.0)),
            maker.finish(maker.field(2.2) + 0.25 * maker.field(0.7)),
        ),
        mitochondria=(
            maker.finish(worms),
            maker.finish(_dots(maker.field(0.9), 0.7) * np.clip(1 + maker.field(3.0), 0, None)),
        ),
        membrane=maker.finish(maker.field(0.7) + 0.8 * maker.field(2.0)),
    )
