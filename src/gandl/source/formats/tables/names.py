"""Names of columns in foreign tables: takes `Metadata_Plate`, `Well_Position`, finds them however they are capitalised, and names
those that are kept beside a lab's wells.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from gandl.source.plates.table import LATER, MADE, OWN

METADATA = "Metadata_"
_RESERVED = re.compile(r"file|(file|illum|path|page)_.*|feature_\d+", re.IGNORECASE)


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


def kept_names(header: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Written name -> plain name under which a column is kept: `Metadata_broad_sample` as `broad_sample`.

    A name that has a meaning for gandl, or that is taken, keeps or gets the prefix `Metadata_`.
    """
    kept: dict[str, str] = {}
    used = {name.lower() for name in (*OWN, *MADE, *LATER, *taken)}
    for name in header:
        plain = name.removeprefix(METADATA)
        if plain.lower() in used or _RESERVED.fullmatch(plain) or not plain:
            plain = f"{METADATA}{plain}"
        if plain.lower() not in used:
            used.add(plain.lower())
            kept[name] = plain
    return kept


def value(cells: Mapping[str, str], column: str | None) -> str:
    """The text of a cell; "" where there is no such column, or where the cell only says that it is empty."""
    text = cells.get(column, "") if column else ""
    return "" if text.lower() in ("na", "nan", "n/a", "null", "<na>", "none") else text
