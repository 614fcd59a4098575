"""The command `gandl check`: checks a lab's own plates, reports every problem, draws a contact sheet, writes a configuration.

What is no plain `sites.csv` is also written as one: the table that the configuration names, to read and to correct. `add_parser`
declares the command, `run` does it; what is heavy is imported only when it runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import PlatesSettings
from gandl.workflow.words import counted

if TYPE_CHECKING:
    from gandl.check.plates import CheckReport
    from gandl.check.ways_in import WayIn
    from gandl.source.plates.table import Found


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare `gandl check` among the commands."""
    parser = commands.add_parser(
        "check",
        help="check whether your own plates (a table, or a folder of images) can be used",
        description="Check your own plates before anything runs: every problem at once, with file and row. "
        "docs/your-plates.md says which command fits what you have.",
    )
    add = parser.add_argument
    add(
        "plates",
        type=Path,
        help="sites.csv or .xlsx, LoadData (.csv, .csv.gz, .parquet), an OME-Zarr plate, a folder of images, or a configuration "
        "(.yaml) that a check wrote",
    )
    folder = parser.add_argument_group("a folder of images")
    folder.add_argument(
        "--microscope", metavar="NAME", help="whose file names or index files it holds; found out if not given"
    )
    folder.add_argument(
        "--pattern",
        help="regular expression with the named groups well, channel (plate, site, experiment, plane, time)",
    )
    folder.add_argument("--channel", metavar="NAME", help="name of the only channel, where file names state none")
    tables = parser.add_argument_group("tables")
    tables.add_argument(
        "--wells", type=Path, metavar="CSV", help="what was done to the wells: a table of wells, or a plate map"
    )
    tables.add_argument(
        "--plate-maps", type=Path, metavar="CSV", help="barcode_platemap.csv; found beside LoadData by itself"
    )
    tables.add_argument(
        "--rewrite",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="prefix of the paths in LoadData, and where that is here",
    )
    tables.add_argument("--sheet-name", metavar="NAME", help="sheet of an Excel workbook (default: the first)")
    pixels = parser.add_argument_group("images")
    pixels.add_argument("--pixel-size-um", type=_positive, help="side of a pixel (um), where it is known")
    pixels.add_argument("--z", metavar="WHICH", help="of several z planes: max, middle, or the number of one, from 1")
    pixels.add_argument(
        "--time", type=_number, metavar="N", help="number of the time point, from 1, where there are several"
    )
    pixels.add_argument(
        "--scale", type=_positive, help="factor by which all pixels are multiplied before they are rounded"
    )
    pixels.add_argument(
        "--illumination", action="store_true", help="divide by the functions of the columns illum_<channel>"
    )
    pixels.add_argument(
        "--leave-out", action="append", default=[], metavar="CHANNEL", help="a channel that is not used"
    )
    pixels.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="another name for a channel, where plates name it differently",
    )
    pixels.add_argument("--mirror", help="folder or base URL that holds <host>/<path> of images at addresses")
    add("--all", action="store_true", help="decode every image, not only those of a few sites")
    add("--sheet", type=Path, metavar="PNG", help="draw a contact sheet of a few wells")
    add(
        "--sites",
        type=Path,
        metavar="CSV",
        help="where the table goes that was understood (default: beside the configuration)",
    )
    add("--config", type=Path, metavar="YAML", help="write a configuration that fits these plates")
    parser.set_defaults(run=run)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Check, and print what was found.

    Raises
    ------
    SystemExit : status 1 where the plates have problems, or a file cannot be written; the sentences are printed.
    """
    from gandl.check.plates import CheckReport, check_plates
    from gandl.check.ways_in import WayInError, find_sites
    from gandl.source.plates.tabular.mistakes import PlatesError

    way = way_in(options)
    if way.place.suffix.lower() in (".yaml", ".yml"):
        _again(options)
        return
    try:
        found = find_sites(way)
        settings, table = settings_of(options, way, found)
        given = None if found is None else (way.place.as_posix(), found)
        report = check_plates(settings, every_pixel=options.all, mirror=options.mirror, given=given)
    except WayInError as error:
        sys.exit(str(error))
    except PlatesError as error:
        found, report = None, CheckReport(way.place.as_posix(), tuple(str(error).splitlines()))
    print("\n".join(lines_of(report)))
    try:
        if found is not None and not found.mistakes:
            _write_sites(options, way, found, table)
        if not report.passed:
            sys.exit(1)
        _write(options, report, settings)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


def _again(options: argparse.Namespace) -> None:
    """Check the plates of a configuration, as it says that they are read.

    Raises
    ------
    SystemExit : status 1 where the plates have problems; other options than --all, --sheet and --mirror, or no such plates.
    """
    from gandl.check.plates import check_plates
    from gandl.config.files import read_config

    place, given = options.plates, vars(options)
    allowed = ("plates", "command", "run", "all", "sheet", "mirror")
    if other := [name for name, text in given.items() if text and name not in allowed]:
        sys.exit(f"--{other[0].replace('_', '-')}: {place} says how its plates are read; change it there")
    if not place.is_file():
        sys.exit(f"no configuration at {place}")
    try:
        config = read_config(place)
        if config.source.plates is None:
            sys.exit(f"{place} has no section source.plates")
        report = check_plates(config.source.plates, every_pixel=options.all, mirror=options.mirror or config.mirror)
        print("\n".join(lines_of(report)))
        if not report.passed:
            sys.exit(1)
        _write(options, report, config.source.plates)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


def way_in(options: argparse.Namespace) -> WayIn:
    """How the command's options give the plates."""
    from gandl.check.ways_in import WayIn

    place = options.plates
    if options.sheet_name:
        place = place.with_name(f"{place.name}#{options.sheet_name}")
    return WayIn(
        place=place,
        pattern=options.pattern,
        microscope=options.microscope,
        channel=options.channel,
        time=options.time,
        leave_out=tuple(options.leave_out),
        illumination=options.illumination,
        wells=options.wells,
        plate_maps=options.plate_maps,
        rewrites=tuple(options.rewrite),
        renames=tuple(options.rename),
    )


def settings_of(options: argparse.Namespace, way: WayIn, found: Found | None) -> tuple[PlatesSettings, Path | None]:
    """The section `source.plates` that the configuration gets, and where the table is written that it names; None: nowhere.

    Raises
    ------
    gandl.check.ways_in.WayInError : a value that the section does not take.
    """
    from gandl.check.ways_in import WayInError, place_of_sites

    table = None if found is None else place_of_sites(way, found, options.sites, options.config)
    try:
        return PlatesSettings(
            table=(way.place if found is None else table or Path("sites.csv")).as_posix(),
            pixel_size_um=options.pixel_size_um or (found.pixel_size_um if found else None),
            z=options.z,
            time=options.time,
            scale=options.scale,
            illumination=options.illumination,
            leave_out=way.leave_out,
        ), table
    except ValueError as error:
        raise WayInError(f"--z is {options.z!r}; it must be max, middle, or a number from 1") from error


def lines_of(report: CheckReport) -> list[str]:
    """The report in words."""
    from gandl.source.plates.tabular.mistakes import folded

    lines = [report.source, *(f"  {line}" for line in report.summary)]
    if report.notes:
        lines += ["", "Worth knowing:", *(f"  {note}" for note in folded(report.notes, len(report.notes)))]
    if report.passed:
        return [*lines, "", "No problems: these plates can be used."]
    return [
        *lines,
        "",
        f"{counted(len(report.problems), 'problem')}:",
        *(f"  {problem}" for problem in folded(report.problems)),
    ]


def _write_sites(options: argparse.Namespace, way: WayIn, found: Found, table: Path | None) -> None:
    """Write the table that was understood.

    Raises
    ------
    SitesFileError : another one is there, and the table or a configuration that names it was requested.
    """
    from gandl.check.ways_in import base_of
    from gandl.source.formats.tables.sites_csv import SitesFileError, write_sites_csv

    if table is None:
        print("sites           not written into a folder of images; name a file with --sites")
        return
    try:
        new = write_sites_csv(found, base_of(way.place), table)
        print(f"sites           {table}{'' if new else ' (as it was)'}: what was understood, to read and to correct")
    except SitesFileError as error:
        if options.sites or options.config:
            raise
        print(f"sites           not written: {error}")


def _write(options: argparse.Namespace, report: CheckReport, settings: PlatesSettings) -> None:
    if options.sheet:
        from gandl.check.sheet import sheet_of
        from gandl.figures.common.contact_sheet import draw_contact_sheet

        pixel_size_um = settings.changed(**report.proposed).pixel_size_um
        draw_contact_sheet(sheet_of(report, pixel_size_um), options.sheet)
        print(f"contact sheet   {options.sheet}")
    if options.config:
        from gandl.check.configuration import write_configuration

        suggestion = write_configuration(report, settings, options.config)
        print(f"configuration   {options.config}")
        print("\n".join(f"  {reason}" for reason in suggestion.reasons))
        print(f"next            make plan CONFIG={options.config}, then make reproduce CONFIG={options.config}")
