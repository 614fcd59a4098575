"""tables: every table that one stage passes to the next. Takes data frames, checks them against a schema on writing and on
reading, makes parquet files; notes about a table are in the file's own metadata.
"""

from gandl.tables.comparison import (
    CODES as CODES,
    TILES as TILES,
)
from gandl.tables.schemas import (
    CONTROLS as CONTROLS,
    CURVE as CURVE,
    EMBEDDINGS as EMBEDDINGS,
    FOLD_EMBEDDINGS as FOLD_EMBEDDINGS,
    FOLD_SITE_PROFILES as FOLD_SITE_PROFILES,
    FOLD_WELL_PROFILES as FOLD_WELL_PROFILES,
    INDEX as INDEX,
    LABEL_PARTS as LABEL_PARTS,
    LABELS as LABELS,
    NUMBERS as NUMBERS,
    PARTS as PARTS,
    RECOGNITION as RECOGNITION,
    SITE_PROFILES as SITE_PROFILES,
    SITES as SITES,
    SPLITS as SPLITS,
    WELL_PROFILES as WELL_PROFILES,
    WELL_SCORES as WELL_SCORES,
    Column as Column,
    Schema as Schema,
    TableError as TableError,
    check as check,
    feature_columns as feature_columns,
    read_table as read_table,
    write_table as write_table,
)

__all__ = ["comparison", "features", "notes", "printed", "row_letters"]
