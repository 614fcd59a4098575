"""Segmentation: drawn cells, whose number, areas and intensities are known, and the controls of the real plate."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

from gandl.config import SegmentationSettings
from gandl.config.files import read_config
from gandl.embeddings.cells.finding import CellFinder, find_cells
from gandl.embeddings.cells.segmentation import SegmentationFeaturizer, nuclear_over_ring
from gandl.embeddings.errors import EmbeddingError
from gandl.source.simulator.cells.drawing import CELL_LINES, CHANNELS, Field, draw_site as draw_cells

SETTINGS = SegmentationSettings()
CENTRES = [(row, column) for row in (40, 100, 160) for column in (40, 100, 160, 220)]
RADIUS, CELL_RADIUS = 9, 20


def draw_site(inside: int, around: int, offset: int = 5, dtype: type = np.uint8) -> np.ndarray:
    """(2, 200, 260): twelve round cells, `inside` and `around` grey levels of channel 0 above the offset; nuclei in channel 1."""
    site = np.full((2, 200, 260), offset, dtype)
    for centre in CENTRES:
        site[(0, *disk(centre, CELL_RADIUS))] = offset + around
        site[(0, *disk(centre, RADIUS))] = offset + inside
        site[(1, *disk(centre, RADIUS))] = offset + 80
    return site


def features_of(site: np.ndarray, channels: tuple[str, ...] = ("gfp", "dna")) -> dict[str, float]:
    featurizer = SegmentationFeaturizer(CellFinder(channels, SETTINGS))
    return dict(zip(featurizer.feature_names, featurizer.embed(site[None])[0].tolist(), strict=True))


@pytest.mark.parametrize(("inside", "around"), [(120, 40), (40, 120), (60, 60)])
def test_drawn_cells_give_back_their_number_area_and_intensities(inside: int, around: int) -> None:
    found = features_of(draw_site(inside, around))
    assert found["nucleus_count"] == len(CENTRES)
    assert found["nuclear_area"] == pytest.approx(np.pi * RADIUS**2, rel=0.1)
    assert found["nuclear_intensity"] == pytest.approx(inside, rel=0.1)
    assert found["ring_intensity"] == pytest.approx(around, rel=0.06)
    assert found["nuclear_over_ring"] == pytest.approx(inside / around, rel=0.1)
    assert found["log2_nuclear_over_ring_mean"] == pytest.approx(np.log2(inside / around), abs=0.15)
    assert found["dna_intensity"] == pytest.approx(80, rel=0.06)


def test_a_camera_offset_changes_nothing() -> None:
    near, far = (features_of(draw_site(120, 40, offset, np.uint16)) for offset in (5, 400))
    assert far == pytest.approx(near, rel=1e-6)


def test_debris_is_not_a_nucleus() -> None:
    site = draw_site(120, 40)
    site[(1, *disk((70, 70), 3))] = 200
    assert features_of(site)["nucleus_count"] == len(CENTRES)


def test_rings_lie_around_their_own_nucleus_and_in_no_nucleus() -> None:
    cells = find_cells(draw_site(120, 40)[1], SETTINGS)
    assert cells.count == len(CENTRES)
    assert set(np.unique(cells.rings)) == set(range(cells.count + 1))
    assert not ((cells.rings > 0) & (cells.nuclei > 0)).any()
    for label in range(1, cells.count + 1):
        nucleus, ring = np.argwhere(cells.nuclei == label), np.argwhere(cells.rings == label)
        distance = np.sqrt(((ring[:, None] - nucleus[None]) ** 2).sum(-1)).min(1)
        assert distance.min() > SETTINGS.gap
        assert distance.max() <= SETTINGS.gap + SETTINGS.ring


def test_rings_of_close_cells_are_shared_by_distance() -> None:
    nuclear = np.zeros((60, 80), np.uint8)
    for column in (28, 52):  # nuclei 6 px apart: full rings (7 px) would overlap
        nuclear[disk((30, column), RADIUS)] = 90
    cells = find_cells(nuclear, SETTINGS)
    left, right = sorted((1, 2), key=lambda label: np.argwhere(cells.nuclei == label)[:, 1].mean())
    assert np.argwhere(cells.rings == left)[:, 1].max() <= 40
    assert np.argwhere(cells.rings == right)[:, 1].min() >= 40


def test_a_nucleus_walled_in_by_others_has_no_ring_and_no_ratio() -> None:
    site = draw_site(120, 40)
    cells = find_cells(site[1], SETTINGS)
    walled = np.where(cells.rings == 3, 0, cells.rings)
    _, _, ratio = nuclear_over_ring(site[0], replace(cells, rings=walled))
    assert len(ratio) == cells.count - 1
    assert np.isfinite(ratio).all()


@pytest.mark.parametrize("level", [0, 17, 255])
def test_a_site_without_cells_has_finite_features(level: int) -> None:
    found = features_of(np.full((2, 64, 64), level, np.uint8))
    assert found["nucleus_count"] == 0
    assert found["nuclear_over_ring"] == 1
    assert all(np.isfinite(value) for value in found.values())


def test_cells_on_black_have_a_large_but_finite_ratio() -> None:
    assert features_of(draw_site(inside=120, around=0, offset=0))["nuclear_over_ring"] == pytest.approx(120, rel=0.06)


def test_the_nuclear_channel_is_found_by_its_name_wherever_it_stands() -> None:
    site = draw_site(120, 40)
    assert features_of(site[::-1], ("dna", "gfp")) == features_of(site, ("gfp", "dna"))
    assert features_of(site, ("gfp", "hoechst")) == features_of(site, ("gfp", "dna"))


def test_several_other_channels_are_distinguished_by_name() -> None:
    site = draw_site(120, 40)
    found = features_of(np.stack([site[1], site[0], site[1]]), ("hoechst", "con_a", "wga"))
    assert found["nuclear_over_ring_con_a"] == pytest.approx(3, rel=0.1)
    assert found["nuclear_over_ring_wga"] > 10


def test_images_without_a_nuclear_channel_are_refused_in_one_sentence() -> None:
    with pytest.raises(
        EmbeddingError, match=r"shows nuclei \(dna, hoechst\), but the images have con_a, wga"
    ) as refusal:
        CellFinder(["con_a", "wga"], SETTINGS)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("line", ["HRCE", "VERO"])
def test_the_default_run_counts_the_drawn_cells_whether_they_are_infected_or_not(line: str) -> None:
    """A smallest area of about a whole nucleus counts healthy nuclei alone: then the count seems to show infection."""
    config = read_config(Path(__file__).parents[3] / "config" / "config.yaml")
    assert config.source.rxrx19a is not None
    side = config.images.resolutions["rxrx19a"][0]
    pixel_um = config.source.rxrx19a.pixel_size_um * config.source.rxrx19a.image_px / side
    found = {}
    for severity in (0.0, 1.0):
        field = Field(CELL_LINES[line], severity=severity, debris=0.0)
        drawn = [draw_cells(field, side, pixel_um, np.random.default_rng(seed)) for seed in range(30)]
        counts = [
            find_cells(site.images[CHANNELS.index("hoechst")], config.embeddings.segmentation).count for site in drawn
        ]
        found[severity] = np.mean(counts) / np.mean([site.cells for site in drawn])
        assert found[severity] == pytest.approx(1.0, abs=0.1)
    assert found[1.0] == pytest.approx(found[0.0], abs=0.04)


@pytest.fixture(scope="module")
def plate(bbbc013_zip: Path) -> dict[str, np.ndarray]:
    """Well -> features, from the archive decoded by Pillow: nothing of the package's own reader takes part."""
    channels: dict[tuple[str, str], np.ndarray] = {}
    with zipfile.ZipFile(bbbc013_zip) as archive:
        for member in archive.namelist():
            named = re.search(r"Channel([12])-\d\d-([A-H])-(\d\d)\.BMP$", member)
            if named:
                image = Image.open(io.BytesIO(archive.read(member))).convert("L")
                channels[named[2] + named[3], named[1]] = np.asarray(image)
    wells = sorted({well for well, _ in channels})
    featurizer = SegmentationFeaturizer(CellFinder(["fkhr_gfp", "dna"], SETTINGS))
    vectors = featurizer.embed(np.stack([np.stack([channels[well, "1"], channels[well, "2"]]) for well in wells]))
    columns = dict(zip(featurizer.feature_names, vectors.T, strict=True))
    return {"well": np.array(wells), **columns}


def test_the_real_plate_has_about_170_nuclei_a_field(plate: dict[str, np.ndarray]) -> None:
    assert len(plate["well"]) == 96
    assert 155 <= plate["nucleus_count"].mean() <= 185


def test_nuclear_over_ring_separates_the_real_controls(plate: dict[str, np.ndarray]) -> None:
    row = np.array([well[0] for well in plate["well"]])
    column = np.array([int(well[1:]) for well in plate["well"]])
    first, last = np.isin(row, list("ABCD")), np.isin(row, list("EFGH"))
    positive = ((column == 1) & last) | ((column == 12) & first)
    negative = (column == 2) | ((column == 1) & first) | ((column == 12) & last)
    assert (positive.sum(), negative.sum()) == (8, 16)
    ratio = plate["nuclear_over_ring"].astype(float)
    on, off = ratio[positive], ratio[negative]
    z_prime = 1 - 3 * (on.std(ddof=1) + off.std(ddof=1)) / abs(on.mean() - off.mean())
    assert z_prime >= 0.6
    dose_3, dose_9 = ratio[column == 5], ratio[column == 11]
    assert dose_3.max() < dose_9.min()
