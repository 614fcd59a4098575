"""The table `sites.csv` of sites that were found in another way: takes `Found`, writes what a person can read and correct.

Read again by `gandl.source.plates.table`, it gives the same sites.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from gandl.source.formats.tables.prefixes import is_absolute, is_address, with_slashes
from gandl.source.plates.rules import UNKNOWN, Layout, Site
from gandl.source.plates.state import ILLUMINATION, PREFIX
from gandl.source.plates.table import Found
from gandl.workflow.files import atomic


class SitesFileError(ValueError):
    """The table is not written, since another one is there; the message says so."""


def write_sites_csv(found: Found, base: Path, path: Path) -> bool:
    """Write the table, unless the same one is there already.

    Parameters
    ----------
    found : without mistakes. base : the folder that its cells are relative to. path : of the table; cells in it are relative to
        its folder, except addresses and paths that were given from the root.

    Returns
    -------
    Whether it was written.

    Raises
    ------
    SitesFileError : a file is there that says something else: a person may have corrected it.
    """
    text = sites_text(found, Path(base), Path(path).parent)
    data = text.encode("utf-8" if text.isascii() else "utf-8-sig")  # by the BOM Excel knows that it is UTF-8
    if Path(path).exists():
        if Path(path).read_bytes() == data:
            return False
        raise SitesFileError(
            f"{path} exists already and says something else; delete it, or name another file with --sites (to use it as it is, "
            f"check {path} itself)"
        )
    with atomic(Path(path)) as partial:
        partial.write_bytes(data)
    return True


def sites_text(found: Found, base: Path, folder: Path) -> str:
    """The table as text; its cells are relative to `folder`, and those of `found` to `base`."""
    extra = list(dict.fromkeys(name for site in found.sites for name in site.extra))
    light = [channel for channel in found.channels if any(channel in site.illumination for site in found.sites)]
    optional = [name for name, of in _OPTIONAL.items() if any(of(site.layout) for site in found.sites)]
    header = [
        "experiment", "plate", "well", "site", "control", "treatment", "concentration_um", *optional,
        *(f"{PREFIX}{channel}" for channel in found.channels), *(f"{ILLUMINATION}{channel}" for channel in light), *extra,
    ]  # fmt: skip
    out = io.StringIO()
    # a separator within a name would be taken for the table's
    plain = not any(re.search(r'[;\t"]', name) for name in header)
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL if plain else csv.QUOTE_ALL).writerow(header)
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n")
    for site in found.sites:
        writer.writerow(dict(_row(site, base, folder, optional)))
    return out.getvalue()


def _row(site: Site, base: Path, folder: Path, optional: list[str]) -> Iterator[tuple[str, str]]:
    layout = site.layout
    yield from (("experiment", site.key.experiment), ("plate", site.key.plate), ("well", site.well))
    yield "site", "" if site.site is None else str(site.site)
    yield "control", "" if layout.control == "none" else layout.control
    yield "treatment", layout.treatment
    dose = layout.concentration_um
    yield "concentration_um", "" if dose is None else repr(dose).removesuffix(".0")
    yield from ((name, _OPTIONAL[name](layout)) for name in optional)
    for channel, image in site.images.items():
        yield f"{PREFIX}{channel}", moved_cell(image.given, base, folder)
    for channel, function in site.illumination.items():
        yield f"{ILLUMINATION}{channel}", moved_cell(function.given, base, folder)
    yield from site.extra.items()


def _condition(layout: Layout) -> str:
    return "" if layout.condition == ("treated" if layout.treatment else "untreated") else layout.condition


_OPTIONAL = {
    "cell_type": lambda layout: "" if layout.cell_type == UNKNOWN else layout.cell_type,
    "condition": _condition,
    "compound": lambda layout: "" if layout.compound == layout.treatment else layout.compound,
    "smiles": lambda layout: layout.smiles,
}
"""Columns that are written only where a row needs them, and what it says there."""


def moved_cell(cell: str, base: Path, folder: Path) -> str:
    """A cell that names files relative to `base` (`a.tif|b.tif#2`), made relative to `folder`."""
    match = re.fullmatch(r"(.*?)(#(?:\d+|\w+=.*))?", cell, re.DOTALL)
    assert match is not None
    return "|".join(_moved(path, base, folder) for path in match[1].split("|")) + (match[2] or "")


def _moved(path: str, base: Path, folder: Path) -> str:
    path = with_slashes(path)
    if is_address(path) or is_absolute(path):
        return path
    target, here = Path(os.path.normpath((base / path).absolute())), Path(os.path.normpath(folder.absolute()))
    if target.is_relative_to(here):
        return target.relative_to(here).as_posix()
    return Path(os.path.relpath(target, here.resolve())).as_posix()  # .. of a link leads above what it links to
