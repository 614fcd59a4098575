"""Names of columns in foreign tables: takes `Metadata_broad_sample`, names those that are kept beside a lab's wells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from gandl.source.plates.table import LATER, MADE, OWN
from gandl.source.plates.tabular.text_table import METADATA

_RESERVED = re.compile(r"file|(file|illum|path|page)_.*|feature_\d+", re.IGNORECASE)


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
