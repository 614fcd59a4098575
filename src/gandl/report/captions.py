"""Counts for captions: takes the plate map, makes the n of every caption. The Snakefile imports it: no heavy import."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gandl.config import Dataset

DOSES = {
    Dataset.BBBC013.value: "Doses and the plate rows of each drug are from memory, not from an official plate map."
}
"""What must stand wherever doses of a data set are shown."""


def caption_counts(platemap: Path, dataset: str, development_rows: Sequence[str]) -> dict[str, Any]:
    """How many wells a caption may speak of.

    Parameters
    ----------
    platemap : CSV with a row per well, columns `row`, `control` and `treatment`.
    dataset : name of the data set, for its warning about doses.
    development_rows : plate rows on which settings were chosen.

    Returns
    -------
    `wells`, `positive`, `negative`, `controls` (both), `development_controls` and `other_controls` (both, in the development rows
    and in the others), `series` (wells of each dose series, in words) and `dose_note`. Empty where the file cannot be read: the
    rule that uses it will say so.
    """
    try:
        with Path(platemap).open(encoding="utf-8-sig", newline="") as file:
            wells = list(csv.DictReader(file))
    except (OSError, ValueError):
        return {}
    controls = Counter(well.get("control") for well in wells)
    series = Counter(well["treatment"] for well in wells if well.get("control") == "none" and well.get("treatment"))
    chosen = sum(
        well.get("control") in ("positive", "negative") and well.get("row") in development_rows for well in wells
    )
    return {
        "wells": len(wells),
        "positive": controls["positive"],
        "negative": controls["negative"],
        "controls": controls["positive"] + controls["negative"],
        "development_controls": chosen,
        "other_controls": controls["positive"] + controls["negative"] - chosen,
        "series": ", ".join(f"{count} wells of {name}" for name, count in series.items()),
        "dose_note": DOSES.get(dataset, ""),
    }
