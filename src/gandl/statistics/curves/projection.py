"""Variable projection: takes doses and means of responses at them, finds the EC50 and slope of the best curve of each series.

For a given EC50 and slope the two asymptotes are a linear regression, so that only two parameters are searched (Golub and Pereyra
1973): a grid that covers the bounds, finer ones around its best points, then Gauss-Newton steps. No start value can be a bad one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BEYOND_DOSES = 0.5
"""Decades that an EC50 may lie beyond the tested doses; farther out, wells say nothing of it but "not here"."""
SLOPES = (0.3, 8.0)
"""Bounds of the Hill slope: from a response that takes six decades of doses to one that jumps between two doses."""
GRID = (49, 17)
"""EC50s and slopes of the grid, both evenly spaced in their logarithm."""
STARTS = (slice(0, 6), slice(6, 12), slice(12, 17))
"""Flat, middling and steep slopes of the grid: the best point of each is a start, and the best of three ends is taken."""
STEPS = 80
"""Damped Gauss-Newton steps of a fit: where the doses hardly determine an EC50, grids end anywhere along a narrow valley."""
STANDING = 1e-9
"""Steps of the logarithms that are shorter end a fit."""
TINY = 1e-300
"""Keeps a curvature of nothing from being singular."""

Floats = npt.NDArray[np.float64]


def risen(dose: Floats, ec50: Floats | float, slope: Floats | float) -> Floats:
    """The share of the way from the response without to that at endless dose (mirrored for slopes below 0)."""
    return np.asarray(1 / (1 + np.exp(np.clip(slope * (np.log(ec50) - np.log(dose)), -700, 700))))


def grid(dose: Floats, size: tuple[int, int] = GRID) -> tuple[tuple[Floats, Floats], Floats]:
    """Logarithms of the EC50s and the slopes of the grid; the rise of every pair at the doses, (pairs, n)."""
    beyond = BEYOND_DOSES * np.log(10)
    ec50s = np.linspace(np.log(dose.min()) - beyond, np.log(dose.max()) + beyond, size[0])
    slopes = np.linspace(np.log(SLOPES[0]), np.log(SLOPES[1]), size[1])
    pairs = np.stack(np.meshgrid(np.exp(ec50s), np.exp(slopes), indexing="ij"), axis=-1).reshape(-1, 2, 1)
    return (ec50s, slopes), risen(dose, pairs[:, 0], pairs[:, 1])


def explained(rises: Floats, weights: Floats, responses: Floats) -> Floats:
    """Sum of squares that a line on each rise (pairs, m) explains of each set of responses (draws, m): (draws, pairs)."""
    centred = rises - (rises @ weights / weights.sum())[:, None]
    return np.asarray(np.square((responses * weights) @ centred.T) / (np.square(centred) @ weights))


def explained_each(rises: Floats, weights: Floats, responses: Floats) -> Floats:
    """The same where every draw has its own rises (draws, pairs, m)."""
    centred = rises - (rises @ weights / weights.sum())[..., None]
    along = np.einsum("bpm,bm->bp", centred, responses * weights)
    return np.asarray(np.square(along) / (np.square(centred) @ weights))


def line(rises: Floats, weights: Floats, responses: Floats) -> tuple[Floats, Floats]:
    """Weighted regression of responses on rises, both (draws, m): value without dose and its change to endless dose."""
    share = weights / weights.sum()
    mean_rise, mean_response = rises @ share, responses @ share
    centred = rises - mean_rise[:, None]
    span = (centred * responses) @ weights / (np.square(centred) @ weights)
    return mean_response - span * mean_rise, span


def search(
    doses: Floats, weights: Floats, means: Floats, starts: Sequence[slice], *, zooms: int, finer: float, steps: int
) -> Floats:
    """Logarithms of the best EC50 and slope of (m, d) means: (m, 2). From the grid's best point among the slopes of each start
    the grid around it is made finer by a factor, so many times; then follow so many steps downhill."""
    (ec50s, slopes), rises = grid(doses)
    on_grid = explained(rises, weights, means).reshape(-1, *GRID)
    lower, upper = np.array([ec50s[0], slopes[0]]), np.array([ec50s[-1], slopes[-1]])
    offsets = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    found, reached = np.empty((len(means), 2)), np.full(len(means), -np.inf)
    every = np.arange(len(means))
    for some in starts:
        best = on_grid[:, :, some].reshape(len(means), -1).argmax(axis=1)
        here = slopes[some]
        parameters = np.stack([ec50s[best // len(here)], here[best % len(here)]], axis=1)
        step = (upper - lower) / (np.array(GRID) - 1)
        for _ in range(zooms):
            near = np.clip(parameters[:, None] + step * offsets, lower, upper)
            gained = explained_each(risen(doses, np.exp(near[..., :1]), np.exp(near[..., 1:])), weights, means)
            best = gained.argmax(axis=1)
            parameters, gain = near[every, best], gained[every, best]
            step = step / finer
        parameters, gain = _downhill(doses, weights, means, parameters, gain, (lower, upper), steps)
        better = gain > reached
        found[better], reached[better] = parameters[better], gain[better]
    return found


def _downhill(
    doses: Floats,
    weights: Floats,
    means: Floats,
    parameters: Floats,
    gain: Floats,
    bounds: tuple[Floats, Floats],
    steps: int,
) -> tuple[Floats, Floats]:
    """Damped Gauss-Newton steps (Kaufman 1975) of (m, 2) parameters within bounds, and the squares that they explain (m,)."""
    damping = np.full(len(means), 1e-3)
    share = weights / weights.sum()
    for _ in range(steps):
        log_ec50, slope = parameters[:, :1], np.exp(parameters[:, 1:])
        rise = risen(doses, np.exp(log_ec50), slope)
        centred = rise - (rise @ share)[:, None]
        square = np.square(centred) @ weights
        change = -slope * rise * (1 - rise)
        moved = np.stack([change, change * (log_ec50 - np.log(doses)), means], axis=1)
        moved -= (moved @ share)[..., None]
        moved -= ((moved * centred[:, None]) @ weights / square[:, None])[..., None] * centred[:, None]
        span = (centred * means) @ weights / square
        towards, rest = moved[:, :2] * span[:, None, None], moved[:, 2]
        curvature = np.einsum("mid,mjd,d->mij", towards, towards, weights)
        curvature[:, [0, 1], [0, 1]] *= 1 + damping[:, None]
        curvature[:, [0, 1], [0, 1]] += TINY
        downhill = np.linalg.solve(curvature, (np.einsum("mid,md,d->mi", towards, rest, weights))[..., None])[..., 0]
        tried = np.clip(parameters + downhill, *bounds)
        reached = explained_each(risen(doses, np.exp(tried[:, :1]), np.exp(tried[:, 1:]))[:, None], weights, means)[
            :, 0
        ]
        better, moves = reached > gain, float(np.abs(tried - parameters).max())
        parameters, gain = np.where(better[:, None], tried, parameters), np.where(better, reached, gain)
        damping = np.clip(np.where(better, damping / 4, damping * 4), 1e-12, 1e6)
        if moves < STANDING:
            break
    return parameters, gain
