"""Terms: the table of the curves of a question's folds, by which whoever draws it reads it. Imports no network."""

from __future__ import annotations

from gandl.tables import Column, Schema

LABEL_COUNT, MOST_FREQUENT = "labels", "most_frequent_label"
"""Number of labels trained on; share of the validation images that bear the label most frequent among them."""

FOLD_CURVES = Schema(
    "curves of folds",
    (
        Column("scheme", "string"),
        Column("fold", "string"),
        Column("images", "integer"),
        Column("step", "integer"),
        Column("metric", "string"),
        Column("value", "float", nullable=True),
        Column("kept", "boolean"),
    ),
    key=("scheme", "fold", "images", "metric"),
)
"""The training curves of all folds (`gandl.tables.CURVE`); `kept`: after so many images the fold's weights were taken. At 0
images stands what guessing reaches on the fold's validation wells: `LABEL_COUNT`, `MOST_FREQUENT`."""
