"""Collected numbers: takes the numbers of every task, setup and seed, makes one array per metric, and tells what is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config.comparison_terms import Beyond, parts_of
from gandl.evaluation.comparison.codes import ComparisonTaskError
from gandl.evaluation.comparison.terms import AS_MEAN
from gandl.tables import NUMBERS, read_table

COLUMNS = ("setup", "training_seed", "metric", "cell_type", "value", "note")

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


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
    notes = {(str(s), str(m)): list(dict.fromkeys(of["note"])) for (s, m), of in told.groupby(["setup", "metric"])}
    return Collected(list(setups), list(seeds), lines, values, notes)


def centre(values: Floats, metric: str, axis: int = -1) -> Floats:
    """Over cell lines: the mean of those metrics of which Table 2 gives it, the median of all others; NaN of none."""
    with np.errstate(all="ignore"):
        known = np.isfinite(values).any(axis=axis)
        filled = np.where(np.expand_dims(known, axis), values, 0.0)
        found = np.nanmean(filled, axis=axis) if metric in AS_MEAN else np.nanmedian(filled, axis=axis)
    return np.asarray(np.where(known, found, np.nan))


def over_seeds(values: Floats) -> Floats:
    """(..., seeds, lines) -> (..., lines): means of what is known; NaN of none."""
    known = np.isfinite(values)
    count = known.sum(axis=-2)
    total = np.where(known, values, 0.0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
