"""Setups of the comparison as readers see them, and which file belongs to which: takes names and paths, makes words and order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config.comparison_terms import Beyond, Paradigm, Setting, parts_of, setup_name, setups
from gandl.evaluation.comparison.numbers import half_width, seeded
from gandl.figures.common.style import FigureError
from gandl.tables import NUMBERS, read_table

PARADIGMS = {
    Paradigm.UNSUPERVISED: "Unsupervised",
    Paradigm.SELF_SUPERVISED: "Self-supervised",
    Paradigm.WEAKLY_SUPERVISED: "Weakly supervised",
    Paradigm.REGULARIZED: "Regularised",
}
SETTINGS = {
    Setting.AUG_MULTI_CROP: "augmented, multi-crop",
    Setting.AUG_ONE_CROP: "augmented, one crop",
    Setting.NO_AUG_MULTI_CROP: "not augmented, multi-crop",
    Setting.NO_AUG_ONE_CROP: "not augmented, one crop",
}
BEYOND = {
    Beyond.DINO: "DINO",
    Beyond.GANDL: "GAN-DL",
    Beyond.UNTRAINED: "Untrained encoder",
    Beyond.INTENSITIES: "Intensities",
}
FLOOR = "floor"
NOT_IN_PAPER = "Not in the paper"
ORDER = {name: place for place, name in enumerate(setups())}
OF_RUN = re.compile(r"(?P<setup>[a-z_]+(?:\.[a-z_]+)?)[./]seed_(?P<seed>\d+)(?=[./]|$)")
"""How the path of a file names setup and seed: `dino.seed_0.parquet`, `models/comparison/dino/seed_0/curve.parquet`."""
KEY = ["setup", "seed", "cell_type", "metric"]
COLUMNS = [*KEY, "value", "low", "high", "n"]
"""What names a number of a setup, and with what it stands."""


@dataclass(frozen=True, order=True)
class Run:
    """One training: of which setup, with which seed. Runs sort in the order of the paper's tables."""

    place: int
    seed: int
    setup: str


def runs_of(paths: Iterable[Path], what: str) -> dict[Run, Path]:
    """Files by the setup and the seed that their paths name, in the order of the paper's tables.

    Raises
    ------
    FigureError : none was given, one does not exist, or its path names no setup and seed.
    """
    found: dict[Run, Path] = {}
    for path in map(Path, paths):
        named = list(OF_RUN.finditer(path.as_posix()))
        setup = named[-1]["setup"] if named else ""
        if setup not in ORDER:
            raise FigureError(f"{path}: its name does not say of which setup and seed it is (<setup>.seed_<n>)")
        if not path.is_file():
            raise FigureError(f"{path} does not exist: setup {setup} has no {what}; run its job first")
        found[Run(ORDER[setup], int(named[-1]["seed"]), setup)] = path
    if not found:
        raise FigureError(f"no setup was given whose {what} could be drawn")
    return dict(sorted(found.items()))


def read_numbers(paths: Iterable[Path], metrics: Sequence[str]) -> pd.DataFrame:
    """Numbers of setups: a row per setup, seed, cell line (`cell_type`) and metric, with value, low, high, n.

    Parameters
    ----------
    paths : tables of `gandl.tables.NUMBERS`, featurizer and fold of which are setup and cell line.

    Raises
    ------
    FigureError : a file is absent, or none holds any of the metrics.
    """
    files = runs_of(paths, "numbers")
    tables = [
        table[table["metric"].isin(metrics)] for path in files.values() if len(table := read_table(path, NUMBERS))
    ]
    tables = [
        table.assign(setup=table["featurizer"], cell_type=table["fold"])[COLUMNS] for table in tables if len(table)
    ]
    if not tables:
        raise FigureError(f"{next(iter(files.values())).parent}: no setup has any of {', '.join(metrics)}")
    return pd.concat(tables, ignore_index=True).sort_values(KEY, key=in_order, kind="stable", ignore_index=True)


def in_order(column: pd.Series) -> pd.Series:
    """A column to sort by: setups in the order of the paper's tables, any other as it is."""
    return column.map(ORDER) if column.name == "setup" else column


def setup_label(setup: str) -> str:
    """A setup's name for readers: `Unsupervised, augmented, one crop`; a floor is called one."""
    parts = parts_of(setup)
    if isinstance(parts, Beyond):
        return f"{BEYOND[parts]}{f' ({FLOOR})' if is_floor(setup) else ''}"
    paradigm, setting = parts
    return f"{PARADIGMS[paradigm]}, {SETTINGS[setting]}"


def short_label(setup: str) -> str:
    """The same where its paradigm is told elsewhere: `Augmented, one crop`."""
    parts = parts_of(setup)
    return setup_label(setup) if isinstance(parts, Beyond) else SETTINGS[parts[1]].capitalize()


def narrow_label(setup: str) -> str:
    """The same where there is little room: `Not augm., one crop`."""
    return short_label(setup).replace("ugmented", "ugm.").replace(" encoder", "")


def named_together(names: Iterable[str], of: Iterable[str]) -> str:
    """Setups in words, those of a paradigm together where it is there with all of its settings.

    Parameters
    ----------
    of : all setups of the run.
    """
    chosen, every = list(names), list(of)
    said: list[str] = []
    for setup in chosen:
        name = paradigm_of(setup)
        mine = [other for other in every if paradigm_of(other) == name]
        if name != NOT_IN_PAPER and len(mine) > 1 and set(mine) <= set(chosen):
            said.append(f"{name} ({'both' if len(mine) == 2 else f'all {len(mine)}'} settings)")
        else:
            said.append(setup_label(setup))
    return "; ".join(dict.fromkeys(said))


def paradigm_of(setup: str) -> str:
    """The paradigm's name for readers; of what is beyond the paper that it is."""
    parts = parts_of(setup)
    return NOT_IN_PAPER if isinstance(parts, Beyond) else PARADIGMS[parts[0]]


def is_floor(setup: str) -> bool:
    """Whether nothing is learned in it."""
    parts = parts_of(setup)
    return isinstance(parts, Beyond) and not parts.learned


def rows_of(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The grid of the paper's figures: a row per paradigm (in words), its columns the settings; what is beyond the paper last.

    Paradigms and settings of which there is nothing are left out; a place of the grid that stays empty is a setup all the same.
    """
    present = set(names)
    parts = [parts_of(name) for name in present]
    of_paper = [part for part in parts if not isinstance(part, Beyond)]
    settings = [setting for setting in Setting if any(setting == other for _, other in of_paper)]
    rows = [
        (label, [setup_name(paradigm, setting) for setting in settings])
        for paradigm, label in PARADIGMS.items()
        if any(paradigm == other for other, _ in of_paper)
    ]
    beyond: list[str] = [name.value for name in Beyond if name.value in present]
    return [*rows, *([(NOT_IN_PAPER, beyond)] if beyond else [])]


def mean_interval(values: Iterable[float], confidence: float) -> tuple[float, float, float]:
    """Mean of what is known of some values, and Student's interval of it (NaN for fewer than two values)."""
    known = np.asarray([value for value in values if np.isfinite(value)], np.float64)
    if not len(known):
        return np.nan, np.nan, np.nan
    mean, half = float(known.mean()), half_width(known, confidence)
    return mean, mean - half, mean + half


def seeds_in_words(table: pd.DataFrame) -> str:
    """How many seeds stand behind the setups of a table with `setup` and `seed`; those with fewer than the others are named."""
    changed = table[table["setup"].map(seeded)]
    counts = {str(name): int(mine["seed"].nunique()) for name, mine in changed.groupby("setup")}
    if not counts:
        return ""
    most = max(counts.values())
    fewer = sorted((name for name, count in counts.items() if count < most), key=ORDER.__getitem__)
    said = f"n = {most} {'seed' if most == 1 else 'seeds'}"
    return said + "".join(f"; {counts[name]} of {setup_label(name)}" for name in fewer)
