"""Labels for a training: takes a sites table of siRNAs, makes the label of each site, and who validates (`gandl.tables.LABELS`).

Made once, before any network, as the splits are. Controls are labels like all others, as in the open recipes of RxRx1.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.tables import LABELS, SITES, read_table, write_table
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)

Flags = npt.NDArray[np.bool_]


class LabelError(ValueError):
    """A screen has no labels to train on; the message says why."""


class Unit(StrEnum):
    """What is held out as a whole."""

    EXPERIMENTS = "experiments"
    PLATES = "plates"
    WELLS = "wells"


COLUMNS = {Unit.EXPERIMENTS: "experiment", Unit.PLATES: "plate_id"}


def write_labels(sites: Path, output: Path, *, held_out: float, seed: int) -> Unit | None:
    """Write the labels of a screen of siRNAs; returns what was held out to validate.

    Parameters
    ----------
    sites : sites table (parquet) with a column `sirna_id` or `sirna`.
    output : parquet, schema `gandl.tables.LABELS`, with `plate_id` and `control`.
    held_out, seed : as in `make_labels`.

    Raises
    ------
    LabelError : as in `make_labels`.
    """
    known = read_table(sites, SITES)
    table, unit = make_labels(known, held_out=held_out, seed=seed)
    what = f"{counted(len(table), 'site')} of {counted(table['label'].nunique(), 'label')}"
    if unit is None:
        logger.info("%s; none is held out, so nothing is validated", what)
    else:
        logger.info("%s; %s", what, _share_in_words(table, known, unit, held_out))
    write_table(table, output, LABELS)
    return unit


def _share_in_words(table: pd.DataFrame, sites: pd.DataFrame, unit: Unit, held_out: float) -> str:
    """What validates, and how much more or less that is than the share that was set."""
    validates = table["part"] == "validation"
    column = COLUMNS.get(unit, "well_id")
    of_label = table[["site_id"]].merge(sites[["site_id", column]], on="site_id", validate="1:1")[column]
    names = sorted(of_label[validates.to_numpy()].unique())
    named = f" ({', '.join(names)})" if unit is Unit.EXPERIMENTS else ""
    return (
        f"{counted(int(validates.sum()), 'site')}, {100 * validates.mean():.1f} %, of {len(names)} of {of_label.nunique()} {unit}"
        f"{named} validate: held_out {held_out:g}, rounded to whole {unit}, at least one"
    )


def make_labels(sites: pd.DataFrame, *, held_out: float, seed: int) -> tuple[pd.DataFrame, Unit | None]:
    """Label the sites of a screen, and hold out whole experiments, plates or wells to validate.

    Experiments are held out where every cell type has at least two; otherwise plates of every cell type; where either would leave
    a label without training, wells: of each label that has at least two.

    Parameters
    ----------
    sites : a sites table with `sirna_id` (or `sirna`); sites without are left out: their siRNA is not published.
    held_out : share of what is held out, of each cell type (each label); at least one. 0: nothing.
    seed : of that draw.

    Returns
    -------
    the table (`gandl.tables.LABELS`, `plate_id` and `control`); what is held out, None where nothing is.

    Raises
    ------
    LabelError : the screen has no siRNAs, or a single one.
    """
    column = next((name for name in ("sirna_id", "sirna") if name in sites and sites[name].notna().any()), None)
    if column is None:
        raise LabelError("the screen has no siRNAs (no column sirna_id or sirna), so there is nothing to classify")
    sites = sites[sites[column].notna()].reset_index(drop=True)
    label = sites[column].astype(str)
    if label.nunique() < 2:
        raise LabelError(f"all sites have the same siRNA ({label.iloc[0]}): telling classes apart needs two")
    validates, unit = _held_out(sites, label, held_out, seed)
    table = pd.DataFrame(
        {
            "site_id": sites["site_id"],
            "label": label,
            "part": np.where(validates, "validation", "train"),
            "plate_id": sites["plate_id"],
            "control": sites["control"],
        }
    )
    return table, unit


def _held_out(sites: pd.DataFrame, label: pd.Series, share: float, seed: int) -> tuple[Flags, Unit | None]:
    """Which sites validate, by the largest unit that leaves every label some training."""
    nobody = np.zeros(len(sites), bool)
    if not share:
        return nobody, None
    for unit, column in COLUMNS.items():
        units = sites.drop_duplicates(column)
        if units["cell_type"].value_counts().min() < 2:
            continue
        drawn = draw(units[column], units["cell_type"], share, np.random.default_rng(seed))
        validates = sites[column].isin(drawn).to_numpy(bool)
        if set(label[~validates]) == set(label):
            return validates, unit
    wells = sites.assign(label=label).drop_duplicates("well_id")
    drawn = draw(wells["well_id"], wells["label"], share, np.random.default_rng(seed))
    validates = sites["well_id"].isin(drawn).to_numpy(bool)
    return validates, Unit.WELLS if validates.any() else None


def draw(names: pd.Series, strata: pd.Series, share: float, rng: np.random.Generator) -> list[str]:
    """Names drawn from each stratum: this share of them, at least one, and never all."""
    drawn: list[str] = []
    for _, of_stratum in names.groupby(strata.to_numpy(), sort=True):
        n = min(max(round(share * len(of_stratum)), 1), len(of_stratum) - 1)
        drawn += rng.permutation(np.sort(of_stratum.to_numpy(object)))[:n].tolist()
    return drawn
