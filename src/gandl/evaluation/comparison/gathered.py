"""All numbers of one setup: takes the tables of its tasks and seeds, makes one table of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gandl.tables import NUMBERS, read_table, write_table


def write_setup(numbers: Sequence[Path], output: Path) -> None:
    """Write the numbers of a setup, in the order of the files.

    Parameters
    ----------
    numbers : of each of its tasks and seeds (`gandl.tables.NUMBERS`, and the columns of the comparison).

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema, or two hold the same number.
    """
    tables = [read_table(Path(path), NUMBERS) for path in numbers]
    write_table(pd.concat(tables, ignore_index=True), Path(output), NUMBERS)
