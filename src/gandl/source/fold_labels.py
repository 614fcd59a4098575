"""Labels of folds: takes sites and splits, makes the labels that a network may be trained on for one fold of a question.

A network that is trained on a question's labels must not see the wells that it is later tested on: a fold's labels are those of
its training wells, of which a share validates. `check_labels` compares any labels with the splits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gandl.source.labels import LabelError, draw
from gandl.source.schemes import Question
from gandl.workflow.words import counted

LABEL_OF = {Question.CONTROLS: "control", Question.CELL_MODEL: "cell_type", Question.CELL_TYPE: "cell_type"}
"""The column of the sites table that holds a question's labels."""


class OneLabelError(LabelError):
    """All training wells of a fold have the same label: it cannot be trained, and others can."""


@dataclass(frozen=True)
class FoldOf:
    """One fold of a scheme of a question, by its names in the splits."""

    question: Question
    scheme: str
    fold: str

    def __str__(self) -> str:
        return f"{self.question}, {self.scheme}, fold {self.fold}"

    def wells(self, splits: pd.DataFrame, part: str) -> set[str]:
        """Wells of its part `train` or `test`."""
        mine = (splits["question"] == self.question.value) & (splits["scheme"] == self.scheme)
        rows = splits[mine & (splits["fold"] == self.fold) & (splits["part"] == part)]
        return set(rows["well_id"])


def folds_among(splits: pd.DataFrame, question: Question, schemes: Collection[str]) -> list[FoldOf]:
    """The folds of some schemes of a question, in the order of the splits."""
    rows = splits[(splits["question"] == question.value) & splits["scheme"].isin(list(schemes))]
    return [
        FoldOf(question, str(scheme), str(fold))
        for scheme, fold in dict.fromkeys(zip(rows["scheme"], rows["fold"], strict=True))
    ]


def make_fold_labels(
    sites: pd.DataFrame, splits: pd.DataFrame, of: FoldOf, *, held_out: float, seed: int
) -> pd.DataFrame:
    """Label the sites of a fold's training wells, and hold whole wells of each label out to validate.

    Parameters
    ----------
    sites, splits : of the screen.
    held_out : share of the training wells of each label that validate; at least one, where the label has two. 0: nothing.
    seed : of that draw.

    Returns
    -------
    the table (`gandl.tables.LABELS` and `plate_id`).

    Raises
    ------
    OneLabelError : its training wells have all the same label.
    LabelError : there is no such fold, or its training wells have no sites.
    """
    train = of.wells(splits, "train")
    if not train:
        raise LabelError(f"{of}: the splits have no training wells")
    rows = sites[sites["well_id"].isin(train)]
    missing = train - set(rows["well_id"])
    if missing:
        raise LabelError(
            f"{of}: {counted(len(missing), 'training well')} of the splits have no sites, the first: {min(missing)}"
        )
    label = rows[LABEL_OF[of.question]].astype(str)
    if label.nunique() < 2:
        raise OneLabelError(
            f"{of}: all {counted(len(train), 'training well')} are {label.iloc[0]}; telling classes apart needs two"
        )
    wells = rows.assign(label=label).drop_duplicates("well_id")
    validating = draw(wells["well_id"], wells["label"], held_out, np.random.default_rng(seed)) if held_out else []
    return pd.DataFrame(
        {
            "site_id": rows["site_id"],
            "label": label,
            "part": np.where(rows["well_id"].isin(validating), "validation", "train"),
            "plate_id": rows["plate_id"],
        }
    ).reset_index(drop=True)


def check_labels(labels: pd.DataFrame, sites: pd.DataFrame, splits: pd.DataFrame, of: FoldOf) -> None:
    """Refuse labels that a fold must not be trained on.

    Parameters
    ----------
    labels : `gandl.tables.LABELS`, as they are used; sites that validate count as well, since they choose the weights.

    Raises
    ------
    LabelError : a labelled site is in a well that the fold tests, in one that it does not train on, or in none; a label is not
        that of the sites table.
    """
    known = sites.set_index("site_id")
    foreign = set(labels["site_id"]) - set(known.index)
    if foreign:
        raise LabelError(
            f"{of}: {counted(len(foreign), 'labelled site')} not in the sites table, the first: {min(foreign)}"
        )
    rows = known.loc[labels["site_id"]]
    used = set(rows["well_id"])
    if leaked := used & of.wells(splits, "test"):
        raise LabelError(
            f"{of}: {counted(len(leaked), 'well')} that it tests are among those trained on, the first: {min(leaked)}"
        )
    if others := used - of.wells(splits, "train"):
        raise LabelError(
            f"{of}: {counted(len(others), 'well')} trained on are none of its training wells, the first: {min(others)}"
        )
    wrong = np.flatnonzero(rows[LABEL_OF[of.question]].astype(str).to_numpy() != labels["label"].to_numpy())
    if len(wrong):
        site = labels["site_id"].iloc[wrong[0]]
        raise LabelError(f"{of}: {counted(len(wrong), 'label')} are not those of the sites table, the first: of {site}")
