"""Folders as microscopes write them: what is recognised, what is proposed for planes, what is said of an unclear folder."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from gandl.config import PlatesSettings
from gandl.source.formats.microscopes import read_microscope
from gandl.source.plates.sites import read_plates
from gandl.source.plates.stores import PlatesError
from microscope_files import STAINS, Shot, harmony, imagexpress, incell, incucyte, metaxpress_export, touch
from plate_files import write_csv

UUIDS = {2: "2A31C13E", 15: "1E1E486E", 151: "66465035"}


def single_channel(well: str, site: int) -> str:
    """A name of ImageXpress without a channel: the site stands directly before a UUID."""
    return f"240101d3_{well}_s{site}{UUIDS[site]}-0A1B-4C2D-8E3F-4A5B6C7D8E9F.tif"


def test_sites_before_a_uuid_keep_their_number_where_a_plate_has_one_channel(tmp_path: Path) -> None:
    wells = ("A01", "A02", "B01", "B02")
    folder = touch(tmp_path / "lab", (single_channel(well, site) for well, site in product(wells, UUIDS)))
    with pytest.raises(PlatesError, match="they state no channel; if the plate has one, name it by --channel dna"):
        read_microscope(folder, "imagexpress")
    for name in ("imagexpress", None):
        found = read_microscope(folder, name, "dna")
        assert found.mistakes == ()
        assert found.channels == ("dna",)
        assert [(site.well, site.site) for site in found.sites] == list(product(wells, (2, 15, 151)))
        assert found.sites[1].images["dna"].given == single_channel("A01", 15)


def test_a_plate_of_one_channel_needs_no_channel_in_its_pattern(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", (single_channel("A01", site) for site in UUIDS))
    pattern = r"_(?P<well>[A-P]\d\d)_s(?P<site>\d+?)(?=[0-9A-F]{8}-)"
    plates = read_plates(PlatesSettings(folder=str(folder), pattern=pattern, channel="dna"))
    assert plates.mistakes == ()
    assert plates.channels == ("dna",)
    assert [site.site for site in plates.sites] == [2, 15, 151]
    with pytest.raises(
        PlatesError, match=re.escape("where a plate has one channel that its file names do not state, name it")
    ):
        read_plates(PlatesSettings(folder=str(folder), pattern=pattern))
    with pytest.raises(PlatesError, match="has the group `channel`, and the only channel is named, too"):
        read_plates(PlatesSettings(folder=str(folder), pattern=f"{pattern}(?P<channel>.)", channel="dna"))


def test_a_channel_that_names_state_may_be_renamed_where_it_is_the_only_one(tmp_path: Path) -> None:
    folder = touch(tmp_path / "one", (harmony(Shot(1, c, s, 1)) for c, s in product((1, 2), (1, 2))))
    assert read_microscope(folder, channel="dna").channels == ("dna",)
    touch(folder, (harmony(Shot(1, c, s, 2)) for c, s in product((1, 2), (1, 2))))
    with pytest.raises(PlatesError, match=re.escape("state 2 channels (1, 2); --channel names the only channel")):
        read_microscope(folder, channel="dna")


def test_more_than_nine_sites_and_thumbnails_of_imagexpress(tmp_path: Path) -> None:
    names = [f"scan_{well}_s{site}_{end}.TIF" for well in ("A01", "B02") for site in (1, 9, 10, 11) for end in
             ("w1A1F3", "w20C7E", "w1_thumbA1F3")]  # fmt: skip
    found = read_microscope(touch(tmp_path / "lab", names))
    assert found.mistakes == ()
    assert found.channels == ("1", "2")
    assert [(site.well, site.site) for site in found.sites] == list(product(("A01", "B02"), (1, 9, 10, 11)))
    assert found.notes == (
        "the names of ImageXpress (MetaXpress) fit 16 image files",
        f"the names of ImageXpress (MetaXpress) do not fit 8 image files below {tmp_path}/lab, the first is "
        "scan_A01_s1_w1_thumbA1F3.TIF",
    )


def test_files_that_look_like_images_and_do_not_fit_are_a_warning(tmp_path: Path) -> None:
    """The pattern that was once documented takes one digit for the site."""
    names = [f"p1/scan_A01_s{site}_w{channel}.TIF" for site in (1, 9, 10, 11) for channel in (1, 2)]
    folder = touch(tmp_path / "lab", [*names, "p1/scan_A01_s1_w1_thumb.TIF", "overview.png", "p1/notes.txt"])
    once = r"(?P<plate>[^/]+)/scan_(?P<well>[A-P]\d\d)_s(?P<site>\d)_w(?P<channel>\d)(?!.*thumb)"
    notes = read_plates(PlatesSettings(folder=str(folder), pattern=once)).notes
    assert notes == (
        f"warning: the pattern does not fit 4 image files below {folder} beside images that are used, for "
        "example p1/scan_A01_s10_w1.TIF; such files are left out",
        f"the pattern does not fit 2 image files below {folder}, the first is overview.png",
    )


# --- planes and time points ---


def phenix() -> list[Shot]:
    """Two by two wells, two channels, three planes."""
    return [Shot(r, c, 1, ch, p) for r, c, ch, p in product((1, 2), (1, 2), (1, 2), (1, 2, 3))]


def test_planes_of_a_channel_become_one_image_in_their_order(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", reversed([harmony(shot) for shot in phenix()]))
    found = read_microscope(folder, "opera-phenix")
    assert found.mistakes == ()
    assert (len(found.sites), found.channels) == (4, ("1", "2"))
    assert found.sites[1].images["2"].given == "|".join(harmony(Shot(1, 2, 1, 2, plane)) for plane in (1, 2, 3))
    (folder / harmony(Shot(1, 1, 1, 1, 3))).unlink()
    assert read_microscope(folder).notes[1] == "images have 2 to 3 planes, 1 of 8 have 2; were all copied?"


def test_planes_may_be_named_by_a_pattern_of_ones_own(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", (f"A01_z{z}_w1.tif" for z in (2, 10, 1)))
    settings = PlatesSettings(folder=str(folder), pattern=r"(?P<well>[A-P]\d\d)_z(?P<plane>\d+)_w(?P<channel>\d)")
    (site,) = read_plates(settings).sites
    assert site.images["1"].given == "A01_z1_w1.tif|A01_z2_w1.tif|A01_z10_w1.tif"
    lettered = settings.model_copy(update={"pattern": settings.pattern.replace(r"z(?P<plane>\d+)", r"(?P<plane>z\d+)")})
    assert "the pattern finds the plane 'z1'; it must be a whole number" in read_plates(lettered).mistakes[0]


def test_a_plane_twice_is_a_mistake(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", ["r01c01f01p01-ch1sk1fk1fl1.tiff", "r01c01f1p1-ch1sk1fk1fl1.tiff"])
    assert read_microscope(folder).mistakes == (
        "r01c01f1p1-ch1sk1fk1fl1.tiff: r01c01f01p01-ch1sk1fk1fl1.tiff is plane 1 of channel 1 of the same site already",
    )


def test_projections_beside_planes_are_left_out_and_reported(tmp_path: Path) -> None:
    """Exports of MetaXpress keep projections in ZStep_0; a channel of one plane stays one."""
    stack = [Shot(1, 1, s, 1, p) for s, p in product((1, 2), (0, 1, 2, 3))]
    folder = touch(
        tmp_path / "lab", [metaxpress_export(shot) for shot in [*stack, Shot(1, 1, 1, 2, 1), Shot(1, 1, 2, 2, 1)]]
    )
    found = read_microscope(folder, "imagexpress")
    assert found.mistakes == ()
    first = found.sites[0]
    assert first.images["1"].given == "|".join(metaxpress_export(Shot(1, 1, 1, 1, plane)) for plane in (1, 2, 3))
    assert first.images["2"].given == metaxpress_export(Shot(1, 1, 1, 2, 1))
    assert found.notes[1].startswith("2 images without a plane beside the planes of their site and channel")
    assert found.notes[2] == "images have 1 to 3 planes, 2 of 4 have 1; were all copied?"


def test_several_time_points_need_a_choice(tmp_path: Path) -> None:
    shots = [Shot(1, 1, s, 1, 1, t) for s, t in product((1, 2), (2, 9, 10))]
    folder = touch(tmp_path / "lab", (harmony(shot) for shot in shots))
    assert read_microscope(folder).mistakes == (
        "plate 1 of lab has 3 time points: 2, 9, 10; choose one by its number, such as --time 1 (source.plates.time)",
    )
    found = read_microscope(folder, time=3)
    assert found.mistakes == ()
    assert [site.images["1"].given for site in found.sites] == [harmony(Shot(1, 1, s, 1, 1, 10)) for s in (1, 2)]
    assert "plate 1 of lab has 3 time points: 2, 9, 10; time point 3 is taken (10)" in found.notes
    assert read_microscope(folder, time=4).mistakes[0].endswith("there is no time point 4")
    pattern = r"r(?P<row>\d\d)c(?P<column>\d\d)f(?P<site>\d+)p01-ch(?P<channel>\d)sk(?P<time>\d+)"
    plates = read_plates(PlatesSettings(folder=str(folder), pattern=pattern, time=1))
    assert plates.mistakes == ()
    assert [site.images["1"].given for site in plates.sites] == [harmony(Shot(1, 1, s, 1, 1, 2)) for s in (1, 2)]


def test_times_of_incucyte_are_sorted_as_dates(tmp_path: Path) -> None:
    shots = [Shot(1, 2, 1, 1, 1, t) for t in (2, 10)]
    folder = touch(tmp_path / "lab", (incucyte(shot) for shot in shots))
    (site,) = read_microscope(folder, "incucyte", time=2).sites
    assert site.images["green"].given == incucyte(shots[1])


# --- plates, wells, and what microscope it is ---


def test_folders_name_the_plates(tmp_path: Path) -> None:
    measured = [f"BR00{n}__2021-05-08T16_26_00-Measurement {n}/Images" for n in (7, 8)]
    names = [f"{place}/{harmony(Shot(1, 1, 1, ch))}" for place in measured for ch in (1, 2)]
    folder = touch(tmp_path / "screen", names)
    found = read_microscope(folder)
    assert [(site.key.experiment, site.key.plate) for site in found.sites] == [("screen", "BR007"), ("screen", "BR008")]
    inside = read_microscope(folder / measured[0])
    assert (inside.sites[0].key.plate, inside.sites[0].images["1"].given) == ("BR007", harmony(Shot(1, 1, 1, 1)))
    express = touch(tmp_path / "express", (f"{p}/{imagexpress(Shot(1, 1, 1, 1))}" for p in ("4014", "4015")))
    assert [site.key.plate for site in read_microscope(express).sites] == ["4014", "4015"]


def test_a_table_of_wells_says_what_was_done(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", (incell(Shot(1, c, 1, 1)) for c in (1, 2)))
    wells = write_csv(tmp_path / "wells.csv", [{"well": "A1", "control": "negative"}, {"well": "H9", "control": ""}])
    found = read_microscope(folder, wells=str(wells))
    assert [site.layout.control for site in found.sites] == ["negative", "none"]
    assert len(found.notes) == 3


def test_channels_of_incell_keep_both_filters_where_they_differ(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", (incell(Shot(1, 1, 1, ch)) for ch in (1, 3, 4, 5)))
    assert read_microscope(folder).channels == ("390 - Blue", "DAPI", "TL-Brightfield - Cy3", "UV - Cy3")
    assert STAINS[1] == "DAPI - DAPI"


def test_a_channel_of_incucyte_may_be_its_folder_or_be_named(tmp_path: Path) -> None:
    names = [f"{channel}/x_A{c}_1_00d00h00m.tif" for channel in ("mko2", "halo") for c in (1, 2)]
    assert read_microscope(touch(tmp_path / "two", names)).channels == ("halo", "mko2")
    folder = touch(tmp_path / "one", (f"x_A{c}_1_00d00h00m.tif" for c in (1, 2)))
    assert read_microscope(folder, channel="mko2").channels == ("mko2",)
    with pytest.raises(PlatesError, match="they state no channel"):
        read_microscope(folder)


def test_shading_images_of_cellvoyager_are_no_images_of_the_plate(tmp_path: Path) -> None:
    name = "AssayPlate_Greiner_#655090_C02_T0001F001L01A01Z01C01.tif"
    folder = touch(tmp_path / "lab", [name, "DC_sCMOS #1_CAM1.tif", "SC_BP445-45_40x_M10_CH01.tif"])
    found = read_microscope(folder)
    assert found.sites[0].key.plate == "AssayPlate_Greiner_#655090"
    assert not any(note.startswith("warning") for note in found.notes)
    assert found.notes[1].endswith(f"2 image files below {folder}, the first is DC_sCMOS #1_CAM1.tif")


def test_unclear_folders_are_one_sentence(tmp_path: Path) -> None:
    both = touch(tmp_path / "both", [harmony(Shot(1, 1, 1, 1)), imagexpress(Shot(1, 1, 1, 1))])
    with pytest.raises(
        PlatesError, match=re.escape("operetta or opera-phenix (1 files), imagexpress (1 files); name one by")
    ):
        read_microscope(both)
    assert read_microscope(both, "imagexpress").notes[1].endswith(f"the first is {harmony(Shot(1, 1, 1, 1))}")
    none = touch(tmp_path / "none", ["a.tif", "b.tif"])
    with pytest.raises(
        PlatesError, match=r"as operetta, opera-phenix, imagexpress, .* writes it, for example a.tif has not"
    ):
        read_microscope(none)
    with pytest.raises(PlatesError, match="the microscope 'harmony' is not known; known are operetta,"):
        read_microscope(none, "harmony")
    with pytest.raises(PlatesError, match="there is no image file"):
        read_microscope(touch(tmp_path / "empty", ["a.txt"]))
    with pytest.raises(PlatesError, match="no folder at"):
        read_microscope(tmp_path / "absent")


def test_a_site_without_a_channel_and_a_well_that_is_none_are_mistakes(tmp_path: Path) -> None:
    shots = [Shot(1, 1, 1, 1), Shot(1, 1, 1, 2), Shot(1, 2, 1, 1), Shot(1, 60, 1, 1)]
    folder = touch(tmp_path / "lab", (harmony(shot) for shot in shots))
    assert read_microscope(folder).mistakes == (
        f"{harmony(shots[3])}: the pattern finds a wrong well: well is 'row 01, column 60'; wells are named A1 (or A01) to AF48",
        f"{harmony(shots[2])}: site 1 of well A02 of plate 1 of lab has no file for the channel 2",
    )


def test_plates_that_lie_in_one_folder_are_told_apart_by_what_their_names_begin_with(tmp_path: Path) -> None:
    names = [f"{p}_{w}_s1_w{c}.TIF" for p in ("pA", "pB") for w in ("B02", "B03") for c in (1, 2)]
    found = read_microscope(touch(tmp_path / "one", names))
    assert found.mistakes == ()
    assert [site.key.plate for site in found.sites] == ["pA", "pA", "pB", "pB"]
    assert "several plates lie in one folder; their names are what file names begin with: pA, pB" in found.notes
    found = read_microscope(touch(tmp_path / "two", [f"run{i}/{name}" for i in (1, 2) for name in names]))
    assert {site.key.plate for site in found.sites} == {"run1 pA", "run1 pB", "run2 pA", "run2 pB"}
    found = read_microscope(touch(tmp_path / "three", ["x_A01_s1_w1.TIF", "x_A02_s1_w1.TIF", "y_A03_s1_w1.TIF"]))
    assert {site.key.plate for site in found.sites} == {"1"}
