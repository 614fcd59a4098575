"""Numbers of the tasks: rows by cell line -> `tables.NUMBERS` with setup, seed and what there is to tell; their intervals; and
all tables of numbers -> one array per metric, with what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, t

from gandl.config.comparison_terms import Beyond, parts_of
from gandl.evaluation.comparison.codes import ComparisonTaskError
from gandl.evaluation.comparison.terms import AS_MEAN
from gandl.tables import NUMBERS, read_table, write_table

BESIDE = ("cell_type", "setup", "training_seed", "note")
"""Columns beside `tables.NUMBERS`; `note` says why a value is null, or what a reader should know of it."""
NONE = (np.nan, np.nan)
"""No interval."""
UNDEFINED = 0.01
"""Share of draws that must not be undefined for an interval of the others."""

COLUMNS = ("setup", "training_seed", "metric", "cell_type", "value", "note")
"""What is collected of every table of numbers."""

SHARE_OF_LINES = 0.5
"""Of the cell lines of a training, from which on it counts as collapsed: in table, notes and report."""

Row = dict[str, object]
Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


def row(
    cell_type: str, metric: str, value: float, n: int, ends: tuple[float, float] = NONE, note: str | None = None
) -> Row:
    """One number of a cell line; n counts tiles."""
    low, high = ends
    value = float(value) if np.isfinite(value) else np.nan
    return {"cell_type": cell_type, "metric": metric, "value": value, "low": low, "high": high, "n": n, "note": note}


def write_numbers(rows: Sequence[Row], output: Path, question: str, setup: str, training_seed: int) -> None:
    """Write rows as `tables.NUMBERS` with the columns of `BESIDE`.

    Parameters
    ----------
    rows : of `row`, at least one; each cell line and metric once. question : of `terms`. setup, training_seed : of the codes.
    """
    table = pd.DataFrame(rows).assign(
        question=question,
        featurizer=setup,
        normalization="none",
        split="held_out",
        seed=training_seed,
        unit="tile",
        setup=setup,
        training_seed=training_seed,
    )
    table["fold"] = table["cell_type"]
    table = table.astype({"n": "int64", "value": "float64", "low": "float64", "high": "float64", "note": "string"})
    write_table(table[[*NUMBERS.names, *BESIDE]], Path(output), NUMBERS)


def of_draws(drawn: npt.NDArray[np.float64], confidence: float, wells: int) -> tuple[float, float]:
    """Expanded percentiles (Hesterberg 2015): tails of Student's t, for with few wells plain percentiles are much too short.

    Parameters
    ----------
    drawn : (draws,) values. confidence : coverage aimed at. wells : of the set that has the fewest.

    Returns
    -------
    (low, high); not numbers where there is a single well, or 1 % of the draws or more are undefined; fewer are left out.
    """
    known = drawn[np.isfinite(drawn)]
    if wells < 2 or not len(known) or len(drawn) - len(known) >= UNDEFINED * len(drawn):
        return NONE
    tail = t.ppf((1 - confidence) / 2, wells - 1)
    low, high = np.quantile(known, norm.cdf([tail, -tail]))
    return float(low), float(high)


def of_mean(
    values: npt.NDArray[np.float64], wells: npt.ArrayLike, *, draws: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Interval of the mean of (n,) values of tiles, whole wells drawn; not numbers of a single well, or where draws agree."""
    numbers = np.unique(np.asarray(wells, str), return_inverse=True)[1]
    sums, sizes = np.bincount(numbers, values), np.bincount(numbers).astype(np.float64)
    n = len(sums)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    drawn = times @ sums / (times @ sizes)
    return NONE if np.ptp(drawn) == 0 else of_draws(drawn, confidence, n)


def half_width(values: npt.NDArray[np.float64], confidence: float) -> float:
    """Half of Student's interval of the mean of (n,) independent values, such as those of seeds; not a number of one value."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return np.nan
    return float(t.ppf((1 + confidence) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))


@dataclass(frozen=True)
class Collected:
    """Values of all metrics.

    Attributes
    ----------
    setups, seeds, lines : names along the axes. values : by metric, (setups, seeds, lines); not a number where there is none.
    notes : by setup and metric, what single numbers say of themselves, each once.
    """

    setups: list[str]
    seeds: list[int]
    lines: list[str]
    values: dict[str, Floats]
    notes: dict[tuple[str, str], list[str]]

    def of_setup(self, setup: str, metric: str) -> Floats:
        """(seeds, lines); one seed where no seed changes the setup."""
        values = self.values[metric][self.setups.index(setup)]
        return values if seeded(setup) else values[:1]


def seeded(setup: str) -> bool:
    """Whether a seed changes a setup."""
    parts = parts_of(setup)
    return parts.seeded if isinstance(parts, Beyond) else True


def collected(files: Iterable[Path], setups: Sequence[str], seeds: Sequence[int]) -> Collected:
    """Read the numbers of all tasks.

    A setup that no seed changes has the values of its only seed in every one, so that it is ranked in each.

    Parameters
    ----------
    files : of `numbers.write_numbers`; those that are absent, or have no rows, are left out and told.
    setups, seeds : that were asked for, in the order of the tables; rows of others are left out.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema. ComparisonTaskError : no table has a row of these setups.
    """
    tables = []
    for path in map(Path, files):
        if not path.is_file():
            logger.warning("table: %s is absent; the comparison is without it", path)
            continue
        tables.append(read_table(path, NUMBERS))
    rows = [table[list(COLUMNS)] for table in tables if len(table)]
    found = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
    found = found[found["setup"].isin(setups)]
    if found.empty:
        raise ComparisonTaskError(f"no numbers of {', '.join(setups)}: none of the comparison's tasks is done")
    lines = sorted(found["cell_type"].unique())
    values = {}
    for metric, of in found.groupby("metric", sort=False):
        cube = np.full((len(setups), len(seeds), len(lines)), np.nan)
        for (setup, seed), mine in of.groupby(["setup", "training_seed"]):
            at = seeds.index(seed) if seed in seeds else None
            if not seeded(str(setup)):
                at = slice(None)  # type: ignore[assignment]
            if at is not None:
                cube[setups.index(str(setup)), at] = mine.set_index("cell_type")["value"].reindex(lines).to_numpy(float)
        values[str(metric)] = cube
    told = found[found["note"].notna()]
    notes = {
        (str(name), str(of)): list(dict.fromkeys(mine["note"]))
        for (name, of), mine in told.groupby(["setup", "metric"])
    }
    return Collected(list(setups), list(seeds), lines, values, notes)


def centre(values: Floats, metric: str, axis: int = -1) -> Floats:
    """Over cell lines: the mean of those metrics of which Table 2 gives it, the median of all others; NaN of none."""
    with np.errstate(all="ignore"):
        known = np.isfinite(values).any(axis=axis)
        filled = np.where(np.expand_dims(known, axis), values, 0.0)
        found = np.nanmean(filled, axis=axis) if metric in AS_MEAN else np.nanmedian(filled, axis=axis)
    return np.asarray(np.where(known, found, np.nan))


def over_seeds(of_seeds: Floats) -> Floats:
    """(..., seeds) -> (...): means of what is known, such as the centres of seeds; NaN of none."""
    known = np.isfinite(of_seeds)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, of_seeds, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def over_lines(values: Floats) -> dict[str, float]:
    """(seeds, lines) -> median, `mad`, mean and (sample) standard `deviation` over cell lines, each the mean over all seeds.

    NaN of none; the deviation also of single values.
    """
    found: dict[str, list[float]] = {"median": [], "mad": [], "mean": [], "deviation": []}
    for of_seed in values:
        known = of_seed[np.isfinite(of_seed)]
        if len(known):
            found["median"].append(float(np.median(known)))
            found["mad"].append(float(np.median(np.abs(known - np.median(known)))))
            found["mean"].append(float(known.mean()))
        if len(known) > 1:
            found["deviation"].append(float(known.std(ddof=1)))
    return {name: float(np.mean(each)) if each else np.nan for name, each in found.items()}


def has_collapsed(values: Floats) -> npt.NDArray[np.bool_]:
    """(seeds, lines) 1, 0 or not a number -> (seeds,) whether each training has collapsed; not where nothing is known."""
    known = np.isfinite(values).sum(axis=1)
    return np.asarray((known > 0) & (np.nansum(values, axis=1) >= SHARE_OF_LINES * known))


def lines_collapsed(values: Floats) -> str:
    """In how many cell lines codes have collapsed, in words: `7 of 7 cell lines`, over seeds `5 to 7 of 7`."""
    counts, lines = np.nansum(values, axis=1).astype(int), int(np.isfinite(values).sum(axis=1).max(initial=0))
    least, most = (int(of) for of in (counts.min(initial=lines), counts.max(initial=0)))
    return f"{most if least == most else f'{least} to {most}'} of {lines} cell lines"
