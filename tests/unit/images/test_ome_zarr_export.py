"""Plates as OME-Zarr 0.5: read back pixel for pixel by gandl's own source, valid by the models of ome-zarr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr

from export_inputs import CHANNELS, exported, write_screen
from gandl.images.area_mean import area_mean
from gandl.images.export.plates import factors
from gandl.images.export.validation import ExportError, validate_plate
from gandl.images.files.image_files import read_images
from gandl.source.formats.ome_zarr import read_plate
from zarr_plates import change_metadata

pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")


def ome(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "zarr.json").read_text())["attributes"]["ome"]


def read_back(plate: Path, **options: Any) -> dict[tuple[str, int], np.ndarray]:
    """Pixels (c, y, x) of every site as gandl reads a plate of a lab."""
    found = read_plate(plate, **options)
    assert found.mistakes == ()
    return {
        (site.well, site.site or 0): np.stack(
            [read_images(site.images[name].path, [site.images[name].selector])[0] for name in found.channels]
        )
        for site in found.sites
    }


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_export_is_read_back_pixel_for_pixel(tmp_path: Path, dtype: str) -> None:
    screen = write_screen(tmp_path, dtype=dtype)
    exported(screen, tmp_path)
    plate = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    pixels = read_back(plate)
    assert sorted(pixels) == [("AA12", 1), ("AA12", 2), ("B02", 1), ("B02", 2)]
    for i, row in enumerate(screen.table.itertuples()):
        read = pixels[row.well, row.site]
        assert read.dtype == screen.pixels.dtype
        np.testing.assert_array_equal(read, screen.pixels[i])
    found = read_plate(plate)
    assert found.channels == CHANNELS
    assert found.pixel_size_um == pytest.approx(0.65)
    assert {site.key.plate for site in found.sites} == {"HRCE-1_1"}


def test_the_table_of_wells_gives_the_sites_their_treatment_back(tmp_path: Path) -> None:
    exported(write_screen(tmp_path), tmp_path, word="simulated")
    table = tmp_path / "rxrx19a/HRCE-1_1.wells.csv"
    found = read_plate(table.with_name("HRCE-1_1.zarr"), wells=str(table))
    assert found.mistakes == ()
    layouts = {site.well: site for site in found.sites}
    treated, control = layouts["B02"], layouts["AA12"]
    assert (treated.layout.treatment, treated.layout.concentration_um) == ("remdesivir", 0.3)
    assert (treated.layout.compound, treated.layout.smiles, treated.layout.cell_type) == ("Remdesivir", "CCO", "HRCE")
    assert (control.layout.control, control.layout.treatment, control.layout.concentration_um) == ("negative", "", None)
    assert treated.extra["batch"] == "batch of HRCE-1_1"


def test_levels_are_area_means_with_their_scale_and_place(tmp_path: Path) -> None:
    """Of 70 px a pixel of level 1 is the mean of 2 x 2, so its centre lies half a pixel of level 0 further in."""
    screen = write_screen(tmp_path, size=(270, 300))
    manifest = exported(screen, tmp_path)
    field = tmp_path / "rxrx19a/HRCE-1_1.zarr/B/2/0"
    (image,) = ome(field)["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["c", "y", "x"]
    assert [axis.get("unit") for axis in image["axes"]] == [None, "micrometer", "micrometer"]
    assert manifest["plates"][0]["shapes"] == [[3, 270, 300], [3, 135, 150], [3, 67, 75], [3, 33, 37]]
    for level, dataset in enumerate(image["datasets"]):
        by = 2**level
        scale, *placed = dataset["coordinateTransformations"]
        assert scale["scale"] == pytest.approx([1, 0.65 * by, 0.65 * by])
        assert [one["translation"] for one in placed] == (
            [] if level == 0 else [pytest.approx([0, *2 * [0.65 * (by - 1) / 2]])]
        )
        stored = np.asarray(zarr.open_array(field / dataset["path"], mode="r")[:])
        np.testing.assert_array_equal(stored, area_mean(screen.pixels[0], by))
        assert len([file for file in (field / dataset["path"]).rglob("*") if file.is_file()]) == 2, (
            "metadata and one shard"
        )


@pytest.mark.parametrize(
    ("size", "by"), [((1024, 1024), (1, 2, 4, 8, 16)), ((64, 80), (1, 2)), ((2, 9), (1, 2)), ((1, 9), (1,))]
)
def test_images_are_halved_to_64_pixels_and_at_least_once(size: tuple[int, int], by: tuple[int, ...]) -> None:
    assert factors(*size) == by


def test_the_largest_stored_images_are_exported_with_the_width_of_their_pixels(tmp_path: Path) -> None:
    screen = write_screen(tmp_path, size=(96, 96), resolutions=(24, 48))
    exported(screen, tmp_path)
    plate = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    np.testing.assert_array_equal(read_back(plate)["B02", 1], area_mean(screen.pixels[0], 2))
    assert read_plate(plate).pixel_size_um == pytest.approx(1.3)


def test_plate_and_wells_are_described(tmp_path: Path) -> None:
    exported(write_screen(tmp_path), tmp_path, word="simulated")
    root = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    plate = ome(root)["plate"]
    assert plate["name"] == "HRCE-1_1 simulated"
    assert (len(plate["rows"]), len(plate["columns"])) == (32, 48), "AA12 is on a plate of 1,536 wells"
    assert [well["path"] for well in plate["wells"]] == ["B/2", "AA/12"]
    assert [(well["rowIndex"], well["columnIndex"]) for well in plate["wells"]] == [(1, 1), (26, 11)]
    assert plate["field_count"] == 2
    assert [image["path"] for image in ome(root / "B/2")["well"]["images"]] == ["0", "1"]
    own = json.loads((root / "B/2/zarr.json").read_text())["attributes"]["gandl"]
    assert own["treatment"] == "remdesivir"
    assert own["concentration_um"] == 0.3
    assert "treatment" not in json.loads((root / "AA/12/zarr.json").read_text())["attributes"]["gandl"]


def test_channels_have_names_colours_and_one_display_range_per_plate(tmp_path: Path) -> None:
    exported(write_screen(tmp_path), tmp_path)
    root = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    channels = ome(root / "B/2/0")["omero"]["channels"]
    assert [channel["label"] for channel in channels] == list(CHANNELS)
    assert [channel["color"] for channel in channels] == ["0072B2", "009E73", "E69F00"]
    assert all(0 <= c["window"]["start"] < c["window"]["end"] <= c["window"]["max"] == 65535 for c in channels)
    assert ome(root / "AA/12/1")["omero"]["channels"] == channels


def test_an_experiment_holds_several_plates_of_which_some_can_be_chosen(tmp_path: Path) -> None:
    screen = write_screen(tmp_path, plates=("HUVEC-01_1", "HUVEC-01_2", "HUVEC-01_3"))
    manifest = exported(screen, tmp_path / "all")
    assert [plate["plate_id"] for plate in manifest["plates"]] == ["HUVEC-01_1", "HUVEC-01_2", "HUVEC-01_3"]
    manifest = exported(screen, tmp_path / "some", plates=["HUVEC-01_3"], wells=["AA12"])
    assert [(plate["plate_id"], plate["wells"], plate["fields"]) for plate in manifest["plates"]] == [
        ("HUVEC-01_3", 1, 2)
    ]
    pixels = read_back(tmp_path / "some/rxrx19a/HUVEC-01_3.zarr")
    np.testing.assert_array_equal(pixels["AA12", 2], screen.pixels[11])


def test_the_models_of_the_specification_accept_it_and_refuse_what_is_wrong(tmp_path: Path) -> None:
    exported(write_screen(tmp_path), tmp_path)
    root = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    assert validate_plate(root) == 4
    from ome_zarr_models.v05 import HCS

    plate = HCS.from_zarr(zarr.open_group(root, mode="r"))
    assert [len(well.ome_attributes.well.images) for well in plate.well_groups] == [2, 2]
    change_metadata(root / "AA/12/1", lambda values: values["multiscales"][0]["datasets"][1].update(path="7"))
    with pytest.raises(ExportError, match=r"AA/12/1 is no OME-Zarr 0\.5 as ome-zarr-models reads it"):
        validate_plate(root)


def test_an_export_of_ours_is_replaced_and_another_folder_is_not(tmp_path: Path) -> None:
    screen = write_screen(tmp_path)
    exported(screen, tmp_path)
    exported(screen, tmp_path, wells=["B02"])
    root = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    assert {well for well, _ in read_back(root)} == {"B02"}
    assert [path.name for path in root.parent.iterdir() if path.name.startswith(".")] == []
    change = json.loads((root / "zarr.json").read_text())
    del change["attributes"]["gandl"]
    (root / "zarr.json").write_text(json.dumps(change))
    with pytest.raises(ExportError, match=r"HRCE-1_1\.zarr exists, and is no export of gandl, so it is not replaced"):
        exported(screen, tmp_path)
    assert validate_plate(root) == 2


def test_what_a_killed_export_left_is_written_anew(tmp_path: Path) -> None:
    left = tmp_path / "rxrx19a/.HRCE-1_1.zarr.partial/B/2"
    left.mkdir(parents=True)
    (left / "zarr.json").write_text("half of it")
    exported(write_screen(tmp_path), tmp_path)
    assert len(read_back(tmp_path / "rxrx19a/HRCE-1_1.zarr")) == 4
    assert not left.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"plates": ["HRCE-1_9"]}, "ome_zarr.plates names HRCE-1_9; HRCE-1_1 has the plate HRCE-1_1"),
        (
            {"wells": ["B02", "C03"]},
            "ome_zarr.wells names C03, not on the plate HRCE-1_1, which has 2 wells, B02 to AA12",
        ),
    ],
)
def test_plates_and_wells_that_do_not_exist_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ExportError) as caught:
        exported(write_screen(tmp_path), tmp_path, **options)
    assert str(caught.value) == sentence
    assert not (tmp_path / "rxrx19a").exists()


def test_a_site_that_the_table_lacks_is_named(tmp_path: Path) -> None:
    screen = write_screen(tmp_path)
    pd.read_parquet(screen.sites).iloc[1:].to_parquet(screen.sites)
    with pytest.raises(ExportError, match="the sites table lacks HRCE-1_1_3, a site of"):
        exported(screen, tmp_path)


def test_without_a_pixel_size_the_scale_has_no_unit_and_that_is_reported(tmp_path: Path) -> None:
    said: list[str] = []
    manifest = exported(write_screen(tmp_path, pixel_size_um=None), tmp_path, report=said.append)
    sentence = (
        "the pixel size of rxrx19a is not known (source.rxrx19a.pixel_size_um), so the scale of its images is in pixels, "
        "without a unit"
    )
    assert said[0] == sentence
    assert manifest["notes"] == [sentence]
    root = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    (image,) = ome(root / "B/2/0")["multiscales"]
    assert not any("unit" in axis for axis in image["axes"])
    assert image["datasets"][1]["coordinateTransformations"][0]["scale"] == [1, 2, 2]
    assert read_plate(root).pixel_size_um is None


def test_without_the_library_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ome_zarr_models.v05", None)
    with pytest.raises(
        ExportError, match=r"ome_zarr_models\S* is missing, which exports plates: .* pip install ome-zarr"
    ):
        exported(write_screen(tmp_path), tmp_path)
    assert not (tmp_path / "rxrx19a").exists()
