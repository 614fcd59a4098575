"""CellProfiler's measurements as features of sites: against regionprops and numpy; and sites without cells or values."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from gandl.config import CellMeasurementsSettings, MeasurementGroup, SegmentationSettings
from gandl.embeddings.cells.cell_count import CellCountFeaturizer
from gandl.embeddings.cells.finding import CellFinder, Cells, SeenSite, find_cells
from gandl.embeddings.cells.groups import GROUPS, TEXTURE_DISTANCE, TEXTURE_LEVELS, texture
from gandl.embeddings.cells.measurements import CellMeasurementsFeaturizer, mean_and_deviation
from gandl.embeddings.errors import EmbeddingError

CHANNELS = ["hoechst", "con_a", "wga"]
SETTINGS = SegmentationSettings()
EVERYTHING = CellMeasurementsSettings(groups=list(MeasurementGroup))
FINDER = CellFinder(CHANNELS, SETTINGS)
FEATURIZER = CellMeasurementsFeaturizer(FINDER, EVERYTHING)


def draw_site(dtype: type = np.uint8, gain: int = 1, offset: int = 0, seed: int = 0) -> np.ndarray:
    """(3, 160, 200): five elliptic cells of different size and brightness, one cut off by the border, with noise."""
    rng = np.random.default_rng(seed)
    site = np.full((3, 160, 200), 8.0)
    for i, (row, column, tall, wide) in enumerate(
        [(35, 40, 8, 12), (40, 110, 10, 9), (90, 60, 13, 8), (115, 130, 9, 9), (80, 197, 10, 10)]
    ):
        site[(1, *ellipse(row, column, tall + 7, wide + 7, shape=site.shape[1:]))] += 40 + 8 * i
        site[(2, *ellipse(row, column, tall + 4, wide + 4, shape=site.shape[1:]))] += 25
        site[(0, *ellipse(row, column, tall, wide, shape=site.shape[1:]))] += 70 + 5 * i
    site += rng.normal(0, 3, site.shape)
    return (np.clip(site, 0, 200).round() * gain + offset).astype(dtype)


def features_of(site: np.ndarray, featurizer: CellMeasurementsFeaturizer = FEATURIZER) -> dict[str, float]:
    vectors = featurizer.embed(site[None])
    assert np.isfinite(vectors).all()
    return dict(zip(featurizer.feature_names, vectors[0].tolist(), strict=True))


def test_shapes_and_intensities_are_those_of_regionprops() -> None:
    site = draw_site()
    found, cells = features_of(site), find_cells(site[0], SETTINGS)
    assert found["Nuclei_Count"] == 5
    for kind, labels in (("Nuclei", cells.nuclei), ("Cells", cells.bodies)):
        for name, attribute in (
            ("Area", "area"),
            ("Eccentricity", "eccentricity"),
            ("MajorAxisLength", "axis_major_length"),
            ("Solidity", "solidity"),
            ("Perimeter", "perimeter"),
        ):
            values = [getattr(region, attribute) for region in regionprops(labels)]
            assert found[f"{kind}_AreaShape_{name}_mean"] == pytest.approx(np.mean(values), rel=1e-4), name
            assert found[f"{kind}_AreaShape_{name}_std"] == pytest.approx(np.std(values), rel=1e-3), name
        for channel, image in zip(CHANNELS, site, strict=True):
            values = [region.intensity_mean for region in regionprops(labels, image)]
            assert found[f"{kind}_Intensity_MeanIntensity_{channel}_mean"] == pytest.approx(np.mean(values), rel=1e-5)
            assert found[f"{kind}_Intensity_MeanIntensity_{channel}_std"] == pytest.approx(np.std(values), rel=1e-4)


def test_correlations_are_those_of_the_pixels_of_each_cell() -> None:
    site = draw_site().astype(float)
    bodies = find_cells(site[0], SETTINGS).bodies
    found = features_of(draw_site())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        values = []
        for label in range(1, 6):
            first, second = site[one][bodies == label], site[other][bodies == label]
            first, second = first - first.mean(), second - second.mean()
            values.append((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
        name = f"Cells_Correlation_Correlation_{CHANNELS[one]}_{CHANNELS[other]}"
        assert found[f"{name}_mean"] == pytest.approx(np.mean(values), rel=1e-4)
        assert found[f"{name}_std"] == pytest.approx(np.std(values), rel=1e-3)


def test_texture_is_that_of_a_matrix_of_cooccurrences_counted_by_hand() -> None:
    """Contrast, homogeneity and second moment of one square object, pair of pixels by pair."""
    image = np.random.default_rng(4).integers(0, 256, (24, 24)).astype(float)
    labels = np.zeros(image.shape, np.intp)
    labels[5:15, 6:18] = 1
    found = texture(labels, image)
    low, high = np.percentile(image, (0.1, 99.9))
    shifted = 1.1 / (TEXTURE_LEVELS - 1) + (1 - 1.1 / (TEXTURE_LEVELS - 1)) * np.clip(
        (image - low) / (high - low), 0, 1
    )
    level = np.floor(np.rint(shifted * 255) / 255 * (TEXTURE_LEVELS - 1) + 1e-9).astype(int)
    assert (level.min(), level.max()) == (1, TEXTURE_LEVELS - 1)
    by_direction = []
    for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
        counts = np.zeros((TEXTURE_LEVELS, TEXTURE_LEVELS))
        for row in range(5, 15):
            for column in range(6, 18):
                to = row + TEXTURE_DISTANCE * down, column + TEXTURE_DISTANCE * right
                if 5 <= to[0] < 15 and 6 <= to[1] < 18:
                    counts[level[row, column], level[to]] += 1
                    counts[level[to], level[row, column]] += 1
        share = counts / counts.sum()
        i, j = np.indices(share.shape)
        by_direction.append(
            [((i - j) ** 2 * share).sum(), (share / (1 + (i - j) ** 2)).sum(), (share**2).sum()],
        )
    contrast, homogeneity, second_moment = np.mean(by_direction, 0)
    assert found["Contrast"] == pytest.approx([contrast])
    assert found["InverseDifferenceMoment"] == pytest.approx([homogeneity])
    assert found["AngularSecondMoment"] == pytest.approx([second_moment])


def test_radial_shares_of_an_even_disc_are_those_of_its_areas() -> None:
    site = np.zeros((3, 80, 80), np.uint8)
    for channel in site:
        channel[disk((40, 40), 20)] = 90
    found = features_of(site)
    shares = [found[f"Nuclei_RadialDistribution_FracAtD_con_a_{ring}of4_mean"] for ring in (1, 2, 3, 4)]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert shares == pytest.approx([1 / 16, 3 / 16, 5 / 16, 7 / 16], abs=0.05)
    assert found["Nuclei_RadialDistribution_RadialCV_con_a_4of4_mean"] == pytest.approx(0, abs=0.01)


def test_fine_grains_are_taken_away_before_coarse_ones() -> None:
    rows, columns = np.mgrid[:160, :160]
    site = np.zeros((3, 160, 160), np.uint8)
    site[(0, *disk((80, 80), 60))] = 90
    for channel, period in ((1, 8), (2, 48)):
        site[channel] = 100 + 80 * np.sin(2 * np.pi * rows / period) * np.sin(2 * np.pi * columns / period)
    found = features_of(site)
    spectra = {
        channel: np.array([found[f"Cells_Granularity_{step}_{channel}_mean"] for step in range(1, 9)])
        for channel in ("con_a", "wga")
    }
    assert spectra["con_a"][:2].sum() > 2 * spectra["wga"][:2].sum()
    assert spectra["wga"][2:].sum() > spectra["con_a"][2:].sum() + 10


def test_bodies_are_nuclei_grown_by_gap_and_ring_and_never_overlap() -> None:
    cells = find_cells(draw_site()[0], SETTINGS)
    assert (cells.bodies[cells.nuclei > 0] == cells.nuclei[cells.nuclei > 0]).all()
    assert (cells.bodies[cells.rings > 0] == cells.rings[cells.rings > 0]).all()
    for label in range(1, cells.count + 1):
        nucleus, body = np.argwhere(cells.nuclei == label), np.argwhere(cells.bodies == label)
        assert np.sqrt(((body[:, None] - nucleus[None]) ** 2).sum(-1)).min(1).max() <= SETTINGS.gap + SETTINGS.ring


@pytest.mark.parametrize("level", [0, 17, 255])
@pytest.mark.parametrize("side", [8, 64])
def test_a_site_without_cells_is_zero_in_every_feature(level: int, side: int) -> None:
    site = np.full((3, side, side), level, np.uint8)
    assert set(features_of(site).values()) == {0.0}
    assert CellCountFeaturizer(FINDER).embed(site[None]).tolist() == [[0.0]]


@pytest.mark.parametrize("level", [0, 7, 60_000])
def test_a_constant_channel_has_no_correlation_and_no_contrast(level: int) -> None:
    site = draw_site(np.uint16)
    site[1] = level
    found = features_of(site)
    assert found["Cells_Intensity_MeanIntensity_con_a_mean"] == level
    assert found["Cells_Correlation_Correlation_hoechst_con_a_mean"] == 0
    assert found["Cells_Correlation_Correlation_hoechst_wga_mean"] > 0.3
    assert found["Cells_Texture_Contrast_con_a_3_32_mean"] == 0
    assert found["Cells_Texture_AngularSecondMoment_con_a_3_32_mean"] == pytest.approx(1)


def test_a_single_cell_has_no_deviation() -> None:
    site = np.full((3, 64, 64), 10, np.uint8)
    for channel, radius in zip(site, (9, 16, 12), strict=True):
        channel[disk((30, 33), radius)] = 120
    site[:, ::3, ::2] += 5
    found = features_of(site)
    assert found["Nuclei_Count"] == 1
    assert all(value == 0 for name, value in found.items() if name.endswith("_std"))
    assert found["Nuclei_AreaShape_Area_mean"] == pytest.approx(np.pi * 81, rel=0.15)


@pytest.mark.parametrize("corner", [(0, 0), (59, 59), (0, 30)])
def test_a_cell_at_the_border_is_measured_as_it_is_cut_off(corner: tuple[int, int]) -> None:
    site = np.full((3, 60, 60), 5, np.uint8)
    site[(0, *disk(corner, 16, shape=(60, 60)))] = 90
    site[(1, *disk(corner, 20, shape=(60, 60)))] = 60
    found = features_of(site)
    assert found["Nuclei_Count"] == 1
    assert found["Nuclei_AreaShape_Area_mean"] < 0.6 * np.pi * 16**2


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
def test_objects_of_one_pixel_have_finite_features() -> None:
    """Perimeter, texture and correlation are undefined for them."""
    nuclei = np.zeros((40, 40), np.intp)
    nuclei[5, 5], nuclei[20, 30] = 1, 2
    seen = [SeenSite(np.stack([draw_site()[i, :40, :40] for i in range(3)]), Cells(nuclei, nuclei * 0, nuclei, 2))]
    vector = FEATURIZER.choose(seen)
    assert np.isfinite(vector).all()
    assert vector[0, FEATURIZER.feature_names.index("Nuclei_AreaShape_Area_mean")] == 1


def test_undefined_cells_are_left_out_of_a_measurement() -> None:
    mean, deviation = mean_and_deviation(np.array([[1.0, np.nan, 3.0], [np.inf, np.nan, np.nan], [2.0, 4.0, 9.0]]))
    np.testing.assert_allclose(mean, [2, 0, 5])
    np.testing.assert_allclose(deviation, [1, 0, np.std([2, 4, 9])])


def test_texture_correlation_shape_and_shares_do_not_depend_on_gain_and_bit_depth() -> None:
    plain, bright = features_of(draw_site()), features_of(draw_site(np.uint16, gain=250))
    for name, value in plain.items():
        if "_Intensity_" in name and "MassDisplacement" not in name:
            assert bright[name] == pytest.approx(250 * value, rel=1e-4), name
        else:
            assert bright[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_a_camera_offset_moves_no_texture_and_no_correlation() -> None:
    near, far = features_of(draw_site(np.uint16)), features_of(draw_site(np.uint16, offset=3_000))
    for name in near:
        if "Texture" in name or "Correlation" in name:
            assert far[name] == pytest.approx(near[name], rel=1e-4, abs=1e-5), name


def test_cells_and_their_channels_are_named_as_cellprofiler_names_them() -> None:
    names = FEATURIZER.feature_names
    assert len(names) == len(set(names)) == FEATURIZER.dim
    assert {
        "Nuclei_AreaShape_FormFactor_mean",
        "Cells_AreaShape_Zernike_9_9_std",
        "Nuclei_Intensity_MADIntensity_con_a_mean",
        "Cells_Texture_Entropy_wga_3_32_mean",
        "Cells_Granularity_8_wga_mean",
        "Nuclei_RadialDistribution_MeanFrac_hoechst_1of4_std",
        "Cells_Correlation_Correlation_con_a_wga_mean",
    } <= set(names)


@pytest.mark.parametrize("group", list(MeasurementGroup))
def test_groups_are_chosen_by_the_settings(group: MeasurementGroup) -> None:
    alone = CellMeasurementsFeaturizer(FINDER, CellMeasurementsSettings(groups=[group, group]))
    assert alone.dim == 1 + 2 * len(GROUPS[group].names(CHANNELS))
    found, everything = features_of(draw_site(), alone), features_of(draw_site())
    assert found == {name: everything[name] for name in found}


def test_a_screen_of_one_channel_has_no_pairs_but_features() -> None:
    featurizer = CellMeasurementsFeaturizer(CellFinder(["dna"], SETTINGS), EVERYTHING)
    assert not [name for name in featurizer.feature_names if "Correlation_Correlation" in name]
    assert features_of(draw_site()[:1], featurizer)["Nuclei_Count"] == 5
    pairs = CellMeasurementsSettings(groups=[MeasurementGroup.CORRELATION])
    assert features_of(draw_site()[:1], CellMeasurementsFeaturizer(featurizer.look, pairs)) == {"Nuclei_Count": 5}


def test_images_without_a_nuclear_channel_are_refused_in_one_sentence() -> None:
    with pytest.raises(
        EmbeddingError, match=r"shows nuclei \(dna, hoechst\), but the images have con_a, wga"
    ) as refusal:
        CellFinder(["con_a", "wga"], SETTINGS)
    assert "\n" not in str(refusal.value)
