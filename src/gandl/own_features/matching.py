"""Matching: takes tables of features and the sites, finds the site of every row, writes the features as the tables that the
workflow's embeddings are.

Plates stay whole, and a table holds so many of them that it fits in memory, as normalisation wants it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.embeddings.metadata import FEATURE_NAMES, FeatureWriter, feature_metadata
from gandl.own_features.feature_table import NEEDED, PREFIX, VALUES, FeaturesError, FeatureTable
from gandl.own_features.sites_of import SITE, WELL_ID, Sites, columns_of, refuse_gaps
from gandl.source.formats.tables.treatments import PLATE, WELL
from gandl.source.plates.rules import well_of
from gandl.source.plates.wells import plain_plate
from gandl.tables import EMBEDDINGS, feature_columns, read_table
from gandl.workflow.progress import Progress
from gandl.workflow.words import counted, shown

SHOWN = 5
"""Names of columns that a message lists."""
HELD_VALUES = 2**27
"""Features (512 MB) that are held before they are written, whatever the order of the rows."""
NUMBERS = ("site", "field", "fov")
"""Columns that number the sites of a well."""
PLATES = ("plate_name", "plate_id", "plate")
"""Columns of a sites table by which a profile may name its plates."""

Integers = npt.NDArray[np.int_]


def unit_of(table: FeatureTable, about: pd.DataFrame) -> str:
    """What rows of a table are named by: `site_id`, `well_id` (with a number of the site, if there is one), or `place`: plate,
    well and perhaps site.

    Raises
    ------
    FeaturesError : nothing names them.
    """
    columns = columns_of(about)
    for name in (SITE, WELL_ID):
        if columns.first((name,)):
            return name
    if columns.first(WELL):
        return "place"
    raise FeaturesError(f"{table.path} has {', '.join(map(str, about))} beside its features; {NEEDED}")


def is_of_sites(table: FeatureTable, about: pd.DataFrame) -> bool:
    """Whether rows are of sites, else of wells."""
    return unit_of(table, about) == SITE or columns_of(about).first(NUMBERS) is not None


def positions(table: FeatureTable, about: pd.DataFrame, sites: Sites) -> Integers:
    """The position in the sites table of every row of features.

    Parameters
    ----------
    about : (n, columns) the table's other columns as text.

    Returns
    -------
    (n,) every site of the plates that the table holds once.

    Raises
    ------
    FeaturesError : rows twice, rows of no site, or sites of the same plates without a row; how many, and the first.
    """
    unit = unit_of(table, about)
    if unit == "place":
        refuse_gaps(about, str(table.path))
    if unit == SITE:
        names, known = about[columns_of(about).first((SITE,))], sites.frame[SITE].astype(str)
    else:
        names, known = _numbered(about, sites, *(_by_well_id if unit == WELL_ID else _by_place)(about, sites))
    what = "site" if is_of_sites(table, about) else "well"
    if (twice := names.duplicated()).any():
        first = int(np.flatnonzero(twice)[0])
        raise FeaturesError(
            f"{table.path} has {counted(int(twice.sum()), what)} twice, the first is {names.iloc[first]} in row {first + 2}; "
            f"remove duplicates{_or_column(about, unit)}"
        )
    at = pd.Index(known).get_indexer(pd.Index(names))
    if (foreign := at < 0).any():
        first = names[foreign].iloc[0]
        raise FeaturesError(
            f"{sites.source} lacks {counted(int(foreign.sum()), what)} of {table.path}, the first is {first} (it has "
            f"{known.iloc[0]}, for example)"
        )
    held = np.zeros(len(known), bool)
    held[at] = True
    plates = sites.frame["plate_id"]
    lacking = ~held & plates.isin(set(plates[held]))
    if lacking.any():
        raise FeaturesError(
            f"{table.path} lacks {counted(int(lacking.sum()), what)} of {sites.source}, the first is {known[lacking].iloc[0]}; "
            "leave them out of that table if they cannot be evaluated"
        )
    return np.asarray(at, dtype=int)


def _or_column(about: pd.DataFrame, unit: str) -> str:
    """Which column might be missing where rows seem to be of the same place."""
    columns = columns_of(about)
    plates = (
        ["Metadata_Plate, where there are several plates"] if unit == "place" and columns.first(PLATE) is None else []
    )
    fields = (
        ["Metadata_Site, where wells have several images"] if unit != SITE and columns.first(NUMBERS) is None else []
    )
    missing = " or ".join([*plates, *fields])
    return f", or add the column that is missing: {missing}" if missing else ""


def _by_well_id(about: pd.DataFrame, sites: Sites) -> tuple[pd.Series, pd.Series]:
    """Wells of rows and of sites."""
    return about[columns_of(about).first((WELL_ID,))], sites.frame[WELL_ID].astype(str)


def _by_place(about: pd.DataFrame, sites: Sites) -> tuple[pd.Series, pd.Series]:
    """The same by plate and well, and by experiment where rows name one that the sites have."""
    columns, frame = columns_of(about), sites.frame
    plate, well, batch = (columns.first(names) for names in (PLATE, WELL, ("experiment", "batch")))
    names, known = about[well].map(lambda text: well_of(text) or text), frame["well"]
    if plate is not None and (about[plate] != "").any():
        own = about[plate].map(plain_plate)
        spelled = [frame[name].astype(str).map(plain_plate) for name in PLATES if name in frame]
        fitting = max(spelled, key=lambda plates: len(set(own) & set(plates)))
        names, known = own + ", " + names, fitting + ", " + known
    if batch is not None and set(about[batch]) <= set(frame["experiment"]):
        names, known = about[batch] + ", " + names, frame["experiment"] + ", " + known
    return names, known


def _numbered(about: pd.DataFrame, sites: Sites, names: pd.Series, known: pd.Series) -> tuple[pd.Series, pd.Series]:
    """With the number of the site, where rows have one."""
    number = columns_of(about).first(NUMBERS)
    if number is None:
        return names, known
    return names + ", site " + about[number].map(plain_plate), known + ", site " + sites.frame["site"].astype(str)


@dataclass
class Checked:
    """What is known of features after one pass over their rows: where they are no numbers, and whether they vary."""

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    broken: Integers
    first: Integers
    rows: int = 0

    @classmethod
    def of(cls, dim: int) -> Checked:
        """Nothing known yet of so many features."""
        return cls(
            np.full(dim, np.inf, np.float32), np.full(dim, -np.inf, np.float32), np.zeros(dim, int), np.full(dim, -1)
        )

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Take in (n, d) further rows."""
        finite = np.isfinite(block)
        if not finite.all():
            wrong = ~finite
            new = (self.first < 0) & wrong.any(axis=0)
            self.first[new] = self.rows + wrong[:, new].argmax(axis=0)
            self.broken += wrong.sum(axis=0)
            block = np.where(finite, block, np.nan)
        if len(block):
            self.low, self.high = np.fmin(self.low, np.fmin.reduce(block)), np.fmax(self.high, np.fmax.reduce(block))
        self.rows += len(block)

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        return ~(self.high > self.low)


@dataclass(frozen=True)
class Written:
    """Embedding tables of one featurizer, and what was left out of them."""

    paths: list[Path]
    dim: int
    notes: list[str] = field(default_factory=list)


def write_embeddings(
    table: FeatureTable, at: Integers, sites: pd.DataFrame, folder: Path, name: str, *, drop_nan: bool
) -> Written:
    """Write a table of features as embedding tables (`gandl.tables.EMBEDDINGS`), whole plates in each.

    Parameters
    ----------
    at : (n,) positions of its rows in `sites`. folder : of the tables. name : of the featurizer.
    drop_nan : leave out features that are no number somewhere; else they are an error.

    Raises
    ------
    FeaturesError : features that are no numbers, or none that varies.
    """
    dim = len(table.features)
    part_of = _parts(sites["plate_id"].iloc[np.sort(at)], max(1, VALUES // dim))
    parts = sites["plate_id"].map(part_of).to_numpy(float)[at].astype(int)
    ids = sites[SITE].to_numpy(object)[at]
    notes = {FEATURE_NAMES: json.dumps(list(table.names)), "featurizer": name}
    paths = [folder / f"part_{number:04d}.parquet" for number in range(parts.max() + 1)]
    checked = Checked.of(dim)
    with _PartWriters(paths, notes, dim) as writers, Progress(f"{name}: reading features", len(at), "rows") as progress:
        for block in table.blocks():
            here = slice(checked.rows, checked.rows + len(block))
            checked.add(block)
            writers.add(parts[here], ids[here], block)
            progress.update(checked.rows)
    kept, said = _kept(table, checked, drop_nan=drop_nan)
    if len(kept) < dim:
        for path in paths:
            _keep(path, kept, table.names)
    return Written(paths, len(kept), said)


class _PartWriters:
    """Writes rows to one table per part; rows of a part may come at any time, and are held until there are many."""

    def __init__(self, paths: Sequence[Path], notes: dict[str, str], dim: int) -> None:
        self._writers = [FeatureWriter(path, EMBEDDINGS, notes) for path in paths]
        self._dim = dim
        self._held: dict[int, list[tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]]] = {}
        self._values = 0

    def __enter__(self) -> _PartWriters:
        for writer in self._writers:
            writer.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self._write()
        for writer in self._writers:
            writer.__exit__(kind, error, None)

    def add(self, parts: Integers, ids: npt.NDArray[np.object_], block: npt.NDArray[np.float32]) -> None:
        """Hold rows; write all that are held where they are many."""
        for number in np.unique(parts):
            mine = parts == number
            self._held.setdefault(int(number), []).append((ids[mine], block[mine]))
        self._values += block.size
        if self._values >= HELD_VALUES:
            self._write()

    def _write(self) -> None:
        for number, rows in self._held.items():
            block = np.nan_to_num(np.concatenate([values for _, values in rows]), posinf=0, neginf=0)
            frame = pd.DataFrame(block, columns=[f"{PREFIX}{i}" for i in range(self._dim)], copy=False)
            frame.insert(0, SITE, np.concatenate([ids for ids, _ in rows]))
            self._writers[number].write(frame)
        self._held, self._values = {}, 0


def _parts(plates: pd.Series, rows: int) -> dict[str, int]:
    """The part of every plate, in the order of the sites: plates are put together until they have so many rows."""
    found: dict[str, int] = {}
    part = held = 0
    for plate, size in plates.value_counts(sort=False).items():
        if held and held + size > rows:
            part, held = part + 1, 0
        found[str(plate)] = part
        held += int(size)
    return found


def _kept(table: FeatureTable, checked: Checked, *, drop_nan: bool) -> tuple[Integers, list[str]]:
    """Positions of the features that are evaluated, and a sentence on those that are not."""
    notes = []
    broken = checked.broken > 0
    if broken.any():
        first = int(np.flatnonzero(broken)[0])
        said = (
            f"{counted(int(broken.sum()), 'feature')} of {table.path} {'has' if broken.sum() == 1 else 'have'} cells that are no "
            f"finite numbers: {_listed(table, broken)} ({counted(int(checked.broken[first]), 'cell')} of the first, from row "
            f"{checked.first[first] + 2})"
        )
        if not drop_nan:
            raise FeaturesError(f"{said}; fill them, leave them out of the table, or leave them out by --drop-nan")
        notes.append(f"{said}; left out")
    constant = checked.constant & ~broken
    if constant.any():
        notes.append(
            f"{counted(int(constant.sum()), 'feature')} of {table.path} "
            f"{'is' if constant.sum() == 1 else 'are'} the same in every row: {_listed(table, constant)}; left out"
        )
    kept = np.flatnonzero(~broken & ~constant)
    if not len(kept):
        raise FeaturesError(f"no feature of {table.path} varies between its rows; there is nothing to evaluate")
    return kept, notes


def _listed(table: FeatureTable, which: npt.NDArray[np.bool_]) -> str:
    return shown([table.features[i] for i in np.flatnonzero(which)], SHOWN)


def _keep(path: Path, kept: Integers, names: Sequence[str]) -> None:
    """Leave features out of an embedding table."""
    frame = read_table(path, EMBEDDINGS)
    columns = feature_columns(frame)
    chosen = frame[[SITE, *(columns[i] for i in kept)]].set_axis(
        [SITE, *(f"{PREFIX}{i}" for i in range(len(kept)))], axis=1
    )
    notes = feature_metadata(path) | {FEATURE_NAMES: json.dumps([names[i] for i in kept])}
    with FeatureWriter(path, EMBEDDINGS, notes) as writer:
        writer.write(chosen)
