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
from gandl.source.plates.references import WHOLE_FILE, ImageFile, Selector, selector_of
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
        its folder, except addresses, paths that were given from the root, and files elsewhere on the machine.

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
    moved = Moved(base, folder)
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n")
    for site in found.sites:
        writer.writerow(dict(_row(site, moved, optional)))
    return out.getvalue()


def _row(site: Site, moved: Moved, optional: list[str]) -> Iterator[tuple[str, str]]:
    layout = site.layout
    yield from (("experiment", site.key.experiment), ("plate", site.key.plate), ("well", site.well))
    yield "site", "" if site.site is None else str(site.site)
    yield "control", "" if layout.control == "none" else layout.control
    yield "treatment", layout.treatment
    dose = layout.concentration_um
    yield "concentration_um", "" if dose is None else repr(dose).removesuffix(".0")
    yield from ((name, _OPTIONAL[name](layout)) for name in optional)
    for channel, image in site.images.items():
        yield f"{PREFIX}{channel}", moved.cell(_cell(image))
    for channel, function in site.illumination.items():
        yield f"{ILLUMINATION}{channel}", moved.cell(function.given)
    yield from site.extra.items()


def _cell(image: ImageFile) -> str:
    """The cell that names an image, with what is selected where the table that it is from says that in another way."""
    before, number_sign, after = image.given.rpartition("#")
    if image.selector == WHOLE_FILE or after == str(image.selector):
        return image.given
    path = before if number_sign and isinstance(selector_of(after), Selector) else image.given
    return f"{path}#{image.selector}"


def _condition(layout: Layout) -> str:
    return "" if layout.condition == ("treated" if layout.treatment else "untreated") else layout.condition


_OPTIONAL = {
    "cell_type": lambda layout: "" if layout.cell_type == UNKNOWN else layout.cell_type,
    "condition": _condition,
    "compound": lambda layout: "" if layout.compound == layout.treatment else layout.compound,
    "smiles": lambda layout: layout.smiles,
}
"""Columns that are written only where a row needs them, and what it says there."""


class Moved:
    """Cells that name files relative to one folder, made relative to another.

    Parameters
    ----------
    base : the folder that they are relative to. folder : the one that they will be relative to.
    """

    def __init__(self, base: Path, folder: Path) -> None:
        self._base = Path(os.path.normpath(base.absolute()))
        self._folder = Path(os.path.normpath(folder.absolute()))
        self._resolved = self._folder.resolve()  # .. of a link leads above what it links to

    def cell(self, cell: str) -> str:
        """`a.tif|b.tif#2` as `../data/a.tif|../data/b.tif#2`; addresses and paths from the root stay as they are."""
        match = re.fullmatch(r"(.*?)(#(?:\d+|\w+=.*))?", cell, re.DOTALL)
        assert match is not None
        return "|".join(self._path(path) for path in match[1].split("|")) + (match[2] or "")

    def _path(self, path: str) -> str:
        path = with_slashes(path)
        if is_address(path) or is_absolute(path):
            return path
        target = Path(os.path.normpath(self._base / path))
        if target.is_relative_to(self._folder):
            return target.relative_to(self._folder).as_posix()
        if target.parts[:2] != self._resolved.parts[:2]:  # nothing but the root is above both
            return target.as_posix()
        return Path(os.path.relpath(target, self._resolved)).as_posix()
