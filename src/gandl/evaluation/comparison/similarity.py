"""Similarity of drugs (Dmitrenko et al. 2022, section 4.3.1): codes of tiles -> distances of drugs by cell line, with intervals.

D is the median Euclidean distance over all pairs of tiles of the test part, d = (mean of the two drug-vehicle D - D) / that mean.

D grows with the codes' scale, so 1/D compares no two networks: one that shrinks its codes tenfold has a tenfold 1/D. d is free
of a common factor, not of each feature's: few features of large variance decide it. Beside them therefore stand `d_scale_free`
and `inverse_distance_scale_free`, by codes whose every feature is in units of its standard deviation among the vehicle tiles of
the training part of the same cell line (no tile that is measured has a say in it), the latter with D in units of the median
distance among vehicle tiles. Neither changes when features are shifted or rescaled, one by one.

Tiles of one drug differ, too, by the cells that they happen to show, and a drug that makes them differ more has a larger D from
everything. `separation` (by how much two drugs of opposite effect lie farther apart than the similar ones, in units of the mean
distance from vehicle) inherits that: of the drugs with the larger spread it says that they are far apart. `separation_between`
therefore takes from every distance of two drugs the mean of the two within each of them. These are mean distances, not medians:
of means it is half the energy distance (Szekely and Rizzo 2013), 0 on average where the tiles of both drugs come from one
distribution and above 0 else, which holds of no median. Tiles of one well resemble each other, and two drugs never share a well:
within a drug (and among vehicle) only tiles of two different wells make a pair, and a draw of one well alone has none.

By hand: the paper took the vehicle's tiles of six fixed wells; here as many as the larger set of the two drugs are drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config.comparison import ComparisonTasksSettings, SimilaritySettings
from gandl.evaluation.comparison.codes import Coded, drawn
from gandl.evaluation.comparison.measures.distances import (
    TileSet,
    drawn_means,
    drawn_medians,
    effective_rank,
    feature_spread,
    pair_distances,
)
from gandl.evaluation.comparison.numbers import Row, of_draws, row, write_numbers
from gandl.evaluation.comparison.shifts import shift_rows
from gandl.evaluation.comparison.terms import SIMILARITY, VEHICLE, Pair
from gandl.statistics.standardisation import units_of
from gandl.tables import Column, Schema, write_table
from gandl.tables.comparison import TEST, TRAIN

DISTANCES = Schema(
    "distances of tiles",
    (
        Column("cell_type", "string"),
        Column("pair", "string", allowed=tuple(Pair)),
        Column("number", "integer"),
        Column("distance", "float"),
    ),
    key=("cell_type", "pair", "number"),
)
"""Distances of pairs of tiles, a sample per cell line and pair, numbered from 0 (Figure 3 of the paper)."""
AMONG_VEHICLE = "vehicle"
"""The pairs of vehicle tiles, beside those of `Pair`."""
WITHIN = {kind: f"within_{kind}" for kind in "abcd"}
"""The pairs of tiles of one drug, of two different wells of it."""
SETS = {
    Pair.SIMILAR: ("a", "b"),
    Pair.A_VEHICLE: ("a", "vehicle"),
    Pair.B_VEHICLE: ("b", "vehicle"),
    Pair.OPPOSITE: ("c", "d"),
    AMONG_VEHICLE: ("vehicle", "vehicle"),
    **{pair: (kind, kind) for kind, pair in WITHIN.items()},
}
NEED = {
    **{f"distance_{pair}": (pair,) for pair in SETS if pair not in WITHIN.values()},
    **dict.fromkeys(("d", "d_scale_free"), (Pair.SIMILAR, Pair.A_VEHICLE, Pair.B_VEHICLE)),
    "inverse_distance": (Pair.SIMILAR,),
    "inverse_distance_scale_free": (Pair.SIMILAR, AMONG_VEHICLE),
    **dict.fromkeys(
        ("separation", "separation_scale_free"), (Pair.SIMILAR, Pair.A_VEHICLE, Pair.B_VEHICLE, Pair.OPPOSITE)
    ),
    **dict.fromkeys(
        ("separation_between", "separation_between_scale_free"),
        (Pair.SIMILAR, Pair.A_VEHICLE, Pair.B_VEHICLE, Pair.OPPOSITE, *WITHIN.values()),
    ),
}
"""The metrics, and the pairs that each of them rests on."""
OF_CODES = tuple(name for name in NEED if not name.endswith("_scale_free"))
OF_STANDARDISED = {
    "d": "d_scale_free",
    "relative_inverse": "inverse_distance_scale_free",
    "separation": "separation_scale_free",
    "separation_between": "separation_between_scale_free",
}

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What one cell line gives: a row per metric, and the raw distances by pair."""

    rows: list[Row]
    distances: dict[str, Floats]


def write_similarity(
    coded: Coded,
    output: Path,
    distances: Path,
    settings: ComparisonTasksSettings,
    similar: Sequence[str],
    opposite: Sequence[str] | None,
    *,
    seed: int,
    setup: str,
    training_seed: int,
) -> None:
    """Write how near the similar drugs lie, cell line by cell line.

    Parameters
    ----------
    coded : labelled tiles with their codes.
    similar : the two treatments with a similar effect. opposite : two with opposite effects, or None.
    seed : of the draws of vehicle tiles, of wells, and of the distances kept. setup, training_seed : of the codes.
    output : `tables.NUMBERS`, question `comparison_similarity`, metrics of `NEED` (of an opposite pair where there is one),
        those of `shifts`, `feature_spread`, `effective_rank` and `collapsed` (1 or 0). Null with a note where a cell line
        lacks tiles; intervals draw wells, and are null where a set has a single one.
    distances : `DISTANCES`.
    """
    rows: list[Row] = []
    kept: list[pd.DataFrame] = []
    for place, line in enumerate(coded.lines):
        of_line = coded.where(coded.tiles["cell_type"] == line)
        found = similarity_of(of_line, line, similar, opposite, settings, seed + place)
        rows += [*found.rows, *spread_rows(of_line.part(TEST), line, settings.similarity)]
        rows += shift_rows(of_line, line, similar, opposite, settings, seed + place)
        rng = np.random.default_rng(seed + place)
        for pair, flat in found.distances.items():
            chosen = flat[drawn(len(flat), settings.similarity.drawn_distances, rng)]
            about = {"cell_type": line, "pair": str(pair), "number": np.arange(len(chosen)), "distance": chosen}
            kept.append(pd.DataFrame(about))
    write_numbers(rows, output, SIMILARITY, setup, training_seed)
    nothing = pd.DataFrame(columns=DISTANCES.names).astype({"number": "int64", "distance": "float64"})
    write_table(pd.concat(kept or [nothing], ignore_index=True), Path(distances), DISTANCES)


def similarity_of(
    coded: Coded,
    line: str,
    similar: Sequence[str],
    opposite: Sequence[str] | None,
    settings: ComparisonTasksSettings,
    seed: int,
) -> Found:
    """The metrics of one cell line's tiles (all parts of it; parameters as in `write_similarity`)."""
    names = dict(zip("abcd", [*similar, *(opposite or [])], strict=False))
    chosen = tiles_of_sets(coded.part(TEST), names, settings.similarity, seed)
    missing = {kind: names.get(kind, "the vehicle") for kind, held in chosen.items() if not len(held)}
    for name in missing.values():
        logger.warning("similarity: cell line %s has no tile of %s in the test part", line, name)
    sets = {kind: TileSet.of(held.values, held.wells) for kind, held in chosen.items()}
    pairs = [pair for pair, kinds in SETS.items() if all(len(chosen.get(kind, ())) for kind in kinds)]
    raw = {str(pair): _distances(sets, pair) for pair in pairs}
    found = medians(sets, raw, settings.bootstrap, seed)
    known = measures(found) | less_spread(means(sets, raw, settings.bootstrap, seed))
    values = {name: value for name, value in known.items() if name in NEED}
    units = units_of(reference_of(coded).astype(np.float64))
    varies = bool(units.varies.any())
    if varies:
        scaled = {kind: TileSet(units.apply(held.values), held.wells) for kind, held in sets.items()}
        again = {str(pair): _distances(scaled, pair) for pair in pairs}
        known = measures(medians(scaled, again, settings.bootstrap, seed))
        known |= less_spread(means(scaled, again, settings.bootstrap, seed))
        values |= {OF_STANDARDISED[name]: of for name, of in known.items() if name in OF_STANDARDISED}
    rows = []
    for metric, needed in NEED.items():
        kinds = dict.fromkeys(kind for pair in needed for kind in SETS[pair])
        if not set(kinds) <= set(chosen):
            continue  # there is no opposite pair
        n = sum(len(chosen[kind]) for kind in kinds)
        absent = [missing[kind] for kind in kinds if kind in missing]
        note = f"no tile of {', '.join(absent)} in the test part" if absent else None
        if note is None and metric.endswith("_scale_free") and not varies:
            note = "codes of the vehicle's training tiles do not vary, or there are fewer than two"
        wells = min(sets[kind].n_wells for kind in kinds)
        rows.append(_row(line, metric, values.get(metric), n, wells, note, settings.confidence))
    return Found(rows, {pair: raw[pair].ravel() for pair in map(str, Pair) if pair in raw})


def tiles_of_sets(coded: Coded, names: Mapping[str, str], settings: SimilaritySettings, seed: int) -> dict[str, Coded]:
    """The tiles of each drug (at most `settings.tiles`), and as many of the vehicle as the larger of the similar two has."""
    rng = np.random.default_rng(seed)
    sets = {}
    for kind, name in names.items():
        held = coded.where(coded.tiles["treatment"] == name)
        sets[kind] = held.at(drawn(len(held), settings.tiles, rng))
    vehicle = coded.where(coded.tiles["control"] == VEHICLE)
    sets["vehicle"] = vehicle.at(drawn(len(vehicle), max(len(sets["a"]), len(sets["b"])), rng))
    return sets


def reference_of(coded: Coded) -> npt.NDArray[np.float32]:
    """Codes of the vehicle's tiles of the training part."""
    training = coded.part(TRAIN)
    return training.values[(training.tiles["control"] == VEHICLE).to_numpy(bool)]


def medians(
    sets: Mapping[str, TileSet], distances: Mapping[str, Floats], draws: int, seed: int
) -> dict[str, tuple[float, Floats]]:
    """By pair: the median distance, and that of every draw of wells, which all pairs share; no draws of a single well."""
    return _over_pairs(sets, distances, draws, seed, np.nanmedian, drawn_medians)


def means(
    sets: Mapping[str, TileSet], distances: Mapping[str, Floats], draws: int, seed: int
) -> dict[str, tuple[float, Floats]]:
    """The same of mean distances, in the same draws."""
    return _over_pairs(sets, distances, draws, seed, np.nanmean, drawn_means)


def _over_pairs(
    sets: Mapping[str, TileSet],
    distances: Mapping[str, Floats],
    draws: int,
    seed: int,
    middle: Callable[[Floats], Any],
    drawn_middles: Callable[[Floats, TileSet, TileSet, Floats, Floats], Floats],
) -> dict[str, tuple[float, Floats]]:
    rng = np.random.default_rng(seed)
    times = {kind: held.drawn(draws, rng) for kind, held in sets.items() if held.n_wells > 1}
    found = {}
    for pair, of_pair in distances.items():
        one, other = SETS[pair]
        value = float(middle(of_pair)) if np.isfinite(of_pair).any() else np.nan
        of_draws = np.full(draws, np.nan)
        if one in times and other in times:
            of_draws = drawn_middles(of_pair, sets[one], sets[other], times[one], times[other])
        found[pair] = value, of_draws
    return found


def measures(found: Mapping[str, tuple[float, Floats]]) -> dict[str, tuple[float, Floats]]:
    """The metrics, each with its draws, of those pairs whose distances are known; undefined where it would divide by 0."""
    known = {pair: np.concatenate([[value], draws]) for pair, (value, draws) in found.items()}
    made = {f"distance_{pair}": of for pair, of in known.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        if Pair.SIMILAR in known:
            near = known[Pair.SIMILAR]
            made["inverse_distance"] = 1 / near
            if AMONG_VEHICLE in known:
                made["relative_inverse"] = known[AMONG_VEHICLE] / near
            if Pair.A_VEHICLE in known and Pair.B_VEHICLE in known:
                from_vehicle = (known[Pair.A_VEHICLE] + known[Pair.B_VEHICLE]) / 2
                made["d"] = (from_vehicle - near) / from_vehicle
                if Pair.OPPOSITE in known:
                    made["separation"] = (known[Pair.OPPOSITE] - near) / from_vehicle
    return {name: (float(of[0]), of[1:]) for name, of in made.items()}


def less_spread(found: Mapping[str, tuple[float, Floats]]) -> dict[str, tuple[float, Floats]]:
    """`separation_between` of mean distances, with its draws; nothing where a pair that it needs is not known."""
    if not set(NEED["separation_between"]) <= found.keys():
        return {}
    known = {pair: np.concatenate([[value], draws]) for pair, (value, draws) in found.items()}
    a, b, c, d = (known[pair] for pair in WITHIN.values())
    similar = known[Pair.SIMILAR] - (a + b) / 2
    opposite = known[Pair.OPPOSITE] - (c + d) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        of = (opposite - similar) / ((known[Pair.A_VEHICLE] + known[Pair.B_VEHICLE]) / 2)
    return {"separation_between": (float(of[0]), of[1:])}


def spread_rows(coded: Coded, line: str, settings: SimilaritySettings) -> Iterator[Row]:
    """How much the codes of a cell line's test tiles differ, and whether they have collapsed."""
    n = len(coded)
    if not n:
        yield from (
            row(line, name, np.nan, 0, note="no tile in the test part") for name in ("feature_spread", "collapsed")
        )
        return
    spread = feature_spread(coded.values)
    collapsed = spread < settings.collapsed_below
    note = None
    if collapsed:
        note = f"collapsed: {spread:.1%} of the codes' root mean square differs between tiles"
        logger.warning("similarity: cell line %s: %s", line, note)
    yield row(line, "feature_spread", spread, n)
    yield row(line, "effective_rank", effective_rank(coded.values), n)
    yield row(line, "collapsed", float(collapsed), n, note=note)


def _distances(sets: Mapping[str, TileSet], pair: str) -> Floats:
    first, second = SETS[pair]
    found = pair_distances(sets[first], sets[second])
    if first == second:
        wells = sets[first].wells
        found[wells[:, None] == wells] = np.nan
    return found


def _row(
    line: str,
    metric: str,
    found: tuple[float, Floats] | None,
    n: int,
    wells: int,
    note: str | None,
    confidence: float,
) -> Row:
    if found is None:
        return row(line, metric, np.nan, n, note=note or "undefined for these tiles")
    value, draws = found
    if not np.isfinite(value):
        return row(line, metric, np.nan, n, note=note or "undefined: all distances are 0, or a drug has a single well")
    return row(line, metric, value, n, of_draws(draws, confidence, wells), note)
