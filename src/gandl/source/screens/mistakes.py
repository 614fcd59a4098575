"""Mistakes of a table, kept by kind while it is checked: takes masks of rows, makes one message that lists them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SHOWN = 20


class Mistakes:
    """What is wrong in a table of text whose index holds each row's line in the file."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._kinds: list[tuple[np.ndarray, list[str]]] = []
        self._of_table: list[str] = []

    def rows(self, wrong: Any, sentence: str, **columns: Any) -> None:
        """Note the rows of a mask. `sentence` names columns of the table, or further arrays, in braces: `no well {well!r}`."""
        places = np.flatnonzero(np.asarray(wrong, bool))
        if not len(places):
            return
        shown = self._frame.iloc[places[:SHOWN]].assign(
            **{name: np.asarray(values, object)[places[:SHOWN]] for name, values in columns.items()}
        )
        lines = [sentence.format_map(row) for row in shown.to_dict("records")]
        self._kinds.append((places, [f"row {line}: {text}" for line, text in zip(shown.index, lines, strict=True)]))

    def table(self, sentence: str) -> None:
        """Note a mistake of the table as a whole."""
        self._of_table.append(sentence)

    def lines(self) -> list[str]:
        """Every kind of mistake, a line for each row; of many rows the first few of each kind, about `SHOWN` lines together."""
        share = max(1, SHOWN // max(1, len(self._kinds) + len(self._of_table)))
        total = sum(len(places) for places, _ in self._kinds) + len(self._of_table)
        shown_lines: list[str] = []
        for places, lines in self._kinds:
            shown = lines if total <= SHOWN else lines[:share]
            shown_lines += shown
            if len(places) > len(shown):
                shown_lines.append(f"... and {len(places) - len(shown):,} more rows like that one")
        return shown_lines + self._of_table

    def refuse(self, where: object, error: type[ValueError]) -> None:
        """Raise `error` if anything was noted."""
        lines = self.lines()
        if lines:
            raise error(f"{where} has mistakes:\n" + "\n".join(f"  {line}" for line in lines))


def first_of(values: pd.Series) -> np.ndarray:
    """For each row the place of the first row with the same value."""
    codes, _ = pd.factorize(values)
    _, first = np.unique(codes, return_index=True)
    return first[codes] if len(codes) else np.zeros(0, int)
