"""Rows of a small CSV that comes with the program: takes its path and its columns, gives the cells as text, by line.

The Snakefile reads such tables at every start, so this module imports nothing heavier than the standard library.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from gandl.workflow.words import named


def read_rows(path: Path, columns: Sequence[str], error: type[Exception]) -> list[tuple[int, dict[str, str]]]:
    """Every row as the number of its line and its cells by column, without white space around them; other columns are left out.

    Parameters
    ----------
    path : CSV in UTF-8 with a header. columns : which it must have, in any order. error : raised.

    Raises
    ------
    error : the file cannot be read, or lacks a column; one sentence.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise error(f"{path} lacks the {named('column', missing)}")
            return [(reader.line_num, {name: (row[name] or "").strip() for name in columns}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise error(f"{path} cannot be read: {problem}") from problem
