"""The counts of the whole published RxRx1, and its sets of siRNAs: takes the metadata as text, gives what differs from them.

Counts are those of the release's own files. Its 1,108 treatments fall into four fixed sets, one on each plate: the plate
determines the set, so a plate that mixed two would change what a classifier can guess.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gandl.config import Dataset
from gandl.source.screens.mistakes import Mistakes
from gandl.source.screens.published import PUBLISHED, RXRX1_PLATES

METADATA_SHA256 = "799ed719d2be136db29fef6fcb7a51ceb94d1de9d43421a49b16409329a2f1b7"
EMBEDDINGS_SHA256 = "e38f50b74c45682ec9ce7e6407b891c953c27217be5e39b187d289320395a192"
"""SHA-256 of the two CSV files inside the published archives."""
NEGATIVE_ID = 1138
IDS = {"treatment": (0, 1107), "positive_control": (1108, 1137), "negative_control": (NEGATIVE_ID, NEGATIVE_ID)}
"""Range of `sirna_id` by type of well."""
SITES_OF_CELL_TYPE = {"HEPG2": 27_094, "HUVEC": 59_050, "RPE": 27_070, "U2OS": 12_296}
SITES_OF_PART = {"train": 81_224, "test": 44_286}
TRAIN_EXPERIMENTS = {"HEPG2": 7, "HUVEC": 16, "RPE": 7, "U2OS": 3}
"""The first experiments of each cell type are the train half, the others the test half."""
SETS = 4
SET_SIZE = 277
NAMED = 6


def published_counts(frame: pd.DataFrame) -> list[str]:
    """What differs from the published screen, a sentence each.

    Parameters
    ----------
    frame : the metadata's columns as text, one row per site.
    """
    wells = frame.drop_duplicates("well_id")
    return [*_sizes(frame, wells), *_experiments(wells), *_controls(wells)]


def _sizes(frame: pd.DataFrame, wells: pd.DataFrame) -> Iterator[str]:
    published = PUBLISHED[Dataset.RXRX1]
    yield from _unlike("the screen", "sites", frame["site_id"].nunique(), published.sites)
    yield from _unlike("the screen", "wells", len(wells), published.wells)
    for column, expected in (("cell_type", SITES_OF_CELL_TYPE), ("dataset", SITES_OF_PART)):
        counts = frame[column].value_counts()
        for name, count in expected.items():
            yield from _unlike(name, "sites", counts.get(name, 0), count)
    per_well = frame["well_id"].value_counts()
    wrong = sorted(per_well.index[per_well != published.sites_per_well])
    if wrong:
        yield f"wells without exactly {published.sites_per_well} sites: {len(wrong):,}, {_named(wrong)}"


def _unlike(whose: str, what: str, found: int, published: int) -> Iterator[str]:
    if found != published:
        yield f"{whose} has {found:,} {what}; {published:,} were published"


def _experiments(wells: pd.DataFrame) -> Iterator[str]:
    plates_of = PUBLISHED[Dataset.RXRX1].plates_of
    found = wells.groupby("experiment")["plate"].nunique()
    for what, names in (("lacks", set(plates_of) - set(found.index)), ("also has", set(found.index) - set(plates_of))):
        if names:
            noun = "experiments" if len(names) > 1 else "experiment"
            yield f"the screen {what} the {noun} {_named(sorted(names))}; the published one has {len(plates_of)}"
    few = [f"{name} ({found[name]})" for name in found.index if found[name] != plates_of.get(name, found[name])]
    if few:
        yield f"experiments without exactly {RXRX1_PLATES} plates: {len(few)}, {_named(few)}"
    parts = wells.drop_duplicates("experiment").set_index("experiment")["dataset"]
    wrong = [name for name in sorted(parts.index) if name in plates_of and parts[name] != _part_of(name)]
    if wrong:
        yield f"{_named(wrong)} must be in the other half (train or test) of the screen"


def _part_of(experiment: str) -> str:
    cell_type, number = experiment.split("-")
    return "train" if int(number) <= TRAIN_EXPERIMENTS[cell_type] else "test"


def _controls(wells: pd.DataFrame) -> Iterator[str]:
    plates = wells["experiment"] + "_" + wells["plate"]
    negative = set(plates[(wells["well"] == "B02") & (wells["well_type"] == "negative_control")])
    without = sorted(set(plates) - negative)
    if without:
        yield f"plates without a negative control in B02: {len(without)}, {_named(without)}"
    for well_type, count in (("positive_control", 30), ("treatment", SETS * SET_SIZE)):
        found = wells.loc[(wells["well_type"] == well_type) & (wells["sirna_id"] != ""), "sirna_id"].nunique()
        yield from _unlike("the screen", f"siRNAs in wells of the type {well_type}", found, count)


def check_sets(frame: pd.DataFrame, complete: bool, mistakes: Mistakes) -> None:
    """Each plate's treatments belong to one set of at most 277; in the whole screen to one of four such sets of exactly 277."""
    treated = frame[(frame["well_type"] == "treatment") & (frame["sirna_id"] != "")].drop_duplicates("well_id")
    plates = treated.groupby([treated["experiment"] + "_" + treated["plate"]])["sirna_id"].agg(frozenset)
    sets = _sets(plates) if complete else _unions(plates)
    if complete and len(sets) != SETS:
        mistakes.table(f"{len(sets)} sets of {SET_SIZE} siRNAs are on the plates; the published screen has {SETS}")
        return
    for plate_id, sirnas in plates.items():
        if not any(sirnas <= one for one in sets):
            mistakes.table(f"the treatments of plate {plate_id} are of more than one of the {SETS} sets of siRNAs")
    large = [one for one in sets if len(one) > SET_SIZE]
    if large:
        names = [str(plate_id) for plate_id, sirnas in plates.items() if any(sirnas <= one for one in large)]
        mistakes.table(
            f"the plates {_named(names)} share siRNAs, and together hold {len(large[0])}; a set has at most {SET_SIZE}, "
            "and no siRNA is in two"
        )


def _sets(plates: pd.Series) -> list[frozenset[str]]:
    """The sets of whole plates, commonest first, none of which shares a siRNA with one before it."""
    whole = plates[plates.map(len) == SET_SIZE].value_counts()
    sets: list[frozenset[str]] = []
    for one in whole.index:
        if all(one.isdisjoint(other) for other in sets):
            sets.append(one)
    return sets


def _unions(plates: pd.Series) -> list[frozenset[str]]:
    """The siRNAs of plates that share any, directly or through others."""
    unions: list[frozenset[str]] = []
    for sirnas in plates:
        touching = [one for one in unions if not one.isdisjoint(sirnas)]
        unions = [one for one in unions if one not in touching] + [frozenset(sirnas).union(*touching)]
    return unions


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
