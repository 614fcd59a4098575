"""What papers print: takes `resources/paper_values.csv`, makes the values of one paper, each once, to stand beside ours.

`gandl.report.reference` reads all of it, checks it, and judges.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.workflow.words import named

PAPER, PREPRINT = "Mascolini et al. 2022", "Mascolini et al. 2021 (preprint)"
"""Sources, as the table names them."""
NEEDED = ("source", "repeats", "dataset", "question", "featurizer", "against", "split", "unit", "metric", "value")


class PrintedError(ValueError):
    """The table of reference values lacks columns; the message names them."""


def printed_in(path: Path, source: str) -> pd.DataFrame:
    """The rows of one source that name one featurizer; what it prints again elsewhere is left out.

    Raises
    ------
    PrintedError : the file lacks a column.
    """
    table = pd.read_csv(path)
    if missing := [name for name in NEEDED if name not in table]:
        raise PrintedError(f"{path}: the reference values lack the {named('column', missing)}")
    mine = (table["source"] == source) & table["repeats"].isna() & table["against"].isna()
    return table[mine].reset_index(drop=True)
