"""What `gandl check` says of pixels: constant and saturated channels, scale, planes, pixel size, illumination, addresses."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gandl.check.configuration import suggest, write_configuration
from gandl.check.looks import Channel, Looks, notes_of_channels
from gandl.check.plates import CheckReport, check_plates
from gandl.check.sheet import sheet_of
from gandl.commands.check import add_parser
from gandl.config import PlatesSettings, Projection
from gandl.config.files import read_config
from gandl.images.plate_headers import Pixels
from gandl.source.plates.references import ImageFile
from local_server import FileServer, serving
from plate_files import write_csv
from stack_files import noise, write_ome_tiff

WELLS = [f"{row}{column:02d}" for row in "ABC" for column in (1, 2, 3, 4)]
NO_CONTROLS = "without both kinds, assay quality"


def plate(folder: Path, images: dict[str, list[np.ndarray]], **settings: object) -> PlatesSettings:
    """A plate of TIFFs: for each channel its images, well by well."""
    (folder / "lab").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for i, well in enumerate(WELLS[: len(next(iter(images.values())))]):
        row: dict[str, object] = {"well": well}
        for channel, of_channel in images.items():
            tifffile.imwrite(folder / f"lab/{well}_{channel}.tif", of_channel[i])
            row[f"file_{channel}"] = f"{well}_{channel}.tif"
        rows.append(row)
    return PlatesSettings(table=str(write_csv(folder / "lab/sites.csv", rows)), **settings)


def cells(n: int = 12, dtype: str = "uint16") -> list[np.ndarray]:
    return [noise(64, 64, dtype=dtype, seed=i) for i in range(n)]


def notes(report: CheckReport, folder: Path) -> list[str]:
    return [note.replace(f"{folder}/", "") for note in report.notes if NO_CONTROLS not in note]


def test_a_channel_that_is_constant_everywhere_is_one_problem_whose_remedy_works(tmp_path: Path) -> None:
    gfp = [np.full((64, 64), 65535, np.uint16)] * 12
    settings = plate(tmp_path, {"dna": cells(), "gfp": gfp})
    assert check_plates(settings).problems == (
        "channel gfp is 65535 in every pixel of all 12 sites: nothing can be learned from it; delete its column, or leave it out "
        "(--leave-out gfp, which is source.plates.leave_out)",
    )
    without = settings.changed(leave_out=["gfp"])
    report = check_plates(without)
    assert report.passed
    config = suggest(report, without).config
    assert config.source.plates is not None
    assert config.source.plates.leave_out == ("gfp",)


def test_the_command_leaves_a_channel_out_and_scales(tmp_path: Path) -> None:
    flat = [np.full((64, 64), 7, np.uint16)] * 12
    table = plate(tmp_path, {"dna": [image + np.float32(0.5) for image in cells()], "gfp": flat}).table
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    arguments = [str(table), "--leave-out", "gfp", "--scale", "2", "--config", f"{tmp_path}/own.yaml"]
    options = parser.parse_args(["check", *arguments])
    options.run(options)
    written = read_config(tmp_path / "own.yaml").source.plates
    assert written == PlatesSettings(table=table, leave_out=("gfp",), scale=2)


def test_a_channel_with_a_few_bright_pixels_is_refused_as_by_the_training(tmp_path: Path) -> None:
    sparse = [
        np.where(np.arange(640 * 640).reshape(640, 640) < 200, noise(640, 640), 0).astype(np.uint16) for _ in range(2)
    ]
    (problem,) = check_plates(plate(tmp_path, {"gfp": sparse})).problems
    assert problem.startswith("channel gfp is 0 in 99.9")
    assert "% of the pixels of all 2 sites: nothing can be learned from it" in problem
    dense = [
        np.where(np.arange(640 * 640).reshape(640, 640) < 2000, noise(640, 640), 0).astype(np.uint16) for _ in range(2)
    ]
    assert check_plates(plate(tmp_path, {"gfp": dense})).passed


def test_a_channel_that_is_constant_in_some_sites_and_a_saturated_one_are_notes(tmp_path: Path) -> None:
    images = cells()
    images[3] = images[7] = np.full((64, 64), 9, np.uint16)
    bright = [image.copy() for image in cells()]
    for image in bright:
        image[:1, :10] = 65535
    settings = plate(tmp_path, {"dna": images, "er": bright})
    report = check_plates(settings)
    assert report.passed
    assert notes(report, tmp_path) == [
        "channel dna is constant in 2 of the 12 sites looked at, the first is row 5: every pixel of lab/A04_dna.tif is 9; is it "
        "an empty image?",
        "channel er is saturated: 0.2% of its pixels have the largest value, 65,535; brightness above it is lost",
    ]


@pytest.mark.parametrize(
    ("largest", "pixels", "reported"), [(4095, 100, True), (4095, 3, False), (4000, 100, False), (16383, 100, True)]
)
def test_the_largest_value_of_12_and_14_bit_cameras_counts_too(largest: int, pixels: int, reported: bool) -> None:
    channel = Channel()
    image = np.minimum(noise(64, 64), min(largest, 4095) - 1)
    image.flat[:pixels] = largest
    channel.add(Pixels("row 2", ImageFile("a", Path("a")), "dna"), None, image)
    assert (channel.largest, channel.of_largest, channel.pixels) == (largest, pixels, 64 * 64)
    assert any("is saturated" in note for note in notes_of_channels(Looks({"dna": channel}))) == reported


def test_floats_from_0_to_1_get_one_scale_which_the_configuration_holds(tmp_path: Path) -> None:
    settings = plate(tmp_path, {"dna": [(image / 4096).astype(np.float32) for image in cells()]})
    report = check_plates(settings)
    assert report.passed
    assert notes(report, tmp_path) == [
        "images hold fractional values from 0 to 1: all are multiplied by 65535 and rounded (source.plates.scale; --scale names "
        "another factor)"
    ]
    write_configuration(report, settings, tmp_path / "own.yaml")
    written = read_config(tmp_path / "own.yaml").source.plates
    assert written is not None
    assert written.scale == 65535
    assert check_plates(written).notes == tuple(note for note in report.notes if "fractional" not in note)
    sheet = sheet_of(report, None)
    np.testing.assert_array_equal(sheet.images[0, 0], np.rint(np.float32(cells()[0] / 4096).astype(float) * 65535))


def test_larger_fractional_values_are_one_problem_and_wrong_values_one_each(tmp_path: Path) -> None:
    images = [image.astype(np.float32) + 0.5 for image in cells()]
    settings = plate(tmp_path, {"dna": images})
    (problem,) = check_plates(settings).problems
    assert problem.replace(f"{tmp_path}/", "") == (
        "12 of 12 images that were decoded hold fractional values up to 4095.5, the first is row 2: lab/A01_dna.tif; say which "
        "factor makes whole numbers up to 65,535 of all images: --scale 1 rounds them (source.plates.scale)"
    )
    assert check_plates(settings.changed(scale=1)).passed
    problem = check_plates(settings.changed(scale=65535)).problems[0]
    assert problem.startswith(
        f"row 2: {tmp_path}/lab/A01_dna.tif holds values that source.plates.scale (65535) makes larger than 65,535"
    )
    images[5][2, 3] = np.nan
    images[6][2, 3] = -1
    problems = check_plates(plate(tmp_path, {"dna": images}, scale=1)).problems
    assert [problem.replace(f"{tmp_path}/", "") for problem in problems] == [
        "row 7: lab/B02_dna.tif holds pixels that are no numbers: nan at (y 2, x 3)",
        "row 8: lab/B03_dna.tif holds negative pixels: -1 at (y 2, x 3); brightness begins at 0",
    ]


def test_planes_are_projected_by_proposal_and_sizes_of_pixels_taken_from_the_files(tmp_path: Path) -> None:
    rows = []
    for i, well in enumerate(WELLS):
        write_ome_tiff(tmp_path / f"lab/{well}.tif", noise(3, 2 + i % 2, 64, 64, seed=i), "CZYX", pixel_size_um=0.325)
        rows.append({"well": well, "file": f"{well}.tif"})
    settings = PlatesSettings(table=str(write_csv(tmp_path / "lab/sites.csv", rows)))
    report = check_plates(settings)
    assert report.passed
    assert report.summary[2:4] == (
        "channels    3: dna, er, actin",
        "images      36 of 64 x 64 px of 16 bit, 0.00 GiB of pixels",
    )
    assert notes(report, tmp_path) == [
        "images have 2 to 3 z planes: the maximum is taken; --z middle or a number takes one plane (source.plates.z)",
        "the side of a pixel is 0.325 um, as the files state (--pixel-size-um names another size)",
    ]
    config = suggest(report, settings).config
    assert config.source.plates == settings.changed(z="max", pixel_size_um=0.325)
    assert config.embeddings.segmentation.minimum_area == 320
    middle = settings.changed(z="middle", pixel_size_um=0.5)
    assert notes(check_plates(middle), tmp_path) == []
    assert suggest(check_plates(middle), middle).config.source.plates == middle
    np.testing.assert_array_equal(sheet_of(check_plates(middle), None).images[1, 2], noise(3, 3, 64, 64, seed=1)[2, 1])
    write_ome_tiff(tmp_path / "lab/B01.tif", noise(3, 2, 64, 64), "CZYX", pixel_size_um=0.65)
    (problem,) = check_plates(settings).problems
    assert problem.startswith(
        f"the files state different sizes of a pixel: 0.325 um in {tmp_path}/lab/A01.tif (row 2), 0.65 um in"
    )
    assert report.reading.z == Projection.MAX


def test_a_channel_named_once_by_name_and_once_by_number_is_reported(tmp_path: Path) -> None:
    write_ome_tiff(tmp_path / "lab/a.tif", noise(3, 64, 64), "CYX")
    row = {"well": "A1", "file_er": "a.tif#channel=er", "file_dna": "a.tif#channel=2", "file_x": "a.tif#channel=3"}
    table = write_csv(tmp_path / "lab/sites.csv", [row])
    assert check_plates(table).problems == (
        "row 2: a.tif#channel=2, channel dna, is the image of row 2, channel er already",
    )


def test_illumination_functions_of_another_size_are_problems(tmp_path: Path) -> None:
    settings = plate(tmp_path, {"dna": cells()})
    table = Path(str(settings.table))
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},illum_dna", *(f"{row},illum.npy" for row in rows)]))
    np.save(tmp_path / "lab/illum.npy", np.full((64, 32), 2.0))
    assert notes(check_plates(settings), tmp_path) == [
        "the illumination functions (illum_dna) are not applied; source.plates.illumination: true divides by them"
    ]
    (problem,) = check_plates(settings.changed(illumination=True)).problems
    assert problem.endswith(
        "illum.npy is an illumination function of 64 x 32 float64 values; images are 64 x 64 px (height x width); "
        "name functions of the images' size, or leave out --illumination (source.plates.illumination)"
    )
    np.save(tmp_path / "lab/illum.npy", np.full((64, 64), 2.0))
    report = check_plates(settings.changed(illumination=True))
    assert report.passed
    np.testing.assert_array_equal(sheet_of(report, None).images[0, 0], np.rint(cells()[0] / 2))


def test_of_images_at_addresses_only_the_sample_is_fetched(tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {}
    rows = []
    for row in "ABCDEFGH":
        for column in range(1, 7):
            well = f"{row}{column:02d}"
            tifffile.imwrite(tmp_path / "a.tif", noise(64, 64, seed=len(rows)))
            files[f"/{well}.tif"] = (tmp_path / "a.tif").read_bytes()
            rows.append({"well": well, "file_dna": f"BASE/{well}.tif"})
    with serving(FileServer(files)) as server:
        table = write_csv(
            tmp_path / "lab/sites.csv",
            [{**row, "file_dna": str(row["file_dna"]).replace("BASE", server.base)} for row in rows],
        )
        report = check_plates(table)
        assert report.passed
        assert len(server.requests) == len({request.path for request in server.requests}) == 12
        assert report.kind is not None
        assert report.kind.words == "64 x 64 px of 16 bit"
        assert notes(report, tmp_path)[0].startswith(
            "48 images are at addresses: 12 of them were fetched for this check (0.1 MB by network)"
        )
        assert sheet_of(report, None).images.shape == (5, 1, 64, 64)
        del server.files["/A05.tif"]
        (problem,) = check_plates(table).problems
        assert problem == (
            f"row 6: {server.base}/A05.tif cannot be downloaded: the server answered 404 Not Found; check the address, or name a "
            "mirror"
        )
        assert len(check_plates(table, every_pixel=True).problems) == 1
    assert (
        "is neither a folder nor an http(s) address" in check_plates(table, mirror=str(tmp_path / "none")).problems[0]
    )
