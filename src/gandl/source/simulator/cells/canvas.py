"""Drawing on planes of pixels: dots, and square windows around cells; takes positions in um, adds to (rows, columns)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Canvas:
    """Geometry of planes.

    Attributes
    ----------
    side : pixels of the image. pixel_um : pixel size. border : pixels around the image that are drawn as well, for blurring.
    """

    side: int
    pixel_um: float
    border: int

    @property
    def extent(self) -> int:
        """Rows, and columns, of a plane."""
        return self.side + 2 * self.border

    def planes(self, n: int) -> Array:
        """(n, extent, extent) zeros."""
        return np.zeros((n, self.extent, self.extent), np.float32)

    def span(self, centre: float, reach: float) -> tuple[slice, Array]:
        """Rows (or columns) of a plane within `reach` um of a position, and their offsets (um) from it."""
        first, last = (int(np.floor((centre + way) / self.pixel_um)) + self.border for way in (-reach, reach))
        rows = slice(min(max(first, 0), self.extent), min(max(last + 1, 0), self.extent))
        offsets = (np.arange(rows.start, rows.stop) + (0.5 - self.border)) * self.pixel_um - centre
        return rows, offsets.astype(np.float32)

    def windows(self, y: Array, x: Array, reach_um: float) -> Windows:
        """Windows around positions (n,) in um that hold everything within `reach_um`; they may lie beyond the planes."""
        half = int(np.ceil(reach_um / self.pixel_um))
        rows = np.floor(y / self.pixel_um).astype(np.int64) - half + self.border
        columns = np.floor(x / self.pixel_um).astype(np.int64) - half + self.border
        return Windows(rows, columns, 2 * half + 1)

    def offsets(self, windows: Windows, y: Array, x: Array) -> tuple[Array, Array]:
        """(n, side, 1) and (n, 1, side): um from positions (n,) to the centres of the windows' pixels."""
        along = np.arange(windows.side) + (0.5 - self.border)
        dy = (windows.rows[:, None] + along) * self.pixel_um - y[:, None]
        dx = (windows.columns[:, None] + along) * self.pixel_um - x[:, None]
        return dy.astype(np.float32)[:, :, None], dx.astype(np.float32)[:, None, :]

    def within(self, windows: Windows) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """(n, side, 1) and (n, 1, side): which rows and columns of the windows lie on the planes."""
        along = np.arange(windows.side)
        rows, columns = windows.rows[:, None] + along, windows.columns[:, None] + along
        on_rows, on_columns = (rows >= 0) & (rows < self.extent), (columns >= 0) & (columns < self.extent)
        return on_rows[:, :, None], on_columns[:, None, :]

    def gather(self, places: Index, values: Array) -> Array:
        """(extent, extent): sums of values (k,) by place, the number of a pixel."""
        sums = np.bincount(places, values, self.extent**2)
        return sums.reshape(self.extent, self.extent).astype(np.float32)

    def dots(self, y: Array, x: Array, sigma: Array, amount: Array) -> Array:
        """(extent, extent): Gaussian dots at positions (n,), of standard deviations (um) and integrals `amount` (level um2)."""
        if not len(y):
            return self.planes(1)[0]
        windows = self.windows(y, x, 2.7 * float(sigma.max()))
        dy, dx = self.offsets(windows, y, x)
        spread = (2 * sigma**2)[:, None, None]
        made = np.exp(-(dy**2) / spread) * np.exp(-(dx**2) / spread) * (amount / (2 * np.pi * sigma**2))[:, None, None]
        on_rows, on_columns = self.within(windows)
        seen = on_rows & on_columns
        along = np.arange(windows.side)
        places = (windows.rows[:, None] + along)[:, :, None] * self.extent + (windows.columns[:, None] + along)[
            :, None, :
        ]
        return self.gather(places[seen], made[seen])


@dataclass(frozen=True)
class Windows:
    """Square windows. rows, columns : (n,) top left pixels in planes. side : pixels."""

    rows: Index
    columns: Index
    side: int

    def add(self, planes: Array, values: Array) -> None:
        """Add (..., n, side, side) to planes (..., extent, extent), one cell after the other, as far as they lie there."""
        last = planes.shape[-1]
        for i, (row, column) in enumerate(zip(self.rows.tolist(), self.columns.tolist(), strict=True)):
            top, left = max(row, 0), max(column, 0)
            bottom, right = min(row + self.side, last), min(column + self.side, last)
            if top < bottom and left < right:
                part = values[..., i, top - row : bottom - row, left - column : right - column]
                planes[..., top:bottom, left:right] += part


@dataclass(frozen=True)
class Outline:
    """Ellipses with irregular outlines; arrays of one shape that broadcasts with the offsets from their centres.

    Attributes
    ----------
    along, across : (2,) of arrays: factors on dy and dx (um) that give the position along the long and the short axis, in
        units of the semi-axes. lobes : (3,) of arrays: amplitudes of waves of order 3 (cosine, sine) and 4.
    """

    along: Array
    across: Array
    lobes: Array

    @classmethod
    def of(cls, angle: Array, radius: Array, elongation: Array, lobes: Array) -> Outline:
        """Outlines of n cells, of (n,) arrays and lobes (n, 3). radius : geometric mean of the semi-axes (um)."""
        stretch = np.sqrt(elongation)
        cos, sin = np.cos(angle), np.sin(angle)
        long, short = radius * stretch, radius / stretch
        return cls(np.stack([sin / long, cos / long]), np.stack([cos / short, -sin / short]), lobes.T)

    def __getitem__(self, chosen: object) -> Outline:
        """Outlines of some cells, or with axes added: `outlines[cells]`, `outlines[:, None, None]`."""
        chosen = chosen if isinstance(chosen, tuple) else (chosen,)
        return Outline(*(values[(slice(None), *chosen)] for values in (self.along, self.across, self.lobes)))

    def half_sides(self) -> Array:
        """(2,) of arrays: half the height and half the width (um) of the upright rectangles around the ellipses, lobes aside."""
        # columns of the inverse of [along; across], which takes the unit circle to the ellipse
        area = self.along[0] * self.across[1] - self.along[1] * self.across[0]
        return np.stack([np.hypot(self.along[1], self.across[1]), np.hypot(self.along[0], self.across[0])]) / np.abs(
            area
        )

    def position(self, dy: Array, dx: Array) -> tuple[Array, Array]:
        """Position along the long and the short axis, in units of the semi-axes."""
        u = self.along[0] * dy + self.along[1] * dx
        v = self.across[0] * dy + self.across[1] * dx
        return u, v

    def distance(self, u: Array, v: Array) -> Array:
        """Distance of positions from the centre: 1 on the outline."""
        distance = np.sqrt(u * u + v * v) + np.float32(1e-6)
        # waves around the outline, by the multiple-angle formulas of cosine c and sine s
        c, s = u / distance, v / distance
        cc = c * c
        wave = self.lobes[0] * c * (4 * cc - 3)
        wave += self.lobes[1] * s * (4 * cc - 1)
        wave += self.lobes[2] * (8 * cc * (cc - 1) + 1)
        wave += 1
        distance *= wave
        return distance
