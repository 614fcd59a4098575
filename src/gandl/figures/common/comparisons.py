"""Which featurizers are above which floors, and above GAN-DL, in sentences: takes the comparisons of a run, computes every
word from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pandas as pd

from gandl.config import FeaturizerName, floors_among
from gandl.evaluation.terms import ALL, COMPARISONS
from gandl.figures.common.labels import METRICS, featurizer_label, fixed, not_scored, wells_of
from gandl.tables import read_table
from gandl.workflow.words import counted

QUESTIONS = {"controls": "C+ against C−", "cell_model": "HRCE against VERO", "cell_type": "cell types of RxRx1"}
WHOLE = {
    "leave_plate_out": "plates left out",
    "leave_row_out": "plate rows left out",
    "leave_column_out": "plate columns left out",
    "leave_experiment_out": "experiments left out",
}
COME_TRAINED = (FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.RELEASED)
"""Featurizers that no training of the run stands behind."""
SET = ["question", "normalization", "split", "unit", "metric"]
"""What names a set of held-out wells or images."""


def read_comparisons(paths: Sequence[Path]) -> pd.DataFrame:
    """The comparisons of a run (`terms.COMPARISONS`), with column `set`, the words for their wells; without rows where there is
    no file."""
    if not paths:
        return pd.DataFrame(columns=[*COMPARISONS.names, "set"])
    table = pd.concat([read_table(Path(path), COMPARISONS) for path in paths], ignore_index=True)
    keys = list(zip(table["question"], table["split"], table["unit"], strict=True))
    return table.assign(set=[set_in_words(*key) for key in keys])


def set_in_words(question: str, split: str, unit: str) -> str:
    """Which wells or images, and how they were held out: C+ against C−, HRCE, wells, plates left out."""
    scheme, _, group = split.partition(":")
    whose = [] if group in ("", ALL) else [wells_of(group.replace("-", "–"), ())]
    units = "images, a quarter of the wells held out" if unit == "site" else f"wells, {WHOLE.get(scheme, scheme)}"
    within = ", within the cell type" if scheme == "quarter_by_cell_type" else ""
    return ", ".join([QUESTIONS.get(question, question), *whose, f"{units}{within}"])


def verdict(row: pd.Series, confidence: float) -> int:
    """1 where the featurizer is above the floor, -1 where below, 0 where they are not distinguishable."""
    if pd.isna(row["p_holm"]) or row["p_holm"] > 1 - confidence + 1e-12:
        return 0
    return 1 if row["value"] > 0 else -1


def sentences(table: pd.DataFrame, confidence: float, family: int | None = None) -> list[str]:
    """What the comparisons say: their number and how they are judged, a sentence per featurizer, the floors that none is
    above, and who is above or below the leading featurizer.

    Parameters
    ----------
    table : as `read_comparisons` gives it, or some of its rows. confidence : of the run; alpha is 1 less this.
    family : over how many comparisons p was adjusted; those of the table if not given.
    """
    if table.empty:
        return []
    judged = table.assign(verdict=[verdict(row, confidence) for _, row in table.iterrows()])
    floor = judged["against"].isin(floors_among(judged["against"]))
    floors, family = judged[floor], family or len(table)
    said = [
        _preface(floors, confidence, family),
        *(_of_featurizer(str(name), mine) for name, mine in floors.groupby("featurizer", sort=False)),
        *_unbeaten(floors),
    ]
    return [*(said if len(floors) else []), *_beside(judged[~floor], family)]


def _preface(table: pd.DataFrame, confidence: float, family: int) -> str:
    sets = table[SET].drop_duplicates()
    of_all = f" of the run’s {family}" if family != len(table) else ""
    others, floors = table["featurizer"].nunique(), table["against"].nunique()
    said = f"Holm’s adjusted p over all {family} is at most {1 - confidence:.2g}"
    return (
        f"Against floors, paired on the same wells: {counted(len(table), 'comparison')}{of_all} "
        f"({counted(others, 'featurizer')}, {counted(floors, 'floor')}, {counted(len(sets), 'set')} of wells or images, by AUC "
        f"or accuracy). Featurizers are called above or below a floor where {said}; otherwise the two are not distinguishable, "
        f"which does not make them equal.{_decided(table)}{_seeds(table)}"
    )


def _decided(table: pd.DataFrame) -> str:
    """The sets on which any featurizer is above or below any floor; nothing where it is all of them."""
    by_set = table.groupby("set", sort=False)["verdict"].any()
    named = [str(name) for name in by_set.index[by_set]]
    if len(named) == len(by_set):
        return ""
    if not named:
        return " On none of these sets is any featurizer above or below any floor."
    return (
        f" Some featurizer is above or below some floor on only {len(named)} of the {counted(len(by_set), 'set')}: "
        f"{'; '.join(named)}."
    )


def _seeds(table: pd.DataFrame) -> str:
    """Which one training stands behind each network; nothing where the run trained none."""
    trained = table[~table["featurizer"].isin(COME_TRAINED)]
    by_seed = {
        str(seed): [featurizer_label(str(name)) for name in of_seed["featurizer"].unique()]
        for seed, of_seed in trained.groupby("seed", sort=False)
    }
    if not by_seed:
        return ""
    said = [f"seed {seed} of {', '.join(names)}" for seed, names in by_seed.items()]
    which = "; ".join(said) if len(by_seed) > 1 else f"seed {next(iter(by_seed))}"
    return f" One training of each network ({which}): how much another seed would change is in no interval."


def _of_featurizer(name: str, table: pd.DataFrame) -> str:
    above, below, apart = (_floors(table, sign) for sign in (1, -1, 0))
    parts = [f"above {above}" if above else "above no floor"]
    if below:
        parts.append(f"below {below}")
    if apart:
        parts.append(f"never distinguishable from {apart}")
    return f"{featurizer_label(name)}: {'; '.join(parts)}."


def _floors(table: pd.DataFrame, sign: int) -> str:
    """Floors with this verdict on some set, those with most first, and on how many; for 0, those with it on every set."""
    found: list[tuple[int, int, str]] = []
    for floor, mine in table.groupby("against", sort=False):
        count = int((mine["verdict"] == sign).sum())
        if count == len(mine) or (sign and count):
            found.append((count, len(mine), featurizer_label(str(floor))))
    if sign == 0:
        return ", ".join(label for *_, label in found)
    found.sort(key=itemgetter(0), reverse=True)
    return ", ".join(
        f"{label} on {count} of {of}{' sets' if position == 0 else ''}" if of > 1 else label
        for position, (count, of, label) in enumerate(found)
    )


def _unbeaten(table: pd.DataFrame) -> list[str]:
    best = table.groupby("against", sort=False)["verdict"].max()
    names = [featurizer_label(str(name)) for name in best.index[best < 1]]
    return [f"No featurizer is above {', '.join(names)} on any of these sets."] if names else []


def _beside(table: pd.DataFrame, family: int) -> list[str]:
    """The sentence about the leading featurizer: who is above it, who below, on how many sets; the others are not
    distinguishable."""
    found = []
    for leading, mine in table.groupby("against", sort=False):
        parts = []
        for word, sign in (("above it", 1), ("below it", -1)):
            counts = (mine["verdict"] == sign).groupby(mine["featurizer"], sort=False).agg(["sum", "size"])
            named = [
                f"{featurizer_label(str(name))} on {some} of {counted(of, 'set')}"
                for name, (some, of) in counts.iterrows()
                if some
            ]
            parts.append(f"{word}: {', '.join(named) or 'none'}")
        found.append(
            f"Against {featurizer_label(str(leading))}, by the same rule and among the same {family}: {'; '.join(parts)}. "
            f"The others are not distinguishable from it."
        )
    return found


def difference_text(row: pd.Series) -> str:
    """A difference with its interval: +0.12 [0.08, 0.16]."""
    sign = "+" if row["value"] > 0 else ""
    interval = "" if pd.isna(row["low"]) else f" [{fixed(row['low'], 2)}, {fixed(row['high'], 2)}]"
    return f"{sign}{fixed(row['value'], 2)}{interval}"


@dataclass(frozen=True)
class SetTable:
    """Differences on one set of held-out wells or images.

    Attributes
    ----------
    title, note : which wells, by what, how many, and what was drawn. floors : the columns, in words (floors, the leading
        featurizer).
    rows : a featurizer in words, with the text and the verdict (-1, 0, 1) of each column; None where there is no number.
    """

    title: str
    note: str
    floors: list[str]
    rows: list[tuple[str, list[tuple[str, int] | None]]]


def set_tables(table: pd.DataFrame, confidence: float) -> list[SetTable]:
    """A table per set of wells: a row per featurizer (one without scores there with the reason), a column per floor, and
    one for the leading featurizer."""
    found = []
    for _, of_set in table.groupby(SET, sort=False):
        first = of_set.iloc[0]
        floors = list(dict.fromkeys(of_set["against"]))
        rows: list[tuple[str, list[tuple[str, int] | None]]] = []
        scheme = str(first["split"]).partition(":")[0]
        for name in table.loc[table["question"] == first["question"], "featurizer"].unique():
            mine = of_set[of_set["featurizer"] == name]
            if mine.empty:
                rows.append((f"{featurizer_label(name)}, {not_scored(name, scheme)}", [None] * len(floors)))
                continue
            by_floor = {row["against"]: (difference_text(row), verdict(row, confidence)) for _, row in mine.iterrows()}
            rows.append((featurizer_label(str(name)), [by_floor.get(floor) for floor in floors]))
        metric = METRICS[str(first["metric"]).removesuffix("_difference")]
        unit = "image" if first["unit"] == "site" else "well"
        note = f"{metric}, n = {counted(first['n'], unit)}; {_drawn(int(first['units']), str(first['drawn']))}"
        title = str(first["set"])
        found.append(SetTable(title[0].upper() + title[1:], note, [featurizer_label(name) for name in floors], rows))
    return found


def _drawn(units: int, what: str) -> str:
    """The units of the interval: wells that were drawn; or plates (rows, columns, experiments), drawn or left out in turn."""
    return f"{counted(units, what)} drawn" if what == "well" else f"{counted(units, what)}, each with all its wells"
