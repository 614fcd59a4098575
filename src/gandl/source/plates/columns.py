"""Names of columns as people write them: takes `Metadata_Plate`, `Well_Position`, finds them however they are capitalised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

METADATA = "Metadata_"


class Columns:
    """The columns of a table, by names whose capitals, and a prefix `Metadata_`, do not matter.

    Parameters
    ----------
    header : their names as they are written.
    """

    def __init__(self, header: Iterable[str]) -> None:
        self._written = {name.removeprefix(METADATA).lower(): name for name in reversed(list(header))}

    def first(self, names: Iterable[str]) -> str | None:
        """The first of these names that the table has, as it is written there."""
        return next((self._written[name] for name in names if name in self._written), None)

    def all(self, names: Iterable[str]) -> list[str]:
        """Those of these names that the table has, as they are written there."""
        return [self._written[name] for name in names if name in self._written]


def value(cells: Mapping[str, str], column: str | None) -> str:
    """The text of a cell; "" where there is no such column, or where the cell only says that it is empty."""
    text = cells.get(column, "") if column else ""
    return "" if text.lower() in ("na", "nan", "n/a", "null", "<na>", "none") else text
