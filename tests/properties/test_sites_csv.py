"""The `sites.csv` that is written of any sites gives the same sites when it is read again, wherever it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from gandl.source.formats.tables.sites_csv import Moved, SitesFileError, sites_text, write_sites_csv
from gandl.source.plates.references import ImageFile, image_at
from gandl.source.plates.rules import Layout, Site
from gandl.source.plates.stores import PlateKey
from gandl.source.plates.table import Found, read_table_of_sites
from gandl.tables.row_letters import row_name

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x85\ufeff"),
    min_size=1,
    max_size=12,
).map(str.strip)
NAMES = WORDS.filter(bool)
PARTS = st.text(
    st.characters(codec="utf-8", categories=("L", "N"), include_characters=" -_.()+='\",;&"), min_size=1, max_size=8
)
FILES = st.lists(PARTS.filter(lambda part: part.strip() == part and part.strip(".")), min_size=1, max_size=3).map(
    "/".join
)
SELECTORS = st.sampled_from(["", "#3", "#channel=ER", "#channel=DNA/1&z=max", "#z=2&t=4"])
CELLS = st.builds(
    lambda files, end: "|".join(files) + end, st.lists(FILES, min_size=1, max_size=3, unique=True), SELECTORS
).filter(lambda cell: cell.count("|") == 0 or "z=2" not in cell)
DOSES = st.none() | st.floats(min_value=1e-9, max_value=1e6, exclude_min=True)
WELLS = st.builds(lambda row, column: f"{row_name(row)}{column:02d}", st.integers(1, 32), st.integers(1, 48))
CHANNELS = st.lists(NAMES.filter(lambda name: "\n" not in name), min_size=1, max_size=3, unique_by=str.lower)
EXTRA = st.lists(st.sampled_from(["donor", "gene; symbol", 'a "b"', "Metadata_fold", "Größe"]), unique=True)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """As `read_layout` makes them: no dose without a treatment."""
    treatment = draw(st.just("") | NAMES)
    return Layout(
        control=draw(st.sampled_from(["positive", "negative", "none"])),
        treatment=treatment,
        concentration_um=draw(DOSES) if treatment else None,
        cell_type=draw(st.just("unknown") | NAMES),
        condition=draw(st.sampled_from(["treated", "untreated", "infected"])),
        compound=draw(st.just(treatment) | NAMES),
        smiles=draw(st.just("") | NAMES),
    )


@st.composite
def found_sites(draw: st.DrawFn) -> Found:
    channels, extra = draw(CHANNELS), draw(EXTRA)
    sites = []
    for row in range(2, 2 + draw(st.integers(1, 4))):
        images = {channel: image_at(draw(CELLS), Path("base")) for channel in channels}
        light = {channel: image_at(draw(FILES), Path("base")) for channel in draw(st.sets(st.sampled_from(channels)))}
        sites.append(
            Site(
                where=f"row {row}",
                key=PlateKey(draw(NAMES), draw(NAMES)),
                well=draw(WELLS),
                site=draw(st.none() | st.integers(0, 10**6)),
                layout=draw(layouts()),
                images={name: image for name, image in images.items() if isinstance(image, ImageFile)},
                row=row,
                extra={name: draw(WORDS) for name in extra},
                illumination={name: image for name, image in light.items() if isinstance(image, ImageFile)},
            )
        )
    return Found(tuple(channels), tuple(sites), (), ())


def places(images: dict[str, ImageFile], folder: Path) -> dict[str, tuple[object, ...]]:
    """Where each image is on this machine, and what is selected of it."""
    return {
        name: (image.selector, *(os.path.normpath(folder / place) for place in image.planes))
        for name, image in images.items()
    }


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(found_sites(), st.sampled_from(["base", "base/tables", "config", "."]))
def test_a_written_table_gives_the_same_sites(tmp_path: Path, found: Found, folder: str) -> None:
    assert all(len(site.images) == len(found.channels) for site in found.sites)
    text = sites_text(found, tmp_path / "base", tmp_path / folder)
    table = tmp_path / folder / "sites.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(text, encoding="utf-8")
    read = read_table_of_sites(table)
    assert read.mistakes == ()
    assert read.channels == found.channels
    assert len(read.sites) == len(found.sites)
    for again, site in zip(read.sites, found.sites, strict=True):
        assert (again.key, again.well, again.site, again.layout, dict(again.extra)) == (
            site.key, site.well, site.site, site.layout, dict(site.extra),
        )  # fmt: skip
        assert places(dict(again.images), tmp_path) == places(dict(site.images), tmp_path)
        assert places(dict(again.illumination), tmp_path) == places(dict(site.illumination), tmp_path)


def cell_of(cell: str, base: Path, folder: Path) -> str:
    return Moved(base, folder).cell(cell)


def test_cells_are_moved_and_addresses_and_absolute_paths_are_not(tmp_path: Path) -> None:
    base, folder = tmp_path / "data/plate", tmp_path / "config"
    assert cell_of("a/b.tif#2", base, folder) == "../data/plate/a/b.tif#2"
    assert (
        cell_of(r"a\b.tif|c.tif#channel=x/y&z=max", base, folder)
        == "../data/plate/a/b.tif|../data/plate/c.tif#channel=x/y&z=max"
    )
    assert cell_of("a.tif", base, tmp_path / "data") == "plate/a.tif"
    assert cell_of("/mnt/a.tif#1", base, folder) == "/mnt/a.tif#1"
    assert cell_of("a.tif", Path("/mnt/data"), tmp_path) == "/mnt/data/a.tif", "where only the root is above both"
    assert cell_of("https://x.org/a.tif#z=2", base, folder) == "https://x.org/a.tif#z=2"


def test_cells_reach_their_files_through_links(tmp_path: Path) -> None:
    """`..` of a linked folder leads above what it links to."""
    (tmp_path / "deep/er/real").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "deep/er/real")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.tif").touch()
    cell = cell_of("a.tif", tmp_path / "data", tmp_path / "linked")
    assert (tmp_path / "linked" / cell).is_file()


def test_a_table_that_says_something_else_is_never_overwritten(tmp_path: Path) -> None:
    image = image_at("a.tif", Path("base"))
    assert isinstance(image, ImageFile)
    site = Site(
        "row 2",
        PlateKey("e", "1"),
        "A01",
        1,
        Layout(treatment="µ-drug", compound="µ-drug", condition="treated"),
        {"dna": image},
    )
    found = Found(("dna",), (site,), (), ())
    assert write_sites_csv(found, tmp_path, tmp_path / "new/sites.csv")
    assert not write_sites_csv(found, tmp_path, tmp_path / "new/sites.csv")
    assert (tmp_path / "new/sites.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "Excel knows by it that this is UTF-8"
    (tmp_path / "new/sites.csv").write_text("well,file_dna\nA1,a.tif\n")
    with pytest.raises(
        SitesFileError, match="exists already and says something else; delete it, or name another file with --sites"
    ):
        write_sites_csv(found, tmp_path, tmp_path / "new/sites.csv")
