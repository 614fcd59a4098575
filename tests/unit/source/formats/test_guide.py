"""The patterns and file names that docs/your-plates.md prints: each pattern loses nothing, each name is recognised."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from gandl.config import PlatesSettings
from gandl.source.formats.by_names import by_names
from gandl.source.formats.patterns import MICROSCOPES
from gandl.source.plates.sites import read_plates
from microscope_files import Shot, harmony, touch

UUID = "{:08X}-0A1B-4C2D-8E3F-4A5B6C7D8E9F"
BUILT: dict[str, tuple[Callable[[Shot], str], int, bool]] = {
    "Plate1/B02_s1_w3.tif": (lambda shot: f"Plate1/{shot.well}_s{shot.site}_w{shot.channel}.tif", 12, False),
    "B02_s1_z3_w1.tif": (lambda shot: f"{shot.well}_s{shot.site}_z{shot.plane}_w{shot.channel}.tif", 12, True),
    "r02c03f01p01-ch2sk1fk1fl1.tiff": (harmony, 12, True),
    "scan_B02_s1_w1A5F3.TIF": (lambda shot: f"scan_{shot.well}_s{shot.site}_w{shot.channel}{shot.site:04X}.TIF", 9, False),
    "scan_B02_s12A31C13E-0A1B-4C2D-8E3F-4A5B6C7D8E9F.tif": (
        lambda shot: f"scan_{shot.well}_s{shot.site}{UUID.format(0x1E1E486E + shot.site)}.tif", 1, False,
    ),
}  # fmt: skip
"""Each name of the guide's table of patterns: how its microscope builds it, with how many channels, and whether with planes."""


def guide(repository: Path) -> str:
    text = (repository / "docs/your-plates.md").read_text(encoding="utf-8")
    return text[text.index("### No table, but informative file names?") : text.index("## 2. Check it")]


def patterns(repository: Path) -> dict[str, str]:
    """The guide's table: file name -> pattern."""
    return dict(re.findall(r"^\| `([^`]+\.tiff?)`[^|]*\| `(.+)` \|$", guide(repository), re.IGNORECASE | re.MULTILINE))


def test_every_pattern_of_the_guide_is_tried_here(repository: Path) -> None:
    assert list(patterns(repository)) == list(BUILT)


@pytest.mark.parametrize("name", BUILT)
def test_a_pattern_of_the_guide_takes_every_file(name: str, repository: Path, tmp_path: Path) -> None:
    """Sites 1 to 120, all channels, and the planes where the names have any: nothing is left out or taken twice."""
    build, channels, stacked = BUILT[name]
    pattern = patterns(repository)[name]
    assert re.search(pattern, name)
    planes = (1, 2, 10) if stacked else (1,)
    shots = [Shot(2, 3, s, 1, p) for s, p in product(range(1, 121), planes)]
    shots += [Shot(2, 12, s, ch, p) for s, ch, p in product((9, 10, 120), range(1, channels + 1), planes)]
    names = {build(shot) for shot in shots}
    assert len(names) == len(shots)
    thumbnails = [file.replace("_w1", "_w1_thumb") for file in names if "_w1" in file and "thumb" in pattern]
    folder = touch(tmp_path / "scans", [*names, *thumbnails])
    settings = PlatesSettings(folder=str(folder), pattern=pattern, channel=None if channels > 1 else "dna")
    plates = read_plates(settings)
    assert not any("already" in mistake for mistake in plates.mistakes)
    used = {(s.well, s.site, c): i.given for s in plates.sites for c, i in s.images.items()}
    assert {file for given in used.values() for file in given.split("|")} == names
    for shot in shots:
        channel = "dna" if channels == 1 else str(shot.channel)
        assert build(shot) in used[shot.well, shot.site, channel].split("|")
    assert not any(note.startswith("warning") for note in plates.notes)


def test_every_name_in_the_guides_table_of_microscopes_is_recognised(repository: Path, tmp_path: Path) -> None:
    rows = re.findall(r"^\| ((?:`[a-z][\w-]+`(?:, )?)+) \| ([^|]+) \|", guide(repository), re.MULTILINE)
    assert [re.findall(r"`([\w-]+)`", names) for names, _ in rows] == [list(one.names) for one in MICROSCOPES]
    for names, files in rows:
        for file in re.findall(r"`([^`]+)`", files):
            mistakes: list[str] = []
            places = by_names(tmp_path, [file], list(MICROSCOPES), None, mistakes)
            assert mistakes == []
            assert places.notes[0].endswith("fit 1 image file")
            microscope = next(one for one in MICROSCOPES if one.names[0] in names)
            assert microscope.words in places.notes[0], file
