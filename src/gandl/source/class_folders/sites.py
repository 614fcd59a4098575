"""Sites of a screen in folders of classes: takes the labels in file names, makes the sites table of `gandl.source.plates`.

`docs/class-folders.md` is the guide. Images of a well are its sites, numbered in the natural order of their paths.
"""

from __future__ import annotations

import math
from pathlib import Path

from gandl.config import ClassFoldersSettings, PlatesSettings
from gandl.source.class_folders.names import Labelled, labelled_images, mistakes_of_classes
from gandl.source.plates.references import ImageFile
from gandl.source.plates.rules import Layout, Site, no_well, well_of
from gandl.source.plates.sites import CHANNELS, SOURCE, Plates, read_plates, sites_frame
from gandl.source.plates.stores import PlateKey, natural
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.mistakes import PlatesError, listed
from gandl.tables.notes import WARNINGS, write_noted_sites


def write_sites(settings: ClassFoldersSettings, output: Path) -> None:
    """Write the sites table.

    Parameters
    ----------
    settings : section `source.class_folders`.
    output : parquet, as of `gandl.source.plates.sites.write_sites`, and: `class_name`; `given_part` (`train`, `test`, or empty
        where no folder says it); `drug`, as the file's name says it. Wells of the class `controls` are negative controls without
        treatment or concentration, whatever their drug is called; the others are treated, and no control.

    Raises
    ------
    PlatesError : the folder has mistakes; they are listed, one line each, with the file.
    """
    plates = read_class_folders(settings)
    if plates.mistakes:
        raise PlatesError(listed(f"{plates.source} has mistakes", plates.mistakes))
    notes = {CHANNELS: list(plates.channels), SOURCE: [plates.source], WARNINGS: list(plates.notes)}
    write_noted_sites(sites_frame(plates), Path(output), notes)


def read_class_folders(settings: ClassFoldersSettings) -> Plates:
    """Read and check the folder; image files are looked for, and not opened.

    Raises
    ------
    PlatesError : there is nothing to read, or names do not fit; any other mistake is in `mistakes`.
    """
    images = labelled_images(settings)
    mistakes = list(mistakes_of_classes(images, settings))
    sites = [site for image in images if (site := _site(image, settings, mistakes)) is not None]
    sites.sort(key=_order)
    found = Found((settings.channel,), tuple(sites), tuple(mistakes), ())
    return read_plates(PlatesSettings(), (settings.folder, found))


def _site(image: Labelled, settings: ClassFoldersSettings, mistakes: list[str]) -> Site | None:
    labels, well = image.labels, well_of(image.labels["well"])
    if well is None:
        mistakes.append(f"{image.name}: the pattern finds a wrong well: {no_well(labels['well'])}")
        return None
    drug = labels.get("drug", image.class_name)
    layout = Layout(control="negative", cell_type=labels["cell_line"], condition="untreated")
    if image.class_name != settings.controls:
        layout = Layout(
            treatment=drug,
            concentration_um=_dose(image, mistakes),
            cell_type=labels["cell_line"],
            condition="treated",
            compound=drug,
        )
    file = ImageFile(image.name, Path(settings.folder) / image.name)
    extra = {"class_name": image.class_name, "given_part": image.part, "drug": drug}
    return Site(image.name, image.key, well, None, layout, {settings.channel: file}, extra=extra)


def _dose(image: Labelled, mistakes: list[str]) -> float | None:
    """The concentration (uM) that a name states, with a point or a comma; None where it states none."""
    text = image.labels.get("concentration")
    if text is None:
        return None
    try:
        dose = float(text.replace(",", "."))
    except ValueError:
        dose = math.nan
    if not (math.isfinite(dose) and dose > 0):
        mistakes.append(f"{image.name}: the concentration {text!r} is not a number above 0 (uM)")
        return None
    return dose


def _order(site: Site) -> tuple[object, ...]:
    key: PlateKey = site.key
    return natural(key.experiment), natural(key.plate), len(site.well), site.well, natural(site.where)
