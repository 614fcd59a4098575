"""What a reader must know before trusting a number: takes the provenance and the counts of controls, makes plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gandl.config import Dataset
from gandl.report.findings import TRAINED

SMALL = 12
"""Below so many wells of one control, an interval says so."""

OF_DATASETS: dict[str, list[str]] = {
    Dataset.BBBC013.value: [
        "The doses and the plate rows of each drug come from memory, not from an official plate map; the positions of the "
        "controls were taken from metadata of the same plate. An EC50 is as right as these doses.",
        "The size of a pixel is unknown, so lengths are given in pixels.",
        "One plate, one field per well: nothing here says how results vary between plates, days or laboratories.",
    ]
}


def caveats(provenance: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    """Sentences, those of the data set first.

    Parameters
    ----------
    provenance : content of provenance.json.
    counts : number of wells by control.
    """
    found = list(OF_DATASETS.get(provenance["dataset"], []))
    for entry in provenance["inputs"]:
        if entry["official_sha256"] is None:
            found.append(
                f"The official checksum of {_name(entry['file'])} is unknown; what was seen stands under data."
            )
    if provenance["mirror"]["kind"] != "official hosts":
        found.append("The archive was taken from a mirror, whose copy need not be the official file byte for byte.")
    few = [f"{counts.get(name, 0)} {name}" for name in ("positive", "negative") if counts.get(name, 0) < SMALL]
    if few:
        found.append(
            f"There are only {' and '.join(few)} control wells: intervals are wide, and resampling so few is rough."
        )
    if set(TRAINED) & set(provenance["configuration"]["embeddings"]["featurizers"]):
        found.append(
            "The representation is transductive: the network saw the images of all wells while training, without any label. "
            "Labels of a plate row were held out of the classifier that scores it, not out of the network."
        )
        rows = provenance["configuration"]["source"]["development_rows"]
        found.append(
            f"Settings were chosen on the controls of rows {rows[0]}–{rows[-1]} alone; the other rows chose nothing, so their "
            "numbers stand beside those of all rows."
        )
    if provenance["git"] is None:
        found.append("The code was not under version control when this run was made; its hash stands under provenance.")
    elif provenance["git"]["dirty"]:
        found.append("Files differed from the commit named under provenance when this run was made.")
    return found


def _name(location: str) -> str:
    return location.rsplit("/", 1)[-1]
