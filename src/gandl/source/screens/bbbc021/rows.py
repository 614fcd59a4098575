"""Rows of BBBC021's tables: takes them as text, notes everything that is wrong in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gandl.source.screens.bbbc021.terms import (
    CHANNEL_FILES,
    COMPOUND,
    CONCENTRATION,
    PLATE,
    PLATE_COLUMNS,
    REPLICATE,
    ROWS,
    VEHICLE,
    WELL,
    folder_of,
)
from gandl.source.screens.mistakes import Mistakes, first_of

WELLS = frozenset(f"{row}{column:02d}" for row in ROWS for column in PLATE_COLUMNS)
FILE = r"(?:^|_)([A-H]\d\d)_s([1-9])_w(\d)[^_/\\]*\.tif$"
"""End of a file's name: well, field, number of the channel, and an identifier of its own."""
OF_A_WELL = (COMPOUND, CONCENTRATION, REPLICATE)
SHOWN = 6


def check_images(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    """Note what is wrong in the image table: values, files that contradict their row, repeats, wells and plates as a whole."""
    plate = frame[PLATE].str.fullmatch(r"Week[1-9]\d*_[1-9]\d*")
    mistakes.rows(~plate, f"{PLATE} is {{{PLATE}!r}}; it must be like Week4_27481")
    well = frame[WELL].isin(WELLS)
    mistakes.rows(~well, f"{WELL} is {{{WELL}!r}}; the wells of this plate are A01 to H12")
    mistakes.rows(
        ~frame[REPLICATE].str.fullmatch(r"[1-9]\d*"), f"{REPLICATE} is {{{REPLICATE}!r}}, not a whole number from 1"
    )
    mistakes.rows(frame[COMPOUND] == "", f"{COMPOUND} is empty")
    _check_doses(frame, mistakes)
    _check_files(frame, mistakes)
    well_id = frame[PLATE] + "_" + frame[WELL]
    lines = frame.index.to_numpy()
    site_id = well_id + "_" + frame["Image_FileName_DAPI"].str.extract(FILE)[1].fillna(frame["Image_FileName_DAPI"])
    first = first_of(site_id)
    mistakes.rows(
        first != np.arange(len(frame)), "site {site!r} is already in row {first}", site=site_id, first=lines[first]
    )
    of_well = first_of(well_id)
    for column in OF_A_WELL:
        values = frame[column].to_numpy(object)
        mistakes.rows(
            values != values[of_well],
            f"{column} is {{{column}!r}}, but {{other!r}} in row {{first}} of the same well {{well_id}}",
            other=values[of_well],
            first=lines[of_well],
            well_id=well_id,
        )
    without = sorted(set(frame.loc[plate, PLATE]) - set(frame.loc[frame[COMPOUND] == VEHICLE, PLATE]))
    if without:
        mistakes.table(f"{_listed(without)} has no well with {VEHICLE}, so nothing to compare its treatments with")


def _check_doses(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    dose, vehicle = pd.to_numeric(frame[CONCENTRATION], errors="coerce"), frame[COMPOUND] == VEHICLE
    known = np.isfinite(dose) & (dose >= 0)
    mistakes.rows(~known, f"{CONCENTRATION} is {{{CONCENTRATION}!r}}; it must be a number (uM), 0 for {VEHICLE}")
    mistakes.rows(known & vehicle & (dose > 0), f"{VEHICLE} has the concentration {{{CONCENTRATION}}}; it must be 0")
    mistakes.rows(known & ~vehicle & (dose == 0), f"{{{COMPOUND}}} has the concentration 0; it must be above 0 (uM)")


def _check_files(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    """Names of files say well, field and channel; they must be those of their row and column."""
    folder = frame[PLATE].map(folder_of)
    fields = None
    for name, number in CHANNEL_FILES.values():
        column = f"Image_FileName_{name}"
        parts = frame[column].str.extract(FILE)
        named = parts[0].notna()
        mistakes.rows(~named, f"{column} is {{{column}!r}}; it must be like G10_s1_w{number}... .tif")
        mistakes.rows(
            named & (parts[0] != frame[WELL]),
            f"{column} {{{column}!r}} is of well {{other}}, not {{{WELL}}}",
            other=parts[0],
        )
        mistakes.rows(
            named & (parts[2] != str(number)),
            f"{column} {{{column}!r}} is of channel w{{other}}; {name} is w{number}",
            other=parts[2],
        )
        if fields is None:
            fields = parts[1]
        mistakes.rows(
            named & fields.notna() & (parts[1] != fields),
            f"{column} {{{column}!r}} is of field {{other}}, the file of DAPI of field {{field}}",
            other=parts[1],
            field=fields,
        )
        first = first_of(frame[column])
        mistakes.rows(
            named & (first != np.arange(len(frame))),
            f"{column} {{{column}!r}} is already in row {{first}}",
            first=frame.index.to_numpy()[first],
        )
        path = f"Image_PathName_{name}"
        mistakes.rows(frame[path] != folder, f"{path} is {{{path}!r}}, but the plate's is {{folder!r}}", folder=folder)


def check_mechanisms(frame: pd.DataFrame, images: pd.DataFrame, mistakes: Mistakes) -> None:
    """Note what is wrong in the table of mechanisms, also rows whose compound and concentration no site has."""
    mistakes.rows(frame["compound"] == "", "the compound is empty")
    mistakes.rows(frame["moa"] == "", "moa of {compound} at {concentration} uM is empty")
    dose = pd.to_numeric(frame["concentration"], errors="coerce")
    known = np.isfinite(dose) & (dose >= 0)
    mistakes.rows(~known, "concentration of {compound} is {concentration!r}, not a number (uM)")
    first = first_of(frame["compound"] + "\n" + dose.astype(str))
    mistakes.rows(
        known & (first != np.arange(len(frame))),
        "{compound} at {concentration} uM is already in row {first}",
        first=frame.index.to_numpy()[first],
    )
    doses = pd.to_numeric(images[CONCENTRATION], errors="coerce").groupby(images[COMPOUND]).unique()
    given = {str(compound): sorted(values) for compound, values in doses.items()}
    pairs = list(zip(frame["compound"], dose, strict=True))
    unmatched = [known.iloc[i] and pair[1] not in given.get(pair[0], ()) for i, pair in enumerate(pairs)]
    mistakes.rows(
        unmatched,
        "no site of the image table has {compound!r} at {concentration} uM{hint}",
        hint=np.array([_hint(compound, given) for compound, _ in pairs], object),
    )
    spelled = {compound.casefold(): compound for compound in frame["compound"]}
    other = images[COMPOUND].map(lambda name: spelled.get(name.casefold(), name))
    for name, right in sorted(set(zip(images[COMPOUND], other, strict=True))):
        if name != right and name not in set(frame["compound"]):
            mistakes.table(f"the image table spells {name!r} what is {right!r} here")


def _hint(compound: str, given: dict[str, list[float]]) -> str:
    """What the image table has instead."""
    if compound in given:
        return f"; it has it at {_listed([f'{dose:g}' for dose in given[compound]])} uM"
    alike = [name for name in given if name.casefold() == compound.casefold()]
    return f"; it spells it {alike[0]!r}" if alike else "; it has no such compound"


def check_structures(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    """Note what is wrong in the table of structures: compounds without a name, or named twice."""
    mistakes.rows(frame["compound"] == "", "the compound is empty")
    first = first_of(frame["compound"])
    mistakes.rows(
        (frame["compound"] != "") & (first != np.arange(len(frame))),
        "the compound {compound!r} is already in row {first}",
        first=frame.index.to_numpy()[first],
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")
