"""The command `gandl check`: checks a lab's own plates, reports every problem, draws a contact sheet, writes a configuration.

`add_parser` declares it, `run` does it; what is heavy is imported only when it runs.
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

LINES = 200
"""Problems that are printed; more of them seldom add information."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare `gandl check` among the commands."""
    parser = commands.add_parser(
        "check",
        help="check whether your own plates (sites.csv, or a folder) can be used",
        description="Check your own plates before anything runs: every problem at once, with file and row.",
    )
    parser.add_argument("plates", type=Path, help="sites.csv, or a folder of images (then with --pattern)")
    parser.add_argument(
        "--pattern",
        help="for a folder: regular expression with the named groups well and channel (plate, site, experiment)",
    )
    parser.add_argument(
        "--wells", help="for a folder: CSV of wells (well, plate, control, treatment, concentration_um)"
    )
    parser.add_argument("--pixel-size-um", type=_positive, help="side of a pixel (um), where it is known")
    parser.add_argument("--all", action="store_true", help="decode every image, not only those of a few sites")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="draw a contact sheet of a few wells")
    parser.add_argument("--config", type=Path, metavar="YAML", help="write a configuration that fits these plates")
    parser.set_defaults(run=run)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a pixel size; it must be above 0 (um)")
    return value


def run(options: argparse.Namespace) -> None:
    """Check, and print what was found.

    Raises
    ------
    SystemExit : status 1 where the plates have problems, or a file cannot be written; the sentences are printed.
    """
    from gandl.check.plates import check_plates

    settings = settings_of(options)
    report = check_plates(settings, every_pixel=options.all)
    print("\n".join(lines_of(report)))
    if not report.passed:
        sys.exit(1)
    try:
        _write(options, report, settings)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


def settings_of(options: argparse.Namespace) -> PlatesSettings:
    """The section `source.plates` that the command's options make."""
    place = options.plates.as_posix()
    if options.plates.is_dir():
        return PlatesSettings(
            folder=place, pattern=options.pattern, wells=options.wells, pixel_size_um=options.pixel_size_um
        )
    for name in ("pattern", "wells"):
        if getattr(options, name):
            sys.exit(f"--{name} is for a folder of images, and {place} is not a folder")
    return PlatesSettings(table=place, pixel_size_um=options.pixel_size_um)


def lines_of(report: CheckReport) -> list[str]:
    """The report in words."""
    lines = [report.source, *(f"  {line}" for line in report.summary)]
    if report.notes:
        lines += ["", "Worth knowing:", *(f"  {note}" for note in report.notes)]
    if report.passed:
        return [*lines, "", "No problems: these plates can be used."]
    shown = report.problems[:LINES]
    lines += ["", f"{counted(len(report.problems), 'problem')}:", *(f"  {problem}" for problem in shown)]
    if len(report.problems) > len(shown):
        lines.append(f"  and {len(report.problems) - len(shown):,} more")
    return lines


def _write(options: argparse.Namespace, report: CheckReport, settings: PlatesSettings) -> None:
    if options.sheet:
        from gandl.check.sheet import sheet_of
        from gandl.figures.common.contact_sheet import draw_contact_sheet

        draw_contact_sheet(sheet_of(report, settings.pixel_size_um), options.sheet)
        print(f"contact sheet   {options.sheet}")
    if options.config:
        from gandl.check.configuration import write_configuration

        suggestion = write_configuration(report, settings, options.config)
        print(f"configuration   {options.config}")
        print("\n".join(f"  {reason}" for reason in suggestion.reasons))
        print(f"next            make plan CONFIG={options.config}, then make reproduce CONFIG={options.config}")
