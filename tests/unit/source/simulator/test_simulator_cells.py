"""Simulated sites: drawn as cells, dark and reproducible; severity shows in structure and not in brightness."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import ndimage

from gandl.source.simulator.cells.bodies import Drawing, share_ground
from gandl.source.simulator.cells.canvas import Canvas
from gandl.source.simulator.cells.drawing import (
    CELL_LINES,
    CHANNELS,
    Field,
    Perturbation,
    draw_field,
    draw_nuisance_plate,
    draw_nuisance_well,
    draw_perturbation,
    draw_site,
)
from gandl.source.simulator.cells.textures import RESOLVED_UM, textures
from gandl.source.simulator.cells.tissue import draw_population
from simulator_features import (
    auc,
    brightness,
    chance,
    draw_wells,
    held_out_scores,
    nuclei_of,
    texture,
)

HRCE = CELL_LINES["HRCE"]
RXRX19A_MEANS = (3.3, 20.4, 20.4, 12.8, 17.9)
"""Published means of the real screen's channels, grey levels of 255."""
FIVE = tuple(channel for channel in CHANNELS if channel != "mitotracker")


def sites(field: Field, n: int, side: int = 128, pixel_um: float = 1.3) -> list[np.ndarray]:
    return [draw_site(field, side, pixel_um, np.random.default_rng(seed)).images for seed in range(n)]


def mean_texture(field: Field, n: int = 6) -> np.ndarray:
    return np.mean([texture(images, 0.65) for images in sites(field, n, 256, 0.65)], axis=0)


AREA, NUCLEOLI, GOLGI_SPOTS, ANISOTROPY = 0, 5, -2, -1
"""Entries of `texture`: area of the nuclei, nucleolar contrast, skewness of WGA at a scale of spots, anisotropy of actin."""


class TestDrawing:
    @pytest.mark.parametrize("line", CELL_LINES)
    def test_same_seed_same_bytes_and_another_seed_others(self, line: str) -> None:
        first, again, other = (
            draw_site(Field(CELL_LINES[line], severity=0.5), 64, 1.3, np.random.default_rng(seed)) for seed in (1, 1, 2)
        )
        assert first.images.tobytes() == again.images.tobytes()
        assert first.cells == again.cells
        assert first.images.tobytes() != other.images.tobytes()

    @pytest.mark.parametrize(("side", "pixel_um"), [(64, 0.65), (65, 1.3), (64, 2.6), (300, 1.3)])
    def test_any_size_is_drawn(self, side: int, pixel_um: float) -> None:
        images = draw_site(Field(HRCE), side, pixel_um, np.random.default_rng(0)).images
        assert images.shape == (6, side, side)
        assert images.dtype == np.uint8
        assert (images.reshape(6, -1).std(1) > 0.4).all()

    def test_a_finer_pixel_than_there_are_textures_for_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"at least 0.5 um, not 0.3"):
            draw_site(Field(HRCE), 64, 0.3, np.random.default_rng(0))

    def test_channels_are_chosen_by_name(self) -> None:
        images = draw_site(Field(HRCE), 64, 1.3, np.random.default_rng(0), FIVE).images
        nuclei_only = draw_site(Field(HRCE), 64, 1.3, np.random.default_rng(0), ("hoechst",)).images
        assert len(images) == 5
        np.testing.assert_array_equal(images[0], nuclei_only[0])

    def test_a_site_without_cells_shows_background(self) -> None:
        site = draw_site(Field(HRCE, density=0.0), 64, 1.3, np.random.default_rng(0))
        assert site.cells == 0
        np.testing.assert_allclose(site.images.reshape(6, -1).mean(1), Field(HRCE).background, atol=0.4)

    def test_images_are_as_dark_as_the_real_ones(self) -> None:
        means = np.mean([images.reshape(6, -1).mean(1) for images in sites(Field(HRCE), 12)], axis=0)
        np.testing.assert_allclose(means[[0, 1, 2, 3, 5]], RXRX19A_MEANS, rtol=0.15)

    def test_cells_counted_are_the_nuclei_seen(self) -> None:
        drawn = [draw_site(Field(CELL_LINES["VERO"]), 256, 0.65, np.random.default_rng(seed)) for seed in range(4)]
        seen = sum(int(nuclei_of(site.images, 0.65).max()) for site in drawn)
        assert seen == pytest.approx(sum(site.cells for site in drawn), rel=0.2)

    def test_halved_images_look_like_images_drawn_at_half_the_resolution(self) -> None:
        fine, coarse = sites(Field(HRCE), 4, 256, 0.65), sites(Field(HRCE), 4)
        halved = [images.reshape(6, 128, 2, 128, 2).mean((2, 4)) for images in fine]
        for one, other in zip(halved, coarse, strict=True):
            # the same cells: their nuclei lie in the same places
            assert np.corrcoef(one[0].ravel(), other[0].ravel())[0, 1] > 0.9
        for statistic, tolerance in ((np.mean, 0.04), (np.std, 0.08)):
            values = [
                np.mean([statistic(images, axis=(1, 2)) for images in which], axis=0) for which in (halved, coarse)
            ]
            np.testing.assert_allclose(*values, rtol=tolerance)

    def test_no_ground_is_given_twice(self) -> None:
        rng = np.random.default_rng(0)
        canvas = Canvas(64, 1.3, 5)
        drawing = Drawing(draw_population(Field(HRCE), HRCE, 83.2, rng), HRCE, textures(1.3), canvas, 0.0, rng)
        ground = share_ground(drawing)
        shared = canvas.gather(ground.place, ground.share)
        assert shared.max() <= 1 + 1e-5
        assert ground.share.min() >= 0
        assert int(ground.count.sum()) == len(ground.place)


class TestTextures:
    @pytest.mark.parametrize("pixel_um", [0.65, 1.3])
    def test_healthy_and_sick_textures_have_one_mean_and_like_variances(self, pixel_um: float) -> None:
        made = textures(pixel_um)
        tiles = [*made.chromatin, *made.reticulum, *made.granules, *made.mitochondria, made.patches, *made.fibres[:2]]
        for tile in tiles:
            whole = tile[: made.side, : made.side]
            assert abs(float(whole.mean())) < 0.01
            resolved = ndimage.gaussian_filter(whole, RESOLVED_UM / pixel_um, mode="wrap")
            assert 0.75 < resolved.std() < 1.15


class TestCellTypes:
    def test_types_differ_in_what_can_be_measured(self) -> None:
        found = {line: mean_texture(Field(CELL_LINES[line])) for line in ("VERO", "HUVEC", "U2OS")}
        assert found["U2OS"][AREA] > 1.3 * found["VERO"][AREA]
        assert found["U2OS"][ANISOTROPY] > found["VERO"][ANISOTROPY]

    def test_no_two_types_have_the_same_traits(self) -> None:
        for trait in ("density", "nucleus", "size"):
            assert len({getattr(line, trait) for line in CELL_LINES.values()}) >= 4

    def test_no_perturbation_changes_nothing_and_twice_the_strength_changes_twice(self) -> None:
        assert Perturbation().applied(HRCE) == HRCE
        drawn = draw_perturbation(np.random.default_rng(0))
        np.testing.assert_allclose(drawn.scaled(2.0).applied(HRCE).nucleus / HRCE.nucleus, np.exp(2 * drawn.nucleus))
        assert draw_perturbation(np.random.default_rng(0), strength=0.0) == Perturbation()

    def test_every_trait_but_brightness_can_be_perturbed(self) -> None:
        traits = {field.name for field in fields(HRCE)} - {"clustering", "alignment", "brightness"}
        assert {field.name for field in fields(Perturbation)} == traits

    def test_a_perturbed_nucleus_is_seen_to_be_larger(self) -> None:
        larger = Field(HRCE, perturbation=Perturbation(nucleus=0.2))
        assert mean_texture(larger)[AREA] > 1.2 * mean_texture(Field(HRCE))[AREA]


class TestSeverity:
    def test_it_changes_several_structures_at_once(self) -> None:
        healthy, sick = mean_texture(Field(HRCE, severity=0.0)), mean_texture(Field(HRCE, severity=1.0))
        assert sick[AREA] < 0.95 * healthy[AREA]
        assert sick[NUCLEOLI] < 0.7 * healthy[NUCLEOLI]
        assert sick[ANISOTROPY] < 0.85 * healthy[ANISOTROPY]
        assert sick[GOLGI_SPOTS] != pytest.approx(healthy[GOLGI_SPOTS], rel=0.1)

    def test_it_hardly_changes_how_bright_a_channel_is_and_how_much_that_varies(self) -> None:
        healthy, sick = (
            np.mean([brightness(images) for images in sites(Field(HRCE, severity=severity), 24)], axis=0)
            for severity in (0.0, 1.0)
        )
        np.testing.assert_allclose(sick, healthy, rtol=0.06)

    def test_more_of_it_changes_more_cells(self) -> None:
        degrees = [
            draw_population(Field(HRCE, severity=severity), HRCE, 1000.0, np.random.default_rng(0)).degree.mean()
            for severity in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
        assert (np.diff(degrees) > 0.1).all()
        assert degrees[0] < 0.1
        assert degrees[-1] > 0.9

    def test_it_is_recognised_from_structure_not_from_brightness_or_counts(self) -> None:
        wells = draw_wells(1, line="HRCE", plates=3, wells=6, sites=2, severity=1.0, side=128, pixel_um=1.3)
        reported = {
            name: auc(held_out_scores(getattr(wells, name), wells), wells)
            for name in ("brightness", "count", "texture")
        }
        assert reported["brightness"] <= 0.85
        assert reported["count"] <= 0.8
        assert reported["texture"] >= 0.95

    def test_without_it_nothing_is_reported(self) -> None:
        wells = draw_wells(3, line="HRCE", plates=3, wells=6, sites=2, severity=0.0, side=128, pixel_um=1.3)
        for features in (wells.brightness, wells.count, wells.texture):
            by_lot = chance(features, wells, times=20)
            assert by_lot.min() < auc(held_out_scores(features, wells), wells) < by_lot.max()


class TestNuisance:
    def test_wells_at_the_edge_have_fewer_cells_and_brighter_stains(self) -> None:
        plate = draw_nuisance_plate(np.random.default_rng(0))
        edge, middle = (
            [draw_nuisance_well(np.random.default_rng(seed), plate, distance) for seed in range(50)]
            for distance in (0, 10)
        )
        assert np.mean([well.density for well in edge]) < 0.9 * np.mean([well.density for well in middle])
        assert np.mean([well.gain for well in edge]) > 1.05 * np.mean([well.gain for well in middle])

    def test_a_site_takes_its_wells_nuisance_with_small_changes(self) -> None:
        rng = np.random.default_rng(0)
        well = draw_nuisance_well(rng, draw_nuisance_plate(rng), 3)
        drawn = [draw_field(rng, HRCE, well, 0.3, density=0.5) for _ in range(100)]
        np.testing.assert_allclose(np.mean([field.gain for field in drawn], axis=0), well.gain, rtol=0.03)
        assert np.mean([field.density for field in drawn]) == pytest.approx(0.5 * well.density, rel=0.05)
        assert {field.background for field in drawn} == {well.background}
        assert {field.severity for field in drawn} == {0.3}

    def test_brightness_of_wells_varies_more_than_severity_changes_it(self) -> None:
        rng = np.random.default_rng(0)
        plate = draw_nuisance_plate(rng)
        gains = np.log([draw_nuisance_well(rng, plate, 4).gain for _ in range(200)])
        assert (gains.std(axis=0) > 0.12).all()

    def test_illumination_and_gain_reach_the_image(self) -> None:
        field = Field(HRCE, density=0.0, background=(50.0,) * 6)
        brighter = replace(field, background=(100.0,) * 6)
        dark, light = (draw_site(one, 64, 1.3, np.random.default_rng(0)).images.mean() for one in (field, brighter))
        assert light - dark == pytest.approx(50, abs=0.5)
