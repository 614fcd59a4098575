"""Shifts of drugs from vehicle: takes codes of one cell line, makes the cosine between the shifts of two drugs, with intervals.

Distances say that two drugs differ, not that they do opposite things: any two different drugs lie far apart. The mean codes of
a drug's tiles less those of vehicle are its shift; its cosine with that of another drug is 1 where both do the same, 0 where they
have nothing in common, -1 where they do opposite things. The vehicle's mean would stand in both shifts, and its error would make
them look alike: each drug has therefore its own half of the vehicle's wells, in both ways, and the two cosines are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.codes import Coded
from gandl.evaluation.comparison.measures.distances import TileSet
from gandl.evaluation.comparison.numbers import Row, of_draws, row
from gandl.evaluation.comparison.terms import VEHICLE
from gandl.tables.comparison import TEST

SIMILAR, OPPOSITE = "shift_cosine_similar", "shift_cosine_opposite"

Floats = npt.NDArray[np.float64]


def shift_rows(
    coded: Coded,
    line: str,
    similar: Sequence[str],
    opposite: Sequence[str] | None,
    settings: ComparisonTasksSettings,
    seed: int,
) -> list[Row]:
    """Cosines of the shifts of the similar and of the opposite pair, in the test tiles of one cell line.

    Null with a note where a drug has no tile, the vehicle fewer than two wells, or a shift is 0; intervals draw wells, and are
    null where a drug or a half of the vehicle has a single one.
    """
    test = coded.part(TEST)
    vehicle = test.where(test.tiles["control"] == VEHICLE)
    rows = []
    for metric, pair in ((SIMILAR, similar), (OPPOSITE, opposite)):
        if not pair:
            continue
        drugs = {name: test.where(test.tiles["treatment"] == name) for name in pair}
        n = len(vehicle) + sum(map(len, drugs.values()))
        missing = [name for name, held in drugs.items() if not len(held)]
        if missing or len(np.unique(vehicle.wells.astype(str))) < 2:
            note = f"no tile of {', '.join(missing)} in the test part" if missing else ""
            rows.append(
                row(line, metric, np.nan, n, note=note or "fewer than two wells of the vehicle in the test part")
            )
            continue
        one, other = (TileSet.of(held.values, held.wells) for held in drugs.values())
        halves = halves_of(TileSet.of(vehicle.values, vehicle.wells), np.random.default_rng(seed))
        value, draws = shift_cosine(one, other, halves, settings.bootstrap, seed)
        wells = min(held.n_wells for held in (one, other, *halves))
        ends = of_draws(draws, settings.confidence, wells)
        rows.append(row(line, metric, value, n, ends, None if np.isfinite(value) else "undefined: a shift is 0"))
    return rows


def halves_of(held: TileSet, rng: np.random.Generator) -> tuple[TileSet, TileSet]:
    """A set in two by whole wells, which are dealt at random; of an odd number the second has one more."""
    first = np.isin(held.wells, rng.permutation(held.n_wells)[: held.n_wells // 2])
    one, other = (TileSet.of(held.values[here], held.wells[here]) for here in (first, ~first))
    return one, other


def shift_cosine(
    one: TileSet, other: TileSet, halves: tuple[TileSet, TileSet], draws: int, seed: int
) -> tuple[float, Floats]:
    """Cosine of the shifts of two drugs, and that in every draw of wells; the mean over both ways to give each drug a half."""
    rng = np.random.default_rng(seed)
    sets: Mapping[str, TileSet] = {"one": one, "other": other, "left": halves[0], "right": halves[1]}
    mean = {name: _means(held, draws, rng) for name, held in sets.items()}
    ways = [
        _cosine(mean["one"] - mean[half], mean["other"] - mean[rest])
        for half, rest in (("left", "right"), ("right", "left"))
    ]
    found = np.mean(ways, axis=0)
    return float(found[0]), found[1:]


def _means(held: TileSet, draws: int, rng: np.random.Generator) -> Floats:
    """(1 + draws, d) mean codes: of all tiles, then of every draw of wells."""
    sums = np.zeros((held.n_wells, held.values.shape[1]))
    np.add.at(sums, held.wells, held.values)
    times = np.vstack([np.ones(held.n_wells), held.drawn(draws, rng)])
    return np.asarray(times @ sums / (times @ np.bincount(held.wells))[:, None])


def _cosine(u: Floats, v: Floats) -> Floats:
    """Row by row; not a number where one is 0."""
    length = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(length > 0, (u * v).sum(axis=1) / length, np.nan))
