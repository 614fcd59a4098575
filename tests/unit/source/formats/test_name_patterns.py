"""Patterns for the file names of microscopes: each fits the names that are documented, and no name loses a site or a channel."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from gandl.source.formats.microscopes import read_microscope
from gandl.source.formats.patterns import MICROSCOPES, NAMES, Example, NamePattern
from gandl.source.plates.rules import well_at
from gandl.source.plates.stores import GROUPS
from microscope_files import NAMERS, STAINS, Shot, touch

DOCUMENTED = [
    (pattern, example) for microscope in MICROSCOPES for pattern in microscope.patterns for example in pattern.examples
]


@pytest.mark.parametrize(("pattern", "example"), DOCUMENTED, ids=[example.name for _, example in DOCUMENTED])
def test_every_pattern_reads_the_names_documented_beside_it(pattern: NamePattern, example: Example) -> None:
    match = pattern.pattern.search(example.name)
    assert match is not None
    assert {group: text for group, text in match.groupdict().items() if text} == example.groups
    assert set(pattern.pattern.groupindex) <= set(GROUPS)


@pytest.mark.parametrize(("pattern", "example"), DOCUMENTED, ids=[example.name for _, example in DOCUMENTED])
def test_a_documented_name_is_that_of_one_microscope(pattern: NamePattern, example: Example) -> None:
    fitting = [m.names for m in MICROSCOPES if any(own.pattern.search(example.name) for own in m.patterns)]
    assert len(fitting) == 1


@pytest.mark.parametrize("kind", NAMERS)
def test_no_site_channel_plane_or_time_is_lost(kind: str) -> None:
    """Sites 1 to 120 (of any number of digits) in wells at the edges of a plate, channels 1 to 9, planes and times."""
    patterns = [pattern.pattern for microscope in MICROSCOPES for pattern in microscope.patterns]
    shots = [Shot(r, c, s, ch) for (r, c), s, ch in product([(1, 1), (16, 24)], range(1, 121), range(1, 10))]
    shots += [Shot(2, 3, 10, 1, plane, time) for plane, time in product((1, 9, 10, 31), (1, 10))]
    names: set[str] = set()
    for shot in shots:
        name = NAMERS[kind](shot)
        found = next(match for pattern in patterns if (match := pattern.search(f"plate/Images/{name}")))
        groups = found.groupdict()
        well = groups.get("well") or f"{groups['row']},{groups['column']}"
        row, column = re.fullmatch(r"0*(\d+|[A-P]),?0*(\d+)", well).groups()  # type: ignore[union-attr]
        assert well_at(row, int(column)) == shot.well, name
        assert int(groups["site"]) == shot.site, name
        if "plane" in groups:
            assert int(groups["plane"]) == shot.plane, name
        if kind == "incell":
            assert groups["channel"] == STAINS[shot.channel], name
        elif kind != "incucyte":
            assert int(groups["channel"]) == shot.channel, name
        names.add(name)
        if groups["time"].isdecimal():
            assert int(groups["time"]) == shot.time, name
    assert len(names) == len(shots) or kind == "incucyte"  # which has three channels, and no planes


@pytest.mark.parametrize("kind", NAMERS)
def test_a_folder_of_each_kind_becomes_its_sites(kind: str, tmp_path: Path) -> None:
    channels = (1, 2)
    shots = [Shot(r, c, s, ch) for r, c, s, ch in product((1, 2), (1, 12), (1, 9, 10, 120), channels)]
    folder = touch(tmp_path / "lab", (NAMERS[kind](shot) for shot in shots))
    found = read_microscope(folder)
    assert found.mistakes == ()
    assert [(site.well, site.site) for site in found.sites] == [
        (f"{row}{column}", site) for row in "AB" for column in ("01", "12") for site in (1, 9, 10, 120)
    ]
    wanted = {"incell": ("DAPI", "FITC"), "incucyte": ("green", "red")}.get(kind, ("1", "2"))
    assert found.channels == wanted
    by_place = {(shot.well, shot.site, shot.channel): NAMERS[kind](shot) for shot in shots}
    for site in found.sites:
        files = [site.images[channel].given for channel in wanted]
        assert files == [by_place[site.well, site.site or 0, channel] for channel in channels]
        assert all(site.images[channel].path == folder / file for channel, file in zip(wanted, files, strict=True))


def test_rows_of_plates_of_1536_wells_are_understood(tmp_path: Path) -> None:
    rows = ("A", "P", "Q", "Z", "AA", "AF")
    names = [f"x_{row}{column}_s1_w1.TIF" for row in rows for column in ("01", "48")]
    found = read_microscope(touch(tmp_path / "lab", names))
    assert [site.well for site in found.sites] == [f"{row}{column}" for row in rows for column in ("01", "48")]
    incell = read_microscope(touch(tmp_path / "incell", (f"{row} - 48(fld 1 wv DAPI - DAPI).tif" for row in rows)))
    assert [site.well for site in incell.sites] == [f"{row}48" for row in rows]


def test_a_plate_whose_name_holds_thumb_is_no_thumbnail(tmp_path: Path) -> None:
    names = ["thumb_muscle_A01_s1_w1.TIF", "thumb_muscle_A02_s1_w1.TIF"]
    assert len(read_microscope(touch(tmp_path / "lab", names)).sites) == 2


def test_names_of_microscopes_are_those_of_the_command() -> None:
    assert NAMES == ("operetta", "opera-phenix", "imagexpress", "cellvoyager", "incell", "incucyte")
