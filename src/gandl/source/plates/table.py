"""A lab's own plates from `sites.csv`: takes the table, makes its sites and channels, and finds every mistake.

One row per site; `well` and one column `file_<channel>` per channel are needed, docs/your-plates.md lists the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from gandl.source.plates.channels import Renames, remedy, unused
from gandl.source.plates.contents import ContentsError, channels_of_file
from gandl.source.plates.references import Address, ImageFile, image_at
from gandl.source.plates.rules import Site, no_well, read_layout, read_site_number, well_of, without_vehicle_doses
from gandl.source.plates.state import ILLUMINATION, PREFIX, WHOLE
from gandl.source.plates.stores import plate_key
from gandl.source.plates.tabular.doses import with_doses
from gandl.source.plates.tabular.text_table import Table, read_csv

READERS = 8
"""Files that are opened at a time: they wait for the disk or the network, not for a processor."""
LAYOUT = ("control", "treatment", "concentration_um", "cell_type", "condition", "compound", "smiles")
OWN = ("well", "plate", "experiment", "site", *LAYOUT)
MADE = ("site_id", "well_id", "plate_id", "store_id", "plate_name", "row", "column", "table_row")
"""Columns that gandl makes; a table's own are ignored, with a note."""
LATER = ("scheme", "fold", "part", "on", "off", "off_norm", "on_lda", "sha256")
"""Columns that later tables add to those of the sites."""
MEANT = {
    **dict.fromkeys(("well_name", "wellname"), "well"),
    "drug": "treatment",
    "field": "site",
    "plate_barcode": "plate",
}
"""Names that a column with a meaning might have been given."""


@dataclass(frozen=True)
class Found:
    """What a table or a folder holds: channels in order, sites, mistakes (one line each), and what is only worth knowing.

    `pixel_size_um` is the side of a pixel where metadata state it, and state one for all images.
    """

    channels: tuple[str, ...]
    sites: tuple[Site, ...]
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]
    pixel_size_um: float | None = None


def read_table_of_sites(path: Path, leave_out: Collection[str] = (), *, illumination: bool = True) -> Found:
    """Read `sites.csv`.

    Parameters
    ----------
    path : the table. leave_out : channels whose cells are not looked at.
    illumination : whether illumination functions are used; otherwise a wrong cell that names one is no mistake.

    Raises
    ------
    PlatesError : the file cannot be read as a table at all; any other mistake is in `mistakes`.
    """
    return sites_of_table(read_csv(path), leave_out, illumination=illumination)


def sites_of_table(
    table: Table,
    leave_out: Collection[str] = (),
    *,
    illumination: bool = True,
    renames: Renames | None = None,
) -> Found:
    """The sites of a table whose columns are named as in `sites.csv`, whatever file it was translated from; see
    `read_table_of_sites`. `renames` are other names for channels; `leave_out` holds for these."""
    table = with_doses(table)
    mistakes = [*_mistakes_of_header(table), *table.mistakes]
    channels = channels_of_header(table.header)
    whole = WHOLE in table.header and not channels
    files = _files_of_all_channels(table, renames or {}, mistakes) if whole else {}
    if whole and files:
        channels = tuple(next(iter(files.values())))
    if "well" not in table.header or not channels:
        return Found(channels, (), tuple(mistakes), table.notes)
    named = (PREFIX, ILLUMINATION)
    meant = (*OWN, *MADE, *([WHOLE] if whole else []))
    extra = [name for name in table.header if name not in meant and not name.startswith(named)]
    new = renames or {}
    used = [channel for channel in channels if new.get(channel, channel) not in leave_out]
    rows, of_vehicles = without_vehicle_doses(table.rows)
    sites = []
    for line, cells in rows:
        images = files.get(line, {}) if whole else _images(line, cells, used, table.path, mistakes)
        site = _site(line, cells, images, extra, table.path, mistakes)
        functions = _illumination(line, cells, images, table.path, mistakes if illumination else [])
        if site is not None:
            sites.append(replace(site, illumination=functions))
    notes = [*table.notes, *of_vehicles, *_notes(table.header)]
    if whole and len(channels) > 1 and list(channels) == [str(number) for number in range(1, len(channels) + 1)]:
        notes.append(
            f"the files of the column {WHOLE} name no channels: their {len(channels)} pages are taken as the channels "
            f"{', '.join(channels)} (name them by --rename 1=dna; z planes need a column {PREFIX}<channel> and --z)"
        )
    found = Found(channels, tuple(sites), tuple(mistakes), tuple(notes))
    return found if whole else with_other_names(found, new)


def with_other_names(found: Found, renames: Renames) -> Found:
    """The sites of a table with other names of its channels; two channels of one name are a mistake."""
    if not renames:
        return found
    channels = [renames.get(channel, channel) for channel in found.channels]
    mistakes = [
        f"--rename gives {channels.count(name)} channels the name {name}; drop one, or name them differently"
        for name in dict.fromkeys(channels)
        if channels.count(name) > 1
    ]
    sites = tuple(
        replace(
            site,
            images={renames.get(name, name): image for name, image in site.images.items()},
            illumination={renames.get(name, name): image for name, image in site.illumination.items()},
        )
        for site in found.sites
    )
    mistakes = [*found.mistakes, *mistakes, *unused(renames, found.channels)]
    return replace(found, channels=tuple(dict.fromkeys(channels)), sites=sites, mistakes=tuple(mistakes))


def channels_of_header(header: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the channels, in the order of their columns."""
    return tuple(name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX) and name != PREFIX)


def _files_of_all_channels(table: Table, renames: Renames, mistakes: list[str]) -> dict[int, dict[str, ImageFile]]:
    """Row -> channel -> image, where one file per site holds all channels: those of the first file that can be read.

    A file that cannot be read, or has other channels, is a mistake. `renames` are other names for channels.
    """
    images = {line: image_at(cells[WHOLE], table.path.parent) for line, cells in table.rows}
    with ThreadPoolExecutor(READERS) as threads:
        found = dict(zip(images, threads.map(_channels_in, images.values()), strict=True))
    mistakes += [f"row {line}: {WHOLE} {said}" for line, said in found.items() if isinstance(said, str)]
    known = {line: channels for line, channels in found.items() if not isinstance(channels, str)}
    if not known:
        return {}
    mistakes += unused(renames, list(dict.fromkeys(name for channels in known.values() for name in channels)))
    files: dict[int, dict[str, ImageFile]] = {}
    first = next(iter(known))
    usual = [renames.get(name, name) for name in known[first]]
    for line, channels in known.items():
        image = images[line]
        assert isinstance(image, ImageFile)
        named = {renames.get(name, name): name for name in channels}
        if len(named) < len(channels):
            mistakes.append(f"row {line}: --rename gives two channels of {image.path} one name")
        elif set(named) != set(usual):
            mistakes.append(
                f"row {line}: {image.path} has the channels {', '.join(named)}, but the file of row {first} has "
                f"{', '.join(usual)}; all files of the column {WHOLE} need the same: {remedy(list(named), usual)}"
            )
        files[line] = {name: _one_channel(image, named[name], channels) for name in usual if name in named}
    return files


def _one_channel(image: ImageFile, name: str, channels: Sequence[str]) -> ImageFile:
    """The image of one channel of a file of several; a name that a cell cannot hold is replaced by the channel's number."""
    plain = name == name.strip() and not re.search(r"[#|&\n]", name)
    selector = replace(image.selector, channel=name if plain else str(channels.index(name) + 1))
    return replace(image, selector=selector)


def _channels_in(image: ImageFile | str) -> tuple[str, ...] | str:
    """The channels of a file, or what is wrong with it."""
    if isinstance(image, str):
        return image
    if isinstance(image.path, Address):
        return f"is {image.given!r}, an address; name its channels in columns file_<channel>, as {image.path.name}#channel=..."
    if image.selector.page is not None or image.selector.channel is not None:
        return f"is {image.given!r}, but this column names files of all channels; leave out page and channel"
    if not image.path.exists():
        return f"is {image.given!r}, but there is no file {image.path}"
    try:
        return channels_of_file(image.path)
    except ContentsError as error:
        return f"is {image.given!r}, but {error}"


def _images(
    line: int, cells: Mapping[str, str], channels: Sequence[str], table: Path, mistakes: list[str]
) -> dict[str, ImageFile]:
    """The images that the cells of a row name, by channel."""
    images = {channel: image_at(cells[f"{PREFIX}{channel}"], table.parent) for channel in channels}
    mistakes += [
        f"row {line}: {PREFIX}{channel} {image}" for channel, image in images.items() if isinstance(image, str)
    ]
    return {channel: image for channel, image in images.items() if isinstance(image, ImageFile)}


def _illumination(
    line: int, cells: Mapping[str, str], channels: Iterable[str], table: Path, mistakes: list[str]
) -> dict[str, ImageFile]:
    """The illumination functions that the cells of a row name, by channel; a cell may be empty."""
    named = {channel: cells.get(f"{ILLUMINATION}{channel}", "") for channel in channels}
    found = {channel: image_at(cell, table.parent) for channel, cell in named.items() if cell}
    mistakes += [
        f"row {line}: {ILLUMINATION}{channel} {image}" for channel, image in found.items() if isinstance(image, str)
    ]
    return {channel: image for channel, image in found.items() if isinstance(image, ImageFile)}


def _mistakes_of_header(table: Table) -> list[str]:
    mistakes = []
    have = f"it has {', '.join(table.header)}"
    if "well" not in table.header:
        listed = any(re.match("(Image_)?(FileName|URL)_", name) for name in table.header)
        remedy = "; this is LoadData of CellProfiler: gandl check makes a sites.csv of it" if listed else ""
        mistakes.append(f"row 1: the column well is missing{remedy}; {have}")
    channels = channels_of_header(table.header)
    if not channels and WHOLE not in table.header:
        close = [name for name in table.header if name.lower() in ("filename", "path", "image", "filepath")]
        hint = f" (rename {close[0]} to file_dna, say, where dna is its channel)" if close else ""
        mistakes.append(f"row 1: no column of images: one column file_<channel> per channel is needed{hint}; {have}")
    mistakes += [
        f"row 1: {name} names illumination functions of a channel that has no column {PREFIX}{name.removeprefix(ILLUMINATION)}"
        for name in table.header
        if channels and name.startswith(ILLUMINATION) and name.removeprefix(ILLUMINATION) not in channels
    ]
    if PREFIX in table.header:
        mistakes.append(f"row 1: a column is named only {PREFIX}; append the name of its channel")
    lower: dict[str, str] = {}
    for channel in channels:
        other = lower.setdefault(channel.lower(), channel)
        if other != channel:
            mistakes.append(f"row 1: the channels {other} and {channel} differ only in capitals; give one another name")
    return [*mistakes, *mistakes_of_names(table.header)]


def mistakes_of_names(header: tuple[str, ...]) -> list[str]:
    """Columns of the user's own that would be taken for columns that gandl makes later."""
    return [
        f"row 1: gandl has a column {name} of its own; rename yours"
        for name in header
        if name in LATER or re.fullmatch(r"feature_\d+|(path|page|planes|select)_.*", name)
    ]


def _notes(header: tuple[str, ...]) -> list[str]:
    passed = [name for name in header if name in MADE]
    notes = [f"the column {name} is not read: gandl derives it from plate and well" for name in passed]
    return [*notes, *notes_of_names(header)]


def notes_of_names(header: tuple[str, ...]) -> list[str]:
    """Columns whose name is close to one that has a meaning."""
    meant = {name: MEANT.get(name.lower().replace(" ", "_")) for name in header}
    return [
        f"the column {name} is kept but has no meaning for gandl; if it is {known}, rename it"
        for name, known in meant.items()
        if known and known not in header
    ]


def _site(
    line: int,
    cells: Mapping[str, str],
    images: dict[str, ImageFile],
    extra: list[str],
    table: Path,
    mistakes: list[str],
) -> Site | None:
    """One row; None if it has no well, so that nothing else can be said of it."""
    where = f"row {line}"
    layout = read_layout(cells, mistakes, where)
    number = read_site_number(cells.get("site", ""), mistakes, where)
    well = well_of(cells["well"])
    if well is None:
        mistakes.append(f"{where}: {no_well(cells['well'])}")
        return None
    return Site(
        where=where,
        key=plate_key(cells, table.parent),
        well=well,
        site=number,
        layout=layout,
        images=images,
        row=line,
        extra={name: cells[name] for name in extra},
    )
