"""Folders as microscopes write them, and OME-Zarr plates, go through `gandl check` to a table, a configuration and pixels.

Pixels are compared with those that tifffile and zarr read from the same files.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from command_line import gandl_check
from gandl.config import PlatesSettings, Projection
from gandl.config.files import read_config
from gandl.images.files.kinds import Reading
from gandl.images.plate_headers import images_of
from gandl.images.plate_reader import PlateReader
from gandl.source.plates.sites import read_plates, sites_frame
from microscope_files import NAMERS, Shot, harmony_index, write_cellvoyager
from zarr_plates import ZarrPlate, write_plate

WELLS = list(product((1, 2), (1, 2)))


def draw(folder: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Files of noise, and their pixels."""
    rng = np.random.default_rng(0)
    pixels = {name: rng.integers(100, 4000, (70, 80), dtype=np.uint16) for name in names}
    for name, image in pixels.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, image)
    return pixels


def checked(place: Path, here: Path, *options: object) -> tuple[PlatesSettings, dict[tuple[str, int], np.ndarray]]:
    """Section `source.plates` of the configuration that was written, and the pixels (channel, y, x) that a run would pack."""
    config = here / f"config/{place.name}.yaml"
    assert gandl_check(place, *options, "--config", config) is None
    settings = read_config(config).source.plates
    assert settings is not None
    assert settings.table is not None
    plates = read_plates(settings)
    assert plates.mistakes == ()
    images = images_of(sites_frame(plates), plates.channels)
    reader = PlateReader(images, len(plates.channels), plates.source, Reading(z=settings.z, time=settings.time))
    return settings, {(site.well, site.site or 0): reader.decode(i) for i, site in enumerate(plates.sites)}


@pytest.mark.parametrize(("option", "taken"), [(None, (1, 2, 3)), ("max", (1, 2, 3)), ("middle", (2,)), (3, (3,))])
def test_planes_of_phenix_become_their_maximum_or_the_one_that_is_named(
    option: object, taken: tuple[int, ...], tmp_path: Path, here: Path
) -> None:
    shots = [Shot(r, c, 1, ch, p) for (r, c), ch, p in product(WELLS, (1, 2), (1, 2, 3))]
    pixels = draw(tmp_path / "scan", [NAMERS["harmony"](shot) for shot in shots])
    settings, stored = checked(tmp_path / "scan", here, *(("--z", option) if option else ()))
    assert settings.z == (option or "max")
    assert len(stored) == 4
    for row, column in WELLS:
        for channel in (1, 2):
            planes = [pixels[NAMERS["harmony"](Shot(row, column, 1, channel, plane))] for plane in taken]
            assert (stored[Shot(row, column, 1, 1).well, 1][channel - 1] == np.max(planes, axis=0)).all()


@pytest.mark.parametrize("name", NAMERS)
def test_files_of_every_microscope_are_found_as_they_are(name: str, tmp_path: Path, here: Path) -> None:
    shots = [Shot(r, c, s, ch) for (r, c), s, ch in product(WELLS, (9, 10), (1, 2))]
    pixels = draw(tmp_path / "scan", [NAMERS[name](shot) for shot in shots])
    _, stored = checked(tmp_path / "scan", here)
    assert len(stored) == 8
    for shot in shots:
        assert (stored[shot.well, shot.site][shot.channel - 1] == pixels[NAMERS[name](shot)]).all()


def test_one_channel_of_imagexpress_is_named_by_an_option(tmp_path: Path, here: Path) -> None:
    names = [
        f"240101d3_{well}_s{site}{start}-0A1B-4C2D-8E3F-4A5B6C7D8E9F.tif"
        for well, (site, start) in product(("A01", "B02"), ((2, "2A31C13E"), (15, "1E1E486E"), (151, "66465035")))
    ]
    pixels = draw(tmp_path / "scan", names)
    _, stored = checked(tmp_path / "scan", here, "--channel", "dna")
    assert sorted(stored) == [(well, site) for well in ("A01", "B02") for site in (2, 15, 151)]
    assert (stored["B02", 151][0] == pixels[names[-1]]).all()


def test_pixel_size_and_channels_of_an_index_reach_the_configuration(tmp_path: Path, here: Path) -> None:
    shots = [Shot(r, c, 1, ch) for (r, c), ch in product(WELLS, (1, 2))]
    draw(tmp_path / "voyager", [NAMERS["cellvoyager"](shot) for shot in shots])
    settings, _ = checked(write_cellvoyager(tmp_path / "voyager", shots, {1: "DNA", 2: "ER"}), here)
    assert settings.pixel_size_um == 0.325
    assert read_plates(settings).channels == ("DNA", "ER")
    draw(tmp_path / "phenix", [NAMERS["harmony"](shot) for shot in shots])
    (tmp_path / "phenix/Index.idx.xml").write_text(harmony_index(shots, {1: "DNA", 2: "ER"}))
    settings, _ = checked(tmp_path / "phenix", here)
    assert settings.pixel_size_um == pytest.approx(0.296688, abs=1e-6)
    assert read_plates(settings).channels == ("DNA", "ER")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("whole", [True, False], ids=["plate", "folder"])
def test_pixels_of_an_ome_zarr_plate_are_those_of_its_arrays(
    version: str, whole: bool, tmp_path: Path, here: Path
) -> None:
    plate = ZarrPlate(version, channels=("DNA", "a & b"), planes=3, times=2)
    path = write_plate(tmp_path / "screen/p.zarr", plate)
    settings, stored = checked(path if whole else path.parent, here, "--time", 2, "--z", "max")
    assert settings.pixel_size_um == pytest.approx(0.325)
    assert settings.z == Projection.MAX
    assert len(stored) == 6
    for (well, site), image in stored.items():
        array = zarr.open_array(path / f"{well[0]}/{int(well[1:])}/{site - 1}/0", mode="r")
        assert (image == np.asarray(array[1]).max(axis=1)).all()
