"""OME-Zarr plates: what their metadata state, compared with an independent walk over the JSON; and what is wrong with a plate."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from gandl.source.formats.ome_zarr import read_plate
from gandl.source.formats.zarr_metadata import is_plate, plates_in
from gandl.source.plates.tabular.mistakes import PlatesError
from plate_files import write_csv
from zarr_plates import ZarrPlate, change_metadata, write_plate

VERSIONS = ["0.4", "0.5"]


def walked(plate: Path) -> dict[str, list[str]]:
    """Every image below a plate by its path, with the labels of its channels: found by walking over all JSON, not by lists."""
    found = {}
    for folder, _, files in os.walk(plate):
        for name in {".zattrs", "zarr.json"} & set(files):
            values: Any = json.loads((Path(folder) / name).read_text())
            values = values.get("attributes", {}).get("ome", {}) if name == "zarr.json" else values
            if "multiscales" in values:
                path = Path(folder).relative_to(plate).as_posix()
                found[path] = [channel["label"] for channel in values["omero"]["channels"]]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plate_becomes_the_sites_that_its_metadata_list(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "screen/p.zarr", ZarrPlate(version, wells=("A/1", "A/12", "P/24"), fields=11))
    found = read_plate(path)
    assert found.mistakes == ()
    assert found.channels == ("DNA", "ER")
    assert found.pixel_size_um == pytest.approx(0.325)
    assert {site.key for site in found.sites} == {("screen", "test plate")}
    assert [(site.well, site.site) for site in found.sites] == [
        (well, site) for well in ("A01", "A12", "P24") for site in range(1, 12)
    ]
    listed = {site.images[name].given for site in found.sites for name in found.channels}
    assert listed == {f"{image}#channel={label}" for image, labels in walked(path).items() for label in labels}
    assert found.sites[0].images["ER"].given == "A/1/0#channel=ER"
    assert found.sites[0].layout.condition == "untreated"
    assert found.notes == (
        f"{path} is read as an OME-Zarr plate: plate test plate, 3 wells, 33 fields",
        f"{path}: pixels of 0.325 um are stated",
    )


def test_both_versions_give_the_same_sites(tmp_path: Path) -> None:
    old, new = (
        read_plate(write_plate(tmp_path / version / "screen/p.zarr", ZarrPlate(version))) for version in VERSIONS
    )
    assert [(s.key, s.well, s.site, [image.given for image in s.images.values()]) for s in old.sites] == [
        (s.key, s.well, s.site, [image.given for image in s.images.values()]) for s in new.sites
    ]
    assert (old.channels, old.pixel_size_um) == (new.channels, new.pixel_size_um)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("unit", "pixel", "size"),
    [("nanometer", 325.0, 0.325), ("millimeter", 0.0005, 0.5), ("", 0.325, None), ("parsec", 1.0, None)],
)
def test_pixel_size_needs_a_unit(version: str, unit: str, pixel: float, size: float | None, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, unit=unit, pixel=pixel, fields=1))
    assert read_plate(path).pixel_size_um == (size if size is None else pytest.approx(size))


@pytest.mark.parametrize("version", VERSIONS)
def test_plates_of_a_folder_are_read_together(version: str, tmp_path: Path) -> None:
    for name, plate in (("p2.zarr", "two"), ("p10.ome.zarr", "same"), ("p11.ome.zarr", "same")):
        write_plate(tmp_path / "screen" / name, ZarrPlate(version, name=plate, fields=1, wells=("A/1",)))
    (tmp_path / "screen/other").mkdir()
    assert [path.name for path in plates_in(tmp_path / "screen")] == ["p2.zarr", "p10.ome.zarr", "p11.ome.zarr"]
    found = read_plate(tmp_path / "screen")
    assert [site.key for site in found.sites] == [("screen", "two"), ("screen", "p10"), ("screen", "p11")]
    assert found.sites[1].images["DNA"].given == "p10.ome.zarr/A/1/0#channel=DNA"


@pytest.mark.parametrize("version", VERSIONS)
def test_planes_and_times_are_reported(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, planes=3, times=2, fields=1, wells=("A/1",)))
    assert read_plate(path).mistakes == (
        "the images have 2 time points; choose one by its number, such as --time 1 (source.plates.time)",
    )
    found = read_plate(path, time=2)
    assert found.mistakes == ()
    assert found.sites[0].images["DNA"].given == "A/1/0#channel=DNA&t=2"
    assert read_plate(path, time=3).mistakes == ("the images have 2 time points; there is no time point 3",)


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_of_several_acquisitions_stay_fields_of_their_well(version: str, tmp_path: Path) -> None:
    plate = ZarrPlate(version, fields=4, wells=("A/1",), acquisitions=("Meas_01", "Meas_02"))
    found = read_plate(write_plate(tmp_path / "p.zarr", plate))
    assert [(site.site, site.extra["acquisition"]) for site in found.sites] == [
        (1, "Meas_01"), (2, "Meas_02"), (3, "Meas_01"), (4, "Meas_02"),
    ]  # fmt: skip
    assert "has 2 acquisitions (Meas_01, Meas_02)" in found.notes[1]


@pytest.mark.parametrize("labels", [("", ""), ("DNA", "DNA"), ("DNA", "")])
def test_channels_without_names_of_their_own_are_numbered(labels: tuple[str, str], tmp_path: Path) -> None:
    found = read_plate(write_plate(tmp_path / "p.zarr", ZarrPlate(channels=labels, fields=1)))
    assert found.channels == ("1", "2")
    assert found.sites[0].images["2"].given == "A/1/0#channel=2"


def test_a_name_that_a_cell_cannot_hold_is_replaced_by_its_number(tmp_path: Path) -> None:
    found = read_plate(write_plate(tmp_path / "p.zarr", ZarrPlate(channels=("DNA", "a|b", "c & d", "e #1"), fields=1)))
    assert [found.sites[0].images[name].given.partition("#")[2] for name in found.channels] == [
        "channel=DNA", "channel=2", "channel=3", "channel=4",
    ]  # fmt: skip


def test_a_table_of_wells_says_what_was_done(tmp_path: Path) -> None:
    wells = write_csv(
        tmp_path / "wells.csv", [{"well": "A1", "control": "negative"}, {"well": "B1", "control": "positive"}]
    )
    found = read_plate(write_plate(tmp_path / "p.zarr", ZarrPlate(fields=1)), wells=str(wells))
    assert [site.layout.control for site in found.sites] == ["negative", "none", "positive"]
    assert found.notes[-1].startswith(f"{wells} lacks 1 well with images, the first is A02")


# --- what is wrong with a plate ---


@pytest.mark.parametrize("version", VERSIONS)
def test_a_newer_version_is_refused(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version))

    def newer(values: Any) -> None:
        (values if version == "0.5" else values["plate"])["version"] = "0.6.dev3"

    change_metadata(path, newer)
    with pytest.raises(
        PlatesError, match=re.escape(f"{path} is OME-Zarr of version 0.6.dev3; versions up to 0.5 are read")
    ):
        read_plate(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_newer_version_of_one_image_is_a_mistake(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, fields=1))

    def newer(values: Any) -> None:
        (values if version == "0.5" else values["multiscales"][0])["version"] = "1.0"

    change_metadata(path / "A/2/0", newer)
    assert read_plate(path).mistakes == (
        f"{path}/A/2/0 is OME-Zarr of version 1.0; 0.4 and 0.5 are read: export it as one of them",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_channels_that_differ_between_wells_are_mistakes(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, fields=1), labels={"B/1": ("DNA", "actin")})
    assert read_plate(path).mistakes == (
        "B/1/0 has the channels DNA, actin, but A/1/0 has DNA, ER; all fields need the same: where two names mean the same, add "
        "--rename actin=ER",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_missing_wells_and_fields_are_counted(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version))
    shutil.rmtree(path / "A/2")
    shutil.rmtree(path / "B/1/1")
    found = read_plate(path)
    assert found.mistakes == ()
    assert [(site.well, site.site) for site in found.sites] == [("A01", 1), ("A01", 2), ("B01", 1)]
    assert found.notes[0] == (f"warning: {path} lists 2 missing wells or fields, the first is A/2; they are left out")


@pytest.mark.parametrize("version", VERSIONS)
def test_damaged_metadata_are_one_sentence_each(version: str, tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, fields=1))
    name = "zarr.json" if version == "0.5" else ".zattrs"
    (path / "A/1" / name).write_text('{"well": ')
    change_metadata(path / "A/2", dict.clear)
    (path / "B/1/0" / name).write_text("[1]")
    mistakes = read_plate(path).mistakes
    assert len(mistakes) == 3
    assert mistakes[0].startswith(f"{path}/A/1/{name} is cut short or damaged, so that nothing below it can be read (")
    again = "copy or export it again"
    assert mistakes[1] == f"{path}/A/2/{name} is damaged: well.images must be a list of objects with `path`; {again}"
    assert mistakes[2].startswith(f"{path}/B/1/0 ")
    assert not any("\n" in mistake for mistake in mistakes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("plate.wells", lambda values: values["plate"].pop("wells")),
        ("plate.wells", lambda values: values["plate"].update(wells=None)),
        ("plate.wells", lambda values: values["plate"].update(wells=["A/1"])),
        ("plate.wells", lambda values: values.update(plate="x")),
        ("plate.acquisitions", lambda values: values["plate"].update(acquisitions=[{"name": "x"}])),
    ],
)
def test_a_plate_that_is_no_plate_is_one_sentence_with_its_file(
    part: str, damage: Any, version: str, tmp_path: Path
) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(version, fields=1, wells=("A/1",)))
    change_metadata(path, damage)
    with pytest.raises(PlatesError) as error:
        read_plate(path)
    name = "zarr.json" if version == "0.5" else ".zattrs"
    assert str(error.value).startswith(f"{path}/{name} is damaged: {part} must be a list of objects with `")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plate_whose_metadata_are_cut_is_never_passed_over(version: str, tmp_path: Path) -> None:
    _, two, three = (
        write_plate(tmp_path / f"screen/p{i}.zarr", ZarrPlate(version, fields=1, wells=("A/1",), name=f"p{i}"))
        for i in (1, 2, 3)
    )
    file = two / ("zarr.json" if version == "0.5" else ".zattrs")
    file.write_text(file.read_text()[:-30])
    change_metadata(three, lambda values: values.pop("plate"))
    found = read_plate(tmp_path / "screen")
    assert {site.key.plate for site in found.sites} == {"p1"}
    (mistake,) = found.mistakes
    assert mistake.startswith(f"{file} is cut short or damaged, so that nothing below it can be read (")
    assert mistake.endswith("; copy it again")
    assert f"warning: {three} is left out: its metadata name no plate" in found.notes
    with pytest.raises(PlatesError, match=re.escape(f"{file} is cut short or damaged")):
        read_plate(two)


@pytest.mark.parametrize("version", VERSIONS)
def test_plates_whose_channels_differ_are_one_sentence_and_get_one_name(version: str, tmp_path: Path) -> None:
    for i, channels in enumerate((("DAPI", "GFP"), ("dapi", "GFP"), ("dapi", "GFP")), start=1):
        plate = ZarrPlate(version, fields=1, wells=("A/1",), channels=channels, name=f"p{i}")
        write_plate(tmp_path / f"screen/p{i}.zarr", plate)
    assert read_plate(tmp_path / "screen").mistakes == (
        "channels differ between plates: plate p1 of screen has DAPI, GFP; plates p2, p3 have dapi, GFP; all plates need the "
        "same: where two names mean the same, add --rename DAPI=dapi",
    )
    found = read_plate(tmp_path / "screen", renames={"DAPI": "dapi"})
    assert (found.mistakes, found.channels) == ((), ("dapi", "GFP"))
    assert [site.images["dapi"].given for site in found.sites[:2]] == [
        "p1.zarr/A/1/0#channel=DAPI",
        "p2.zarr/A/1/0#channel=dapi",
    ]
    assert read_plate(tmp_path / "screen", leave_out=("DAPI", "dapi")).mistakes == ()
    assert read_plate(tmp_path / "screen", renames={"DAPI": "dapi", "x": "y"}).mistakes == (
        "--rename x=y names no channel; the channels are DAPI, GFP, dapi",
    )


def test_a_well_that_no_plate_has_is_a_mistake(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(fields=1))
    change_metadata(
        path, lambda values: values["plate"]["wells"].append({"path": "QQ/1", "rowIndex": 99, "columnIndex": 0})
    )
    assert read_plate(path).mistakes == (
        f"{path} lists the well 'QQ/1', which is no well of a plate of up to 32 rows and 48 columns",
    )


def test_what_is_no_plate_is_refused(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.zarr", ZarrPlate(fields=1))
    assert is_plate(path)
    assert not is_plate(path / "A/1/0")
    for other in (path / "A/1/0", tmp_path / "absent"):
        with pytest.raises(PlatesError, match=re.escape(f"{other} is no OME-Zarr plate, and holds none")):
            read_plate(other)
