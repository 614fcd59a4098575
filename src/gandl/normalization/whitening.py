"""Whitening: takes reference wells of a whole screen, block by block, makes the linear map under which they vary alike in all
directions; and CORAL, which gives the covariance of one batch to be that of all.

By hand: pycytominer's `Spherize` wants all reference wells in memory, with an n x n matrix beside them, refuses features that are
constant or linearly dependent, and has no CORAL step. A test compares the two where both work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.linalg

from gandl.statistics.standardisation import ROUNDING, Units

NULL = 1e-10
"""Eigenvalues below this share of the largest are zero but for rounding."""

Floats = npt.NDArray[np.float64]


class Moments:
    """Mean, deviation and covariance of rows that come in blocks (Chan, Golub and LeVeque 1983: no cancellation).

    Parameters
    ----------
    dim : d. cross : whether the covariance is taken, (d, d) in double precision, or the variances alone.
    """

    def __init__(self, dim: int, *, cross: bool = True) -> None:
        self.n = 0
        self.mean = np.zeros(dim)
        self._squares = np.zeros((dim, dim) if cross else dim)
        self._size = np.zeros(dim)

    def add(self, rows: Floats) -> None:
        """Take in (n, d) rows."""
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        centred = rows - mean
        step, total = mean - self.mean, self.n + len(rows)
        weight = self.n * len(rows) / total
        if self._squares.ndim == 2:
            self._squares += centred.T @ centred
            self._squares += weight * np.outer(step, step)
        else:
            self._squares += np.einsum("ij,ij->j", centred, centred) + weight * step**2
        self.mean = self.mean + step * len(rows) / total
        self.n = total
        self._size = np.maximum(self._size, np.abs(rows).max(axis=0))

    @property
    def scatter(self) -> Floats:
        """(d, d) sum of squares and products around the mean (d,: of squares), not to be changed."""
        return self._squares

    def units(self) -> Units:
        """Mean and sample deviation; a feature that varies by less than rounding is constant."""
        squares = np.diagonal(self._squares) if self._squares.ndim == 2 else self._squares
        deviation = np.sqrt(np.maximum(squares, 0) / max(1, self.n - 1))
        return Units(self.mean, deviation, deviation > ROUNDING * self._size)

    def correlation(self) -> Floats:
        """(d, d) correlation matrix, 0 for constant features. It takes the place of the sums: call it once."""
        units = self.units()
        inverse = np.where(units.varies, 1 / np.where(units.varies, units.deviation, 1), 0)
        matrix, self._squares = self._squares, np.zeros(len(inverse))
        matrix *= inverse[:, None] / max(1, self.n - 1)
        matrix *= inverse
        return matrix


@dataclass(frozen=True)
class Whitening:
    """A linear map of standardised features: x -> x V diag(scales) V' + rest (x - x V V').

    Attributes
    ----------
    axes : (d, r) V, principal axes of the reference wells, the widest first; (d, 0) where nothing varies.
    scales : (r,) what each axis is multiplied by. rest : what all directions beside them are multiplied by.
    """

    axes: Floats
    scales: Floats
    rest: float

    def components(self, values: Floats) -> Floats:
        """(n, d) standardised features -> (n, r) whitened coordinates along the axes."""
        return (values @ self.axes) * self.scales

    def apply(self, values: Floats) -> Floats:
        """(n, d) standardised features -> (n, d) whitened ones, in the directions of the features (ZCA)."""
        if 2 * self.axes.shape[1] > len(self.axes):  # one product with a whole matrix is then the shorter way
            return values @ self._matrix
        out = ((values @ self.axes) * (self.scales - self.rest)) @ self.axes.T
        if self.rest:
            out += self.rest * values
        return out

    @cached_property
    def _matrix(self) -> Floats:
        """(d, d) the map as one symmetric matrix."""
        whole = (self.axes * (self.scales - self.rest)) @ self.axes.T
        whole[np.diag_indices_from(whole)] += self.rest
        return whole


def whitening_of(
    reference: Moments | Floats, regularization: float, most: int | None = None
) -> tuple[Units, Whitening, Floats]:
    """Whiten reference wells by the inverse root of their correlation matrix (ZCA-cor; Kessy et al. 2018, Am. Stat. 72:309).

    W = (C + lambda I)^(-1/2), C the correlation matrix: its eigenvalues average 1 whatever the features measure.

    Parameters
    ----------
    reference : moments of the wells, or the wells themselves, (n, d), where they are fewer than features: then a thin singular
        value decomposition takes the place of the (d, d) matrix.
    regularization : lambda. 0: the covariance of the reference becomes the identity in all directions in which it varies, and
        others are multiplied by as much as the narrowest of these, as pycytominer's `Spherize` does.
    most : keep at most so many principal axes and drop all other directions; None: keep every direction.

    Returns
    -------
    Units of the features, the map of features in these units, and the (r,) eigenvalues of its axes.
    """
    if isinstance(reference, Moments):
        units = reference.units()
        found, axes = scipy.linalg.eigh(reference.correlation(), overwrite_a=True, check_finite=False)
        found, axes = found[::-1], axes[:, ::-1]
    else:
        units = _units_of_rows(reference)
        rows = units.apply(reference)
        _, roots, transposed = scipy.linalg.svd(rows, full_matrices=False, overwrite_a=True, check_finite=False)
        found, axes = roots**2 / max(1, len(reference) - 1), transposed.T
    kept = int((found > NULL * found[:1].max(initial=0)).sum())
    kept = kept if most is None else min(kept, most)
    values, axes = np.ascontiguousarray(found[:kept]), _signed(np.ascontiguousarray(axes[:, :kept]))
    rest = 0.0
    if most is None and kept:
        rest = 1 / np.sqrt(regularization or values[-1])
    return units, Whitening(axes, 1 / np.sqrt(values + regularization), float(rest)), values


def _units_of_rows(rows: Floats) -> Units:
    moments = Moments(rows.shape[1], cross=False)
    moments.add(rows)
    return moments.units()


def _signed(axes: Floats) -> Floats:
    """The same axes, the largest entry of each positive."""
    if axes.size:
        largest = np.abs(axes).argmax(axis=0)
        axes *= np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return axes


def coral(covariance: Floats, target: Floats, regularization: float) -> Floats:
    """(k, k) matrix A that gives one batch the covariance of all: A' (C + lambda I) A = T + lambda I.

    Sun, Feng and Saenko 2016 (CORAL), algorithm 1: A = (C + lambda I)^(-1/2) (T + lambda I)^(1/2); rows are multiplied from the
    left, x -> x A.

    Parameters
    ----------
    covariance, target : (k, k), of one batch (C) and of all (T). regularization : lambda.

    Raises
    ------
    ValueError : without regularization, where the batch does not vary in all k directions.
    """
    if not covariance.size:
        return covariance
    found, axes = scipy.linalg.eigh(covariance)
    if not regularization and found.min(initial=1) <= NULL * found.max(initial=0):
        raise ValueError("a covariance without an inverse")
    inverse = (axes / np.sqrt(np.maximum(found, 0) + regularization)) @ axes.T
    wanted, of_target = scipy.linalg.eigh(target)
    root = (of_target * np.sqrt(np.maximum(wanted, 0) + regularization)) @ of_target.T
    return np.asarray(inverse @ root)
