"""Supervision: takes a table of labels, makes what a training with labels is shown: classes of sites, and who validates.

The table (`gandl.tables.LABELS`) names sites by their id; `of` finds them in the stores of a training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gandl.images.store_reader import ImageStore
from gandl.models.crops.chances import Positions
from gandl.tables import LABELS, TableError, check, read_table
from gandl.workflow.words import counted

UNLABELLED = -1
"""Class of a site without a label."""
KEPT = ("plate_id", "control")
"""Columns that a table of labels may have besides those of its schema."""


class SupervisionError(ValueError):
    """The labels cannot be trained on; the message says what is wrong with them."""


@dataclass(frozen=True)
class Labels:
    """Labels of the sites of some stores, which are counted through all of them.

    Attributes
    ----------
    classes : names of the labels that are trained on, sorted: class k is the k-th.
    of_site : (sites,) class of each site; `UNLABELLED` without a label, or with one that is not trained on.
    training, validation : positions of the sites of both parts, ascending; both have labels that are trained on.
    plates : (sites,) a number for the plate of each site; `UNLABELLED` where none is given.
    controls : (classes,) which of them are controls; empty where that is not given.
    """

    classes: tuple[str, ...]
    of_site: Positions
    training: Positions
    validation: Positions
    plates: Positions = field(default_factory=lambda: np.empty(0, np.int64))
    controls: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))


@dataclass(frozen=True)
class Supervision:
    """Labels of sites by their ids, checked.

    Parameters
    ----------
    table : as `gandl.tables.LABELS` describes; columns `plate_id` and `control` are kept.
    source : where it came from, for messages.

    Raises
    ------
    SupervisionError : no such table, fewer than two labels to train on, or no site to train on.
    """

    table: pd.DataFrame
    source: str = "the table of labels"

    def __post_init__(self) -> None:
        try:
            check(self.table, LABELS, self.source)
        except TableError as error:
            raise SupervisionError(str(error)) from None
        labels = self.table.loc[self.table["part"] == "train", "label"].unique()
        if len(labels) < 2:
            found = f"only {labels[0]}" if len(labels) else "none"
            raise SupervisionError(
                f"{self.source} gives {counted(len(labels), 'label')} to train on ({found}): telling classes apart needs two"
            )

    @classmethod
    def read(cls, path: Path) -> Supervision:
        """The labels of a parquet file.

        Raises
        ------
        SupervisionError : as above, or it cannot be read as such a table.
        """
        try:
            return cls(read_table(Path(path), LABELS), str(path))
        except TableError as error:
            raise SupervisionError(str(error)) from None
        except (OSError, pa.ArrowException) as error:
            raise SupervisionError(f"{path} cannot be read as a table of labels: {error}") from None

    @property
    def content(self) -> str:
        """Digest of all labels, whatever their order."""
        table = self.table.sort_values("site_id")[[*LABELS.names, *(name for name in KEPT if name in self.table)]]
        return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that are trained on, sorted."""
        return tuple(sorted(self.table.loc[self.table["part"] == "train", "label"].unique()))

    def of(self, stores: Sequence[ImageStore]) -> Labels:
        """The labels of the sites of stores.

        A validation site whose label is not trained on has no class, and validates nothing.

        Raises
        ------
        SupervisionError : labelled sites are in none of the stores.
        """
        ids = np.concatenate([np.asarray(store.site_ids, dtype=object) for store in stores])
        rows = pd.Index(self.table["site_id"]).get_indexer(pd.Index(ids))
        absent = np.setdiff1d(np.arange(len(self.table)), rows[rows >= 0])
        if len(absent):
            first = self.table["site_id"].iloc[absent[0]]
            raise SupervisionError(
                f"{self.source} labels {counted(len(absent), 'site')} that are in no image store of this training; the first is "
                f"{first}"
            )
        codes = pd.Index(self.classes).get_indexer(pd.Index(self.table["label"]))
        train = (self.table["part"] == "train").to_numpy(bool)
        of_site = np.where(rows >= 0, codes[rows], UNLABELLED).astype(np.int64)
        labelled = np.flatnonzero(of_site >= 0)
        plates = np.full(len(ids), UNLABELLED, np.int64)
        if "plate_id" in self.table:
            plates = np.where(rows >= 0, pd.factorize(self.table["plate_id"])[0][rows], UNLABELLED).astype(np.int64)
        controls = np.empty(0, bool)
        if "control" in self.table:
            controls = np.isin(self.classes, self.table.loc[self.table["control"] != "none", "label"].unique())
        shown, validating = labelled[train[rows[labelled]]], labelled[~train[rows[labelled]]]
        return Labels(self.classes, of_site, shown, validating, plates, controls)
