"""A lab's own plates, the rules that a table and a folder share: takes sites as they were written, finds every mistake in them.

A site is a field of view of one well; all sites of a well share its treatment. `gandl.source.plates.table` and `folder`
make the sites, `gandl.source.plates.sites` puts them together.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gandl.source.plates.references import WHOLE_FILE, ImageFile, Place, Selector
from gandl.source.plates.stores import PlateKey
from gandl.source.plates.tabular.text_table import AMBIGUOUS
from gandl.tables import CONTROLS
from gandl.tables.row_letters import row_name
from gandl.workflow.words import counted

ROWS = 32
COLUMNS = 48
"""Of the largest plate: 1536 wells, A01 to AF48."""
ROW_NAMES = tuple(row_name(number) for number in range(1, ROWS + 1))
UNKNOWN = "unknown"
SHORT_CONTROLS = {"neg": "negative", "negcon": "negative", "pos": "positive", "poscon": "positive"}
"""Short words for controls."""


@dataclass(frozen=True)
class Layout:
    """What was done to a well, as text that was checked; empty fields are "" (concentration: None)."""

    control: str = "none"
    treatment: str = ""
    concentration_um: float | None = None
    cell_type: str = UNKNOWN
    condition: str = ""
    compound: str = ""
    smiles: str = ""


@dataclass(frozen=True)
class Site:
    """One field of view. `where` names it in messages (`row 7`); `site` is None if it has to be numbered.

    images, illumination : of each channel its image, and its illumination function where one is named.
    """

    where: str
    key: PlateKey
    well: str
    site: int | None
    layout: Layout
    images: Mapping[str, ImageFile]
    row: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    illumination: Mapping[str, ImageFile] = field(default_factory=dict)


def well_of(text: str) -> str | None:
    """`A1`, `a01` or `AA001` as `A01`, `AA01`; None if it is not a well of a plate of up to 32 rows and 48 columns."""
    match = re.fullmatch(r"([A-Za-z]{1,2})(\d{1,3})", text.strip())
    return well_at(match[1], int(match[2])) if match else None


def well_at(row: str, column: int) -> str | None:
    """Name of the well in a row (a letter, or a number from 1) and column; None if there is none."""
    name = row_name(int(row)) if row.isdecimal() and 1 <= int(row) <= ROWS else row.upper()
    if name not in ROW_NAMES or not 1 <= column <= COLUMNS:
        return None
    return f"{name}{column:02d}"


def no_well(text: str) -> str:
    """The message for a text that does not name a well."""
    return f"well is {text!r}; wells are named A1 (or A01) to AF48"


def split_well(well: str) -> tuple[str, int]:
    """Row and column of a checked well name."""
    row = well.rstrip("0123456789")
    return row, int(well[len(row) :])


def read_layout(cells: Mapping[str, str], mistakes: list[str], where: str) -> Layout:
    """What was done to a well, from the cells of a row; every mistake is added to `mistakes`, beginning with `where`.

    An empty control is `none`; an empty condition is `untreated` or `treated`, an empty compound the treatment.
    """
    control = control_of(cells) or "none"
    if control not in CONTROLS:
        mistakes.append(f"{where}: control is {cells['control']!r}; it must be {', '.join(CONTROLS)}, or empty")
        control = "none"
    treatment = cells.get("treatment", "")
    dose, problem = _dose(cells.get("concentration_um", ""))
    if problem:
        mistakes.append(f"{where}: concentration_um {problem}")
    elif dose is not None and not treatment:
        mistakes.append(
            f"{where}: a concentration_um ({dose:g}) without a treatment; leave it empty where nothing was given"
        )
    return Layout(
        control=control,
        treatment=treatment,
        concentration_um=dose,
        cell_type=cells.get("cell_type", "") or UNKNOWN,
        condition=cells.get("condition", "") or ("treated" if treatment else "untreated"),
        compound=cells.get("compound", "") or treatment,
        smiles=cells.get("smiles", ""),
    )


def _dose(text: str) -> tuple[float | None, str]:
    """A concentration (uM), or what is wrong with it."""
    if not text:
        return None, ""
    if AMBIGUOUS.fullmatch(text):
        point = text.replace(",", ".")
        return None, f"is {text!r}, with a comma; write {point}, with a decimal point, or {text.replace(',', '')}"
    if re.fullmatch(r"[-+]?\d+,\d+(e[-+]?\d+)?", text, re.IGNORECASE):
        return None, f"is {text!r}, with a comma; write {text.replace(',', '.')}, with a decimal point"
    try:
        value = float(text)
    except ValueError:
        return None, f"is {text!r}, not a number; write micromolar without a unit"
    if not (value > 0 and math.isfinite(value)):
        return None, f"is {text}; it must be above 0 (uM), or empty where nothing was given"
    return value, ""


def without_vehicle_doses(
    rows: Sequence[tuple[int, Mapping[str, str]]],
) -> tuple[list[tuple[int, Mapping[str, str]]], list[str]]:
    """Rows of a table in which the vehicle may have the concentration 0: it is made empty, and the condition `untreated`.

    The vehicle is a negative control, a treatment of negative controls that has no dose anywhere, or no treatment at all. A
    negative control that bears the name of a treatment given elsewhere received nothing of it. Any other treatment keeps its 0.

    Returns
    -------
    The rows, in order, and at most one note.
    """
    dosed = {cells.get("treatment", "") for _, cells in rows if not _is_zero(cells) and cells.get("concentration_um")}
    vehicles = {cells.get("treatment", "") for _, cells in rows if _is_negative(cells)} - dosed | {""}
    out, zeros = [], []
    for line, cells in rows:
        treatment = cells.get("treatment", "")
        if _is_zero(cells) and (_is_negative(cells) or treatment in vehicles):
            given = treatment if treatment in vehicles else ""
            zeros.append(given)
            condition = cells.get("condition") or "untreated"
            cells = {**cells, "concentration_um": "", "treatment": given, "condition": condition}
        out.append((line, cells))
    names = ", ".join(dict.fromkeys(name for name in zeros if name))
    named = f" ({names})" if names else ""
    note = f"the vehicle{named} has the concentration_um 0 in {counted(len(zeros), 'row')}; it is read as untreated"
    return out, [note] if zeros else []


def _is_negative(cells: Mapping[str, str]) -> bool:
    return control_of(cells) == "negative"


def control_of(cells: Mapping[str, str]) -> str:
    """The control that a row names: `neg`, `negcon`, `pos` and `poscon` as `negative` and `positive`; "" where it names none."""
    control = cells.get("control", "").lower()
    return SHORT_CONTROLS.get(control, control)


def _is_zero(cells: Mapping[str, str]) -> bool:
    return is_zero(cells.get("concentration_um", ""))


def is_zero(dose: str) -> bool:
    """Whether the text of a concentration is 0."""
    return bool(re.fullmatch(r"[-+]?0+([.,]0*)?(e[-+]?\d+)?", dose, re.IGNORECASE))


def read_site_number(text: str, mistakes: list[str], where: str) -> int | None:
    """The number of a site within its well; None if it is not numbered."""
    if not text:
        return None
    if not re.fullmatch(r"\d{1,9}", text):
        mistakes.append(f"{where}: site is {text!r}; it must be a whole number, or empty in every row")
        return None
    return int(text)


def numbered(sites: Sequence[Site], mistakes: list[str]) -> list[Site]:
    """The sites with their numbers: as numbered, or 1, 2, ... in the order of the table where no site of the well is numbered."""
    of_well: dict[tuple[PlateKey, str], list[Site]] = defaultdict(list)
    for site in sites:
        of_well[site.key, site.well].append(site)
    for wells in of_well.values():
        numbered = [site for site in wells if site.site is not None]
        if numbered and len(numbered) < len(wells):
            first = next(site for site in wells if site.site is None)
            mistakes.append(
                f"{first.where}: well {first.well} has a site without a number besides site {numbered[0].site} "
                f"({numbered[0].where}); number all sites of a well, or none"
            )
    counts: dict[tuple[PlateKey, str], int] = defaultdict(int)
    out = []
    for site in sites:
        counts[site.key, site.well] += 1
        out.append(site if site.site is not None else replace(site, site=counts[site.key, site.well]))
    return out


def mistakes_of_sites(sites: Sequence[Site]) -> Iterator[str]:
    """Contradictions between rows: a site twice, an image for two, wells whose rows differ in what was done."""
    seen: dict[tuple[PlateKey, str, int | None], Site] = {}
    used: dict[tuple[Place, Selector], tuple[Site, str]] = {}
    wells: dict[tuple[PlateKey, str], Site] = {}
    for site in sites:
        other = seen.setdefault((site.key, site.well, site.site), site)
        if other is not site:
            yield f"{site.where}: site {site.site} of well {site.well} of {plate_words(site.key)} is in {other.where} already"
        yield from _contradictions(site, wells.setdefault((site.key, site.well), site))
        for channel, image in site.images.items():
            owners = [used.setdefault(key, (site, channel)) for key in _identities(image)]
            for first, first_channel in owners:
                if first is not site or first_channel != channel:
                    place = f"{first.where}, channel {first_channel}"
                    yield f"{site.where}: {image.given}, channel {channel}, is the image of {place} already"
                    break


def _identities(image: ImageFile) -> Iterator[tuple[Place, Selector]]:
    """What no other image may be: the file and what is taken of it, for each of its planes."""
    selector, planes = image.selector, image.planes
    if len(planes) > 1:
        if isinstance(selector.z, int):
            planes = planes[selector.z - 1 : selector.z]
        selector = replace(selector, z=None)
    for place in planes:  # a file with one page may be named with the page's number and without
        yield place, Selector(page=1) if selector == WHOLE_FILE else selector


def _contradictions(site: Site, first: Site) -> Iterator[str]:
    if site.layout == first.layout:
        return
    for name in Layout.__dataclass_fields__:
        here, there = getattr(site.layout, name), getattr(first.layout, name)
        if here != there:
            yield (
                f"{site.where}: {name} of well {site.well} of {plate_words(site.key)} is {_words(here)}, "
                f"but {_words(there)} in {first.where}; all sites of a well must agree"
            )
            return


def _words(value: object) -> str:
    return "empty" if value in ("", None) else f"{value}"


def plate_words(key: PlateKey) -> str:
    """`plate 1 of my_screen`."""
    return f"plate {key.plate} of {key.experiment}"


def missing_files(sites: Iterable[Site]) -> Iterator[str]:
    """Images and illumination functions that are missing; a name that differs only in capitals is reported."""
    names: dict[Path, dict[str, str]] = {}
    present: dict[Path, bool] = {}
    for site in sites:
        named = [(image, f"channel {channel}") for channel, image in site.images.items()]
        named += [(image, f"illumination of {channel}") for channel, image in site.illumination.items()]
        for path, what in ((path, what) for image, what in named for path in image.planes if isinstance(path, Path)):
            if path not in present:
                present[path] = path.exists()
            if not present[path]:
                yield f"{site.where}: there is no file {path} ({what}){_meant(path, names)}"


def _meant(path: Path, names: dict[Path, dict[str, str]]) -> str:
    """A file of the same folder whose name differs in capitals alone, in words."""
    folder = path.parent
    if folder not in names:
        files = folder.iterdir() if folder.is_dir() else ()
        names[folder] = {file.name.casefold(): file.name for file in files}
    close = names[folder].get(path.name.casefold())
    return f"; did you mean {close}? Capitals matter" if close else ""
