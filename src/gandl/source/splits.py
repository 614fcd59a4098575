"""Splits: takes the sites table, makes the table of train and test wells.

Made once, before any network, and used by all training on labels and all tests (`gandl.tables.SPLITS`).
`gandl.source.split_schemes` draws them; here it is decided which questions a screen can answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import QuestionName
from gandl.source.plate_rows import in_span, span
from gandl.source.schemes import Question, Scheme
from gandl.source.split_schemes import (
    WELL_COLUMNS,
    Part,
    SplitError,
    cell_model_parts,
    cell_type_parts,
    controls_parts,
    row_parts,
)
from gandl.tables import SITES, SPLITS, read_table, write_table
from gandl.workflow.words import counted

__all__ = [
    "CELL_MODELS",
    "Question",
    "Scheme",
    "SplitError",
    "in_span",
    "make_splits",
    "span",
    "write_splits",
]

CELL_MODELS = ("HRCE", "VERO")
"""The two cell models of RxRx19a; their names decide whether a screen can separate them."""

logger = logging.getLogger(__name__)


def write_splits(
    sites: Path,
    output: Path,
    *,
    development_rows: Sequence[str],
    test_share: float,
    seed: int,
    questions: Sequence[str],
) -> None:
    """Write the splits table of a screen.

    Parameters
    ----------
    sites : sites table (parquet).
    output : parquet, schema `gandl.tables.SPLITS`; without rows where the screen can answer none of the questions.
    development_rows : rows of a screen of one plate on which settings may be chosen; [] where nothing is set apart.
    test_share : share of wells that the schemes `quarter*` test. seed : of that draw.
    questions : of `gandl.config.QuestionName`, those requested; `controls` is always split, since the probe reads it.

    Raises
    ------
    SplitError : see `make_splits`.
    """
    table = make_splits(
        read_table(sites, SITES),
        development_rows=development_rows,
        test_share=test_share,
        seed=seed,
        questions=questions,
    )
    for (question, scheme), part in table.groupby(["question", "scheme"], sort=False):
        logger.info("%s, %s: %s", question, scheme, counted(part["fold"].nunique(), "fold"))
    write_table(table, output, SPLITS)


def make_splits(
    sites: pd.DataFrame,
    *,
    development_rows: Sequence[str] = (),
    test_share: float = 0.25,
    seed: int = 0,
    questions: Sequence[str] = tuple(QuestionName),
    left_out: list[str] | None = None,
) -> pd.DataFrame:
    """Split the wells of a screen under every scheme that it allows; parameters as in `write_splits`.

    `controls` needs both kinds of controls, `cell_model` controls of HRCE and of VERO, `cell_type` two cell types and no
    infection (RxRx1). `left_out` : sentences on cell types that a scheme of `controls` leaves out are added to it.

    Raises
    ------
    SplitError : a development row is not on the plate or none is left to confirm; a fold's training wells lack a label; two folds
        would have the same name.
    """
    wells = sites.drop_duplicates("well_id")[WELL_COLUMNS].reset_index(drop=True)
    parts: list[tuple[Question, Iterable[Part]]] = []
    if development_rows and wells["plate_id"].nunique() == 1:
        parts.append((Question.CONTROLS, row_parts(wells, development_rows)))
    elif {"positive", "negative"} <= set(wells["control"]):
        requested = QuestionName.CONTROLS in questions
        parts.append((Question.CONTROLS, _controls(wells, test_share, seed, left_out, requested=requested)))
    else:
        logger.warning("no question about controls: the screen lacks positive or negative ones")
    if QuestionName.CELL_MODEL in questions and set(CELL_MODELS) <= set(wells["cell_type"]):
        parts.append((Question.CELL_MODEL, cell_model_parts(wells, CELL_MODELS, test_share, seed)))
    if (
        QuestionName.CELL_TYPE in questions
        and wells["cell_type"].nunique() > 1
        and "infected" not in set(wells["condition"])
    ):
        parts.append((Question.CELL_TYPE, cell_type_parts(wells, test_share, seed)))
    well_ids = wells["well_id"].to_numpy()
    tables = [_table(question, part, well_ids) for question, of in parts for part in _distinct(of)]
    return pd.concat([pd.DataFrame(columns=SPLITS.names, dtype=object), *tables], ignore_index=True)


def _controls(
    wells: pd.DataFrame, test_share: float, seed: int, left_out: list[str] | None, *, requested: bool
) -> list[Part]:
    """The parts of `controls`; if it is not requested, controls that cannot be split are only logged."""
    try:
        return list(_distinct(controls_parts(wells, test_share, seed, left_out)))
    except SplitError as error:
        if requested:
            raise
        logger.warning("no split of controls (no question needs one): %s", error)
        return []


def _distinct(parts: Iterable[Part]) -> Iterator[Part]:
    """The same parts; folds of a scheme must differ in name, since readers would take two of the same name for one.

    Raises
    ------
    SplitError : two have the same name.
    """
    seen: set[tuple[Scheme, str]] = set()
    for part in parts:
        if (part.scheme, part.fold) in seen:
            raise SplitError(
                f"scheme {part.scheme}: two folds would be called {part.fold}; rename the plate or the cell type of that name"
            )
        seen.add((part.scheme, part.fold))
        yield part


def _table(question: Question, part: Part, well_ids: np.ndarray) -> pd.DataFrame:
    train, test = well_ids[part.train], well_ids[part.test]
    return pd.DataFrame(
        {
            "question": question.value,
            "scheme": part.scheme.value,
            "fold": part.fold,
            "well_id": np.concatenate([train, test]),
            "part": np.repeat(["train", "test"], [len(train), len(test)]),
        }
    )
