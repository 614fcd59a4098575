"""Profiles with mechanisms of action as they are published: takes their columns, names what `gandl evaluate` looks for; and makes
the sentences of its summary.

Published profiles name compound, dose and mechanism, and often neither the unit of the dose nor a batch apart from the plate
(`Image_Metadata_Plate` `Week4_27481`), nor any well. Which treatment is most like another one does not depend on the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.evaluation.mechanism.terms import MATCHES, MOA, NSC, NSCB, left_out_sentences
from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.own_features.feature_table import FeaturesError
from gandl.source.formats.tables.treatments import PLATE, SAMPLES, WELL
from gandl.source.plates.rules import well_at
from gandl.source.plates.tabular.doses import unit_in_name
from gandl.source.plates.tabular.text_table import METADATA, Columns
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import counted, shown

MECHANISMS = (MOA, "mechanism", "mechanism_of_action")
BATCHES = ("experiment", "batch", "week")
PLACES = ("site_id", "well_id", *WELL, "row")
"""Columns by which rows are known."""
WELLS_OF_PLATE, COLUMNS_OF_PLATE = 1_536, 48
UNITS = ("unit", "units", "dose_unit", "dose_units", "pert_dose_unit", "concentration_unit", "concentration_units")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
SHOWN = 12
PROTOCOLS = {NSC: "NSC, no candidate of the same compound", NSCB: "NSCB, none of the same compound or batch"}


def _columns(rows: pd.DataFrame) -> Columns:
    return Columns(map(str, rows.columns))


def with_mechanisms(rows: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of text with columns `moa`, `experiment` and `concentration_um`, and notes of what they were read from.

    Nothing is changed where no column names mechanisms. A batch is what names of plates begin with, where several plates of each
    of several batches do (`Week4_27481`); a dose without any unit is taken as µM.
    """
    columns, notes = _columns(rows), []
    mechanism = columns.first(MECHANISMS)
    if mechanism is None:
        return rows, []
    rows = rows.rename(columns={mechanism: MOA})
    plate, batch = columns.first(PLATE), columns.first(BATCHES)
    if batch is not None and batch != "experiment" and "experiment" not in rows:
        rows = rows.rename(columns={batch: "experiment"})
    elif batch is None and plate is not None:
        beginnings = rows[plate].str.rpartition("_")[0]
        number = beginnings.nunique()
        if (beginnings != "").all() and 1 < number < rows[plate].nunique():
            rows = rows.assign(experiment=beginnings)
            names = shown(sorted(set(beginnings)), SHOWN)
            notes.append(f"batches are what the names of plates in {source} begin with: {names}")
    units = {str(name): unit_in_name(str(name).removeprefix(METADATA)) for name in rows.columns}
    nameless = [name for name, unit in units.items() if unit == "" and rows[name].map(_is_number).all()]
    others = [name for name, unit in units.items() if unit]
    if len(nameless) == 1 and not others and _columns(rows).first(UNITS) is None:
        rows = rows.rename(columns={nameless[0]: "concentration_um"})
        notes.append(
            f"{nameless[0]} of {source} names no unit and is read in µM; mechanisms do not depend on it, an EC50 does"
        )
    return rows, notes


def _is_number(cell: str) -> bool:
    return not cell or _NUMBER.fullmatch(cell) is not None


def with_places(rows: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of text that name compounds and mechanisms, but neither wells nor sites, each as a well of its own, on a plate of its
    batch; and a note. Any others are as they were."""
    columns = _columns(rows)
    named = columns.first(("treatment", *SAMPLES)) is not None and columns.first(MECHANISMS) is not None
    if not named or columns.first(PLACES) is not None:
        return rows, []
    group = [name for name in (columns.first(PLATE), columns.first(BATCHES)) if name is not None]
    place = rows.groupby(group, sort=False).cumcount() if group else pd.Series(range(len(rows)), rows.index)
    letters = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *(f"A{letter}" for letter in "ABCDEF")]
    if place.max() >= WELLS_OF_PLATE:
        raise FeaturesError(
            f"{source} names no wells and has {counted(int(place.max()) + 1, 'row')} of one batch, more than a plate holds; name "
            "the wells (well_id, or Metadata_Plate and Metadata_Well)"
        )
    wells = [well_at(letters[at // COLUMNS_OF_PLATE], at % COLUMNS_OF_PLATE + 1) or "" for at in place]
    note = f"rows of {source} name no wells: each is taken as a well of its own, and its place means nothing"
    return rows.assign(Metadata_Well=wells), [note]


def of_mechanism(path: Path) -> Iterator[str]:
    """How many treatments were right, by protocol, and which ones do not count; `path` : of the numbers of one featurizer."""
    numbers = read_table(path, NUMBERS)
    matches = read_table(path.with_name(f"{path.stem}.treatments.parquet"), MATCHES)
    several = matches["cell_type"].nunique() > 1
    for split, rows in numbers.groupby("split", sort=False):
        scheme, _, cell_type = str(split).partition(":")
        mine = matches[(matches["scheme"] == scheme) & (matches["cell_type"] == cell_type) & (matches["weight"] > 0)]
        of = f" ({cell_type})" if several and cell_type != NO_CELL_TYPE else ""
        yield f"  {PROTOCOLS[scheme]}{of}: {'; '.join(_said(rows.set_index('metric'), mine))}"
    for sentence in left_out_sentences(matches):
        yield f"  {sentence}"


def _said(rows: Any, counting: pd.DataFrame) -> Iterator[str]:
    """`rows` : by metric."""
    yield f"{_share(rows.loc['accuracy'])} of {counted(int(rows.loc['accuracy', 'n']), 'treatment')} right"
    yield f"{_share(rows.loc['compound_accuracy'])} as the mean over {counted(counting['treatment'].nunique(), 'compound')}"
    yield f"{_share(rows.loc['balanced_accuracy'])} over {counted(counting['mechanism'].nunique(), 'mechanism')}"
    if "accuracy_p" in rows.index:
        chance, p = rows.loc["accuracy_chance", "value"], rows.loc["accuracy_p", "value"]
        yield f"by chance {100 * chance:.1f} %, p {p:.2g}"


def _share(row: Any) -> str:
    """A share in percent with its interval."""
    ends = "" if pd.isna(row["low"]) else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{100 * row['value']:.1f} %{ends}"
