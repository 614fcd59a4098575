"""Tables: the schema of every parquet file that crosses from one stage to the next, checked on writing and on reading.

A schema is a list of columns; a table may carry more columns than its schema names (what a screen adds), never fewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.workflow.files import atomic
from gandl.workflow.words import named

COLUMNS_AT_ONCE = 64
"""Feature columns that are checked at a time: many at once cost less than one by one, and all at once too much memory."""
CONTROLS = ("positive", "negative", "none")
PARTS = ("train", "test")
LABEL_PARTS = ("train", "validation")


class TableError(ValueError):
    """A table breaks its schema; the message names the file, the column and the first offending row."""


@dataclass(frozen=True)
class Column:
    """One column: its kind (`string`, `integer`, `float`, `boolean`), whether it may be null, and what it may hold."""

    name: str
    kind: str
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    positive: bool = False


@dataclass(frozen=True)
class Schema:
    """Columns of one kind of table, and the columns that together name a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    feature_prefix: str = ""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


SITES = Schema(
    "sites",
    (
        Column("site_id", "string"),
        Column("well_id", "string"),
        Column("experiment", "string"),
        Column("plate", "integer"),
        Column("plate_id", "string"),
        Column("store_id", "string"),
        Column("well", "string"),
        Column("row", "string"),
        Column("column", "integer"),
        Column("site", "integer"),
        Column("cell_type", "string"),
        Column("condition", "string"),
        Column("control", "string", allowed=CONTROLS),
        Column("treatment", "string", nullable=True),
        Column("compound", "string", nullable=True),
        Column("concentration_um", "float", nullable=True, positive=True),
        Column("smiles", "string", nullable=True),
    ),
    key=("site_id",),
)
"""One row per field of view. C+ is `positive`, C- is `negative`; concentration is null when untreated, never 0. `treatment` is
what the screen wrote, `compound` its canonical name, under which spelling variants are one."""

SPLITS = Schema(
    "splits",
    (
        Column("question", "string"),
        Column("scheme", "string"),
        Column("fold", "string"),
        Column("well_id", "string"),
        Column("part", "string", allowed=PARTS),
    ),
    key=("question", "scheme", "fold", "well_id"),
)
"""Who may be trained on and who is tested, per question, scheme and fold."""

LABELS = Schema(
    "labels",
    (
        Column("site_id", "string"),
        Column("label", "string"),
        Column("part", "string", allowed=LABEL_PARTS),
    ),
    key=("site_id",),
)
"""What a training with labels is shown: a label per site, and whether it is trained on or validates. A column `plate_id`, if
there is one, lets a look judge with the sets of labels that share plates; `control` (as of sites), controls apart."""

RECOGNITION = Schema(
    "recognition",
    (
        Column("unit", "string", allowed=("site", "well")),
        Column("site_id", "string", nullable=True),
        Column("well_id", "string"),
        Column("plate_id", "string"),
        Column("experiment", "string"),
        Column("control", "boolean"),
        Column("label", "string"),
        Column("predicted", "string"),
        Column("chance", "float", positive=True),
        Column("predicted_in_groups", "string", nullable=True),
        Column("chance_in_groups", "float", nullable=True, positive=True),
        Column("predicted_in_guessed_groups", "string", nullable=True),
    ),
    key=("unit", "well_id", "site_id"),
)
"""What a trained classifier takes each held-out site, and each well by the mean of its sites, for: siRNAs among siRNAs, controls
among controls; siRNAs also among those of the plate's group, as it is and as it is guessed (null where labels share no plates).
`chance` is one over the number of labels that came into question."""

INDEX = Schema(
    "image index",
    (
        Column("site_id", "string"),
        Column("well_id", "string"),
        Column("sha256", "string"),
    ),
    key=("site_id",),
)
"""Row i is site i of the image store; sha256 of its (channel, y, x) pixels at the first stored size, little-endian."""

EMBEDDINGS = Schema("embeddings", (Column("site_id", "string"),), key=("site_id",), feature_prefix="feature_")
"""site_id, feature_0 ... feature_{d-1} (float32)."""

OF_FOLD = (Column("scheme", "string"), Column("fold", "string"))
FOLD_EMBEDDINGS = Schema(
    "embeddings of folds",
    (*OF_FOLD, *EMBEDDINGS.columns),
    key=("scheme", "fold", "site_id"),
    feature_prefix="feature_",
)
"""The same by a network that is trained anew for every fold of a question: a row per fold and site that it needs."""

SITE_PROFILES = Schema("site profiles", SITES.columns, key=("site_id",), feature_prefix="feature_")
WELL_PROFILES = Schema(
    "well profiles",
    tuple(column for column in SITES.columns if column.name not in ("site_id", "site")),
    key=("well_id",),
    feature_prefix="feature_",
)
FOLD_SITE_PROFILES = Schema(
    "site profiles of folds", (*SITE_PROFILES.columns, *OF_FOLD), ("scheme", "fold", "site_id"), "feature_"
)
FOLD_WELL_PROFILES = Schema(
    "well profiles of folds", (*WELL_PROFILES.columns, *OF_FOLD), ("scheme", "fold", "well_id"), "feature_"
)
"""Profiles: embeddings after one named normalisation, with the sites table's columns; a well is the mean of its sites. Those of
folds hold every fold's own."""

WELL_SCORES = Schema(
    "well scores",
    (
        *WELL_PROFILES.columns,
        Column("scheme", "string"),
        Column("fold", "string"),
        Column("on", "float"),
        Column("off", "float"),
        Column("off_norm", "float"),
        Column("on_lda", "float"),
    ),
    key=("scheme", "well_id"),
)
"""On- and off-perturbation score of every well, from the fold whose training wells did not hold it; `on_lda`: the on score by
the shrinkage LDA instead of the SVM."""

NUMBERS = Schema(
    "numbers",
    (
        Column("question", "string"),
        Column("featurizer", "string"),
        Column("normalization", "string"),
        Column("split", "string"),
        Column("fold", "string"),
        Column("seed", "integer"),
        Column("unit", "string"),
        Column("metric", "string"),
        Column("value", "float", nullable=True),
        Column("low", "float", nullable=True),
        Column("high", "float", nullable=True),
        Column("n", "integer"),
    ),
    key=("question", "featurizer", "normalization", "split", "fold", "seed", "unit", "metric"),
)
"""What an evaluation answers: a value, its interval [low, high], and the number of units n that it rests on."""

CURVE = Schema(
    "training curve",
    (
        Column("images", "integer"),
        Column("step", "integer"),
        Column("metric", "string"),
        Column("value", "float", nullable=True),
    ),
    key=("images", "metric"),
)
"""Along training: losses, penalties, speed (images per second), quality, the probe's Z' and roll-backs, in long form."""


def feature_columns(frame: pd.DataFrame, prefix: str = "feature_") -> list[str]:
    """Names of the feature columns in their numerical order (feature_0, feature_1, ...)."""
    names = [name for name in frame.columns if name.startswith(prefix) and name[len(prefix) :].isdigit()]
    return sorted(names, key=lambda name: int(name[len(prefix) :]))


def check(frame: pd.DataFrame, schema: Schema, where: str | Path) -> None:
    """Raise `TableError` at the first breach of the schema, naming `where`, the column and the row."""
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise TableError(f"{where}: the {schema.name} table lacks the {named('column', missing)}")
    if schema.feature_prefix and not feature_columns(frame, schema.feature_prefix):
        raise TableError(f"{where}: the {schema.name} table has no {schema.feature_prefix}* column")
    for column in schema.columns:
        _check_column(frame[column.name], column, schema, where)
    duplicated = frame.duplicated(list(schema.key))
    if duplicated.any():
        row = int(np.flatnonzero(duplicated)[0])
        key = ", ".join(f"{name}={frame.iloc[row][name]!r}" for name in schema.key)
        raise TableError(f"{where}: row {row + 1} of the {schema.name} table repeats {key}")
    names = feature_columns(frame, schema.feature_prefix) if schema.feature_prefix else []
    for first in range(0, len(names), COLUMNS_AT_ONCE):
        some = names[first : first + COLUMNS_AT_ONCE]
        finite = np.isfinite(frame[some].to_numpy(float))
        if not finite.all():
            place = int(np.flatnonzero(~finite.all(axis=0))[0])
            row = int(np.flatnonzero(~finite[:, place])[0])
            raise TableError(f"{where}: {some[place]} in row {row + 1} is not a finite number")


def _check_column(values: pd.Series, column: Column, schema: Schema, where: str | Path) -> None:
    null = values.isna().to_numpy(bool)
    if null.any() and not column.nullable:
        raise TableError(f"{where}: {column.name} is empty in row {_first(null)} of the {schema.name} table")
    present = values[~null]
    right = {
        "string": lambda: _is_text(present),
        "integer": lambda: pd.api.types.is_integer_dtype(values.dtype),
        "float": lambda: pd.api.types.is_float_dtype(values.dtype) or present.empty,
        "boolean": lambda: pd.api.types.is_bool_dtype(values.dtype),
    }[column.kind]()
    if not right:
        raise TableError(f"{where}: {column.name} of the {schema.name} table must be {column.kind}, not {values.dtype}")
    if column.allowed:
        foreign = ~null & ~values.isin(column.allowed).to_numpy(bool)
        if foreign.any():
            raise TableError(
                f"{where}: {column.name} in row {_first(foreign)} of the {schema.name} table is "
                f"{values.iloc[_first(foreign) - 1]!r}; allowed: {', '.join(column.allowed)}"
            )
    if column.positive:
        not_positive = ~null & ~(values.fillna(1.0).to_numpy(float) > 0)
        if not_positive.any():
            raise TableError(
                f"{where}: {column.name} in row {_first(not_positive)} of the {schema.name} table is "
                f"{values.iloc[_first(not_positive) - 1]}; it must be above 0, or empty where nothing was given"
            )


def _is_text(present: pd.Series) -> bool:
    """Whether all values are text. Pandas says so at once; value by value this took a third of an evaluation's time."""
    return pd.api.types.infer_dtype(present, skipna=False) in ("string", "empty")


def _first(mask: np.ndarray) -> int:
    return int(np.flatnonzero(mask)[0]) + 1


def write_table(frame: pd.DataFrame, path: Path, schema: Schema) -> None:
    """Check a table and write it as parquet (zstd), atomically."""
    check(frame, schema, path)
    with atomic(Path(path)) as partial:
        frame.to_parquet(partial, index=False, compression="zstd")


def read_table(path: Path, schema: Schema, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Read a parquet table and check it."""
    if columns is not None:
        return pd.read_parquet(path, columns=list(columns))
    frame = pd.read_parquet(path)
    check(frame, schema, path)
    return frame
