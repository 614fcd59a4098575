"""Square windows around cells, and dots: what is drawn small and added to whole planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Canvas:
    """Geometry of padded planes.

    Attributes
    ----------
    side : pixels of the image. pixel_um : pixel size. border : pixels around the image that are drawn as well, for blurring.
    pad : pixels around both, so that windows of cells at the border fit.
    """

    side: int
    pixel_um: float
    border: int
    pad: int

    @property
    def drawn(self) -> tuple[int, int]:
        """First row (and column) of the image and its border in padded planes, and the one after the last."""
        return self.pad, self.pad + self.side + 2 * self.border

    def planes(self, n: int) -> Array:
        """(n, rows, columns) zeros."""
        extent = self.side + 2 * (self.border + self.pad)
        return np.zeros((n, extent, extent), np.float32)

    def image(self, planes: Array) -> Array:
        """(..., rows, columns) of the image and its border."""
        inner = slice(*self.drawn)
        return planes[..., inner, inner]

    def windows(self, y: Array, x: Array, reach_um: float) -> Windows:
        """Windows around positions (n,) in um that hold everything within `reach_um`."""
        half = int(np.ceil(reach_um / self.pixel_um))
        rows = np.floor(y / self.pixel_um).astype(np.int64) - half + self.pad + self.border
        columns = np.floor(x / self.pixel_um).astype(np.int64) - half + self.pad + self.border
        return Windows(rows, columns, 2 * half + 1)

    def offsets(self, windows: Windows, y: Array, x: Array) -> tuple[Array, Array]:
        """(n, side, 1) and (n, 1, side): um from positions (n,) to the centres of the windows' pixels."""
        along = np.arange(windows.side, dtype=np.float32) + np.float32(0.5 - self.pad - self.border)
        dy = (windows.rows[:, None] + along) * np.float32(self.pixel_um) - y[:, None]
        dx = (windows.columns[:, None] + along) * np.float32(self.pixel_um) - x[:, None]
        return dy.astype(np.float32)[:, :, None], dx.astype(np.float32)[:, None, :]

    def stamp(self, plane: Array, y: Array, x: Array, sigma: Array, amount: Array) -> None:
        """Add Gaussian dots (n,) at positions (um), of standard deviations (um) and integrals `amount` (grey level um2)."""
        if not len(y):
            return
        windows = self.windows(y, x, 2.7 * float(sigma.max()))
        dy, dx = self.offsets(windows, y, x)
        spread = (2 * sigma**2)[:, None, None]
        dots = np.exp(-(dy**2) / spread) * np.exp(-(dx**2) / spread) * (amount / (2 * np.pi * sigma**2))[:, None, None]
        width = plane.shape[1]
        along = np.arange(windows.side)
        places = (windows.rows[:, None] + along)[:, :, None] * width + (windows.columns[:, None] + along)[:, None, :]
        plane += np.bincount(places.ravel(), dots.ravel(), plane.size).reshape(plane.shape).astype(np.float32)


@dataclass(frozen=True)
class Windows:
    """rows, columns : (n,) top left pixels in padded planes. side : pixels."""

    rows: Index
    columns: Index
    side: int

    def cut(self, plane: Array) -> Array:
        """(n, side, side) copies out of a padded plane (rows, columns)."""
        views = np.lib.stride_tricks.sliding_window_view(plane, (self.side, self.side))
        return np.asarray(views[self.rows, self.columns])

    def moved(self, pixels: int) -> Windows:
        """The windows so many rows further down, and columns to the right."""
        return Windows(self.rows + pixels, self.columns + pixels, self.side)

    def add(self, planes: Array, values: Array, first: int = 0, last: int | None = None) -> None:
        """Add (..., n, side, side) to padded planes (..., rows, columns), one cell after the other.

        first, last : only rows and columns from `first` up to `last` are wanted; the others need not be right.
        """
        last = planes.shape[-1] if last is None else last
        for i, (row, column) in enumerate(zip(self.rows.tolist(), self.columns.tolist(), strict=True)):
            top, left = max(row, first), max(column, first)
            bottom, right = min(row + self.side, last), min(column + self.side, last)
            if top < bottom and left < right:
                part = values[..., i, top - row : bottom - row, left - column : right - column]
                planes[..., top:bottom, left:right] += part


def outline(
    dy: Array, dx: Array, angle: Array, radius: Array, elongation: Array, lobes: Array
) -> tuple[Array, Array]:
    """Elliptic coordinates of an irregular outline.

    Parameters
    ----------
    dy, dx : broadcastable to (n, w, w), um from the centre. angle, radius, elongation : (n,). lobes : (n, 3).

    Returns
    -------
    (n, w, w) each: distance from the centre, 1 on the outline; position along the long axis, in units of that axis.
    """

    def column(values: Array) -> Array:
        return values[:, None, None]

    cos, sin, stretch = np.cos(angle), np.sin(angle), np.sqrt(elongation)
    long, short = radius * stretch, radius / stretch
    u = column(cos / long) * dx + column(sin / long) * dy
    v = column(cos / short) * dy - column(sin / short) * dx
    square = u * u
    distance = v * v
    distance += square
    np.sqrt(distance, out=distance)
    distance += np.float32(1e-6)
    c, s = u / distance, np.divide(v, distance, out=v)
    # waves of order 3 and 4 around the outline, by the multiple-angle formulas of the cosine c and the sine s
    cc = np.multiply(c, c, out=square)
    c *= column(lobes[:, 0]) * (4 * cc - 3)
    s *= column(lobes[:, 1]) * (4 * cc - 1)
    c += s
    cc *= cc - 1
    cc *= column(8 * lobes[:, 2])
    c += cc
    c += column(1 + lobes[:, 2])
    distance *= c
    return distance, u
