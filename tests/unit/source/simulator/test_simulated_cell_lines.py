"""The simulated cell lines: known effects of drugs, seen in images without a stain, in a format that the source reads."""

from __future__ import annotations

import io
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from gandl.config import CellLinesSettings, CellLinesSimulation, Dataset, ImagesSettings, SimulationSettings
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.images.store_reader import ImageStore
from gandl.source.screens import cell_lines as reader
from gandl.source.screens.published import member_keys
from gandl.source.simulator import cell_lines
from gandl.source.simulator.archive import draw_well
from gandl.source.simulator.cells.drawing import Field, draw_grey_site
from gandl.source.simulator.cells.tumour_lines import TUMOUR_LINES
from gandl.source.simulator.drugs import DRUGS
from gandl.source.simulator.layout import LayoutError, sites_of_simulation
from gandl.source.simulator.plan import TUMOUR_CELLS, files_of_simulation, stores_of_simulation
from gandl.source.splits import make_splits
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

NAMES = tuple(drug.name for drug in DRUGS)


def settings(**sizes: float) -> SimulationSettings:
    return SimulationSettings(cell_lines=CellLinesSimulation.model_validate(sizes))


DEFAULT = settings()
TINY = settings(lines=2, plates=2, vehicle_wells=2, drug_wells=1, image_px=64)


@cache
def truth_of(given: SimulationSettings) -> pd.DataFrame:
    wells = cell_lines.true_wells(cell_lines.screen_of(given))
    return cell_lines.truth_table(wells, [0.0] * len(wells))


def vectors(line: str, drug: str) -> np.ndarray:
    """(wells, traits) of a drug in a cell line."""
    truth = truth_of(DEFAULT)
    return truth[(truth["cell_type"] == line) & (truth["drug"] == drug)][list(cell_lines.TRAITS)].to_numpy()


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a[:, None] - b[None], axis=2).mean())


class TestTruth:
    def test_the_default_has_84_wells_with_vehicle_and_28_of_each_drug_in_each_of_seven_lines(self) -> None:
        counts = truth_of(DEFAULT).groupby(["cell_type", "drug"]).size().unstack()
        assert set(counts.index) == set(TUMOUR_CELLS)
        assert set(TUMOUR_CELLS) == set(TUMOUR_LINES)
        assert (counts["DMSO"] == 84).all()
        assert (counts[list(NAMES)] == 28).all(axis=None)
        assert len(truth_of(DEFAULT)) == sites_of_simulation(DEFAULT, Dataset.CELL_LINES) == 1_960

    @pytest.mark.parametrize("line", TUMOUR_CELLS)
    def test_similar_drugs_point_one_way_and_opposite_ones_opposite_ways(self, line: str) -> None:
        mean = {name: vectors(line, name).mean(axis=0) for name in NAMES}
        assert cosine(mean["MTX"], mean["PEM"]) == pytest.approx(0.99, abs=0.01)
        assert cosine(mean["PAC"], mean["RAP"]) == pytest.approx(-1, abs=1e-9)
        others = [
            pair
            for pair in combinations(NAMES, 2)
            if pair not in (("MTX", "PEM"), ("PAC", "RAP")) and "ASP" not in pair
        ]
        assert max(abs(cosine(mean[a], mean[b])) for a, b in others) < 0.75

    @pytest.mark.parametrize("line", TUMOUR_CELLS)
    def test_opposite_drugs_lie_farther_apart_than_similar_ones_and_than_these_from_vehicle(self, line: str) -> None:
        of = {name: vectors(line, name) for name in (*NAMES, "DMSO")}
        similar = mean_distance(of["MTX"], of["PEM"])
        assert mean_distance(of["PAC"], of["RAP"]) > 3 * similar
        assert min(mean_distance(of["MTX"], of["DMSO"]), mean_distance(of["PEM"], of["DMSO"])) > 2 * similar

    def test_vehicle_and_the_inert_drug_change_nothing_and_one_drug_kills(self) -> None:
        truth = truth_of(DEFAULT).set_index("drug")
        traits = list(cell_lines.TRAITS)
        assert (truth.loc[["DMSO", "ASP"], traits] == 0).all(axis=None)
        assert (truth.loc["DMSO", "concentration_um"].isna()).all()
        assert truth.loc["DOX", "trait_density"].mean() < np.log(0.5)
        assert truth.loc["DOX", "debris"].mean() > 4
        assert (truth.drop("DOX")["debris"] == 1).all()

    def test_lines_differ_in_their_sensitivity_and_wells_about_it(self) -> None:
        truth = truth_of(DEFAULT)[lambda frame: frame["drug"] == "PAC"]
        expected = truth.groupby("cell_type")["strength_expected"].agg(["min", "max"])
        assert (expected["min"] == expected["max"]).all()
        assert expected["min"].nunique() == len(TUMOUR_CELLS)
        assert expected["min"].between(0.75, 1.25).all()
        assert np.log(truth["strength"] / truth["strength_expected"]).std() == pytest.approx(0.1, abs=0.02)

    def test_a_factor_of_0_gives_a_screen_without_effects(self) -> None:
        truth = truth_of(settings(effect=0))
        assert (truth[["strength", *cell_lines.TRAITS]] == 0).all(axis=None)
        assert (truth["debris"] == 1).all()

    def test_a_line_is_the_same_in_a_smaller_screen(self) -> None:
        small = truth_of(settings(lines=2, plates=1))
        assert small.equals(
            truth_of(DEFAULT)[lambda frame: frame["well_id"].isin(small["well_id"])].reset_index(drop=True)
        )

    def test_more_wells_than_a_plate_has_are_refused(self) -> None:
        with pytest.raises(LayoutError, match="do not fit a plate of 308"):
            cell_lines.true_wells(cell_lines.screen_of(settings(drug_wells=40)))

    def test_a_simulation_without_its_sizes_has_no_such_screen(self) -> None:
        with pytest.raises(ValueError, match=r"source\.simulation\.cell_lines is empty"):
            stores_of_simulation(SimulationSettings(), Dataset.CELL_LINES)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    cell_lines.write_cell_lines(TINY, folder, folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def sites(mirror: Path) -> pd.DataFrame:
    metadata = mirror / files_of_simulation(Dataset.CELL_LINES).metadata
    reader.write_sites(metadata, CellLinesSettings(), mirror / "sites.parquet")
    return read_table(mirror / "sites.parquet", SITES)


class TestFormat:
    def test_the_source_makes_a_store_per_line_with_vehicle_as_negative_control(
        self, mirror: Path, sites: pd.DataFrame
    ) -> None:
        assert (
            list(dict.fromkeys(sites["store_id"])) == stores_of_simulation(TINY, Dataset.CELL_LINES) == ["M14", "SF539"]
        )
        truth = pd.read_parquet(mirror / "truth.parquet").set_index("well_id").loc[sites["well_id"]]
        assert truth["cell_type"].tolist() == sites["cell_type"].tolist()
        assert truth["drug"].tolist() == sites["drug"].tolist()
        vehicle = sites["drug"] == "DMSO"
        assert set(sites.loc[vehicle, "control"]) == {"negative"}
        assert set(sites.loc[~vehicle, "control"]) == {"none"}
        assert sites.loc[vehicle, ["treatment", "compound", "concentration_um"]].isna().all(axis=None)
        assert sites.loc[~vehicle, "treatment"].tolist() == sites.loc[~vehicle, "drug"].tolist()
        assert (sites.loc[~vehicle, "concentration_um"] > 0).all()

    def test_every_site_has_one_grey_image_of_its_size(self, mirror: Path, sites: pd.DataFrame) -> None:
        with ZipFile(mirror / files_of_simulation(Dataset.CELL_LINES).images) as archive:
            names = archive.namelist()
            image = Image.open(io.BytesIO(archive.read(names[0])))
        keys = [
            f"cell-lines/images/{key}"
            for row in sites.itertuples()
            for key in member_keys(Dataset.CELL_LINES, row.experiment, row.plate, row.well, row.site)
        ]
        assert names == keys
        assert (image.format, image.mode, image.size) == ("PNG", "L", (64, 64))

    def test_its_images_are_packed_as_those_of_the_real_screens_are(
        self, mirror: Path, sites: pd.DataFrame, tmp_path: Path
    ) -> None:
        target = Target(tmp_path / "SF539.zarr", tmp_path / "SF539.parquet", tmp_path / "SF539.manifest.json")
        location = files_of_simulation(Dataset.CELL_LINES).images
        pack_store_of(
            "cell_lines",
            "SF539",
            Raw(address=f"https://{location}", mirror=str(mirror)),
            mirror / "sites.parquet",
            target,
            resolutions=[64],
            source={"images_from": "archive", "image_px": 64, "pixel_size_um": 1.0},
            settings=ImagesSettings(resolutions={Dataset.CELL_LINES: [64]}),
            code="code",
        )
        store = ImageStore(target.store)
        assert store.site_ids == sites.loc[sites["store_id"] == "SF539", "site_id"].tolist()
        assert (store.channels, store.pixel_size_um) == (["grey"], 1.0)
        row = sites[sites["store_id"] == "SF539"].iloc[5]
        (key,) = member_keys(Dataset.CELL_LINES, row["experiment"], row["plate"], row["well"], row["site"])
        with ZipFile(mirror / location) as archive:
            image = Image.open(io.BytesIO(archive.read(f"cell-lines/images/{key}")))
        np.testing.assert_array_equal(store.sites([5])[0, 0], np.asarray(image))

    def test_the_same_seed_gives_the_same_bytes_and_another_one_others(self, mirror: Path, tmp_path: Path) -> None:
        one = settings(lines=1, plates=1, vehicle_wells=1, drug_wells=1, image_px=64)
        images = files_of_simulation(Dataset.CELL_LINES).images
        for name, seed in (("first", 0), ("again", 0), ("other", 1)):
            given = one.model_copy(update={"seed": seed})
            cell_lines.write_cell_lines(given, tmp_path / name, tmp_path / f"{name}.parquet")
        first, again, other = (sha256_of(tmp_path / name / images) for name in ("first", "again", "other"))
        assert first == again != other

    def test_a_screen_of_lines_without_positive_controls_has_no_split_of_controls_and_is_no_mistake(
        self, sites: pd.DataFrame, caplog: pytest.LogCaptureFixture
    ) -> None:
        splits = make_splits(sites, seed=1)
        assert "lacks positive or negative" in caplog.text
        assert set(splits["question"]) == {"cell_type"}
        tested = splits[splits["part"] == "test"]
        assert not set(tested["well_id"]) & set(splits.loc[splits["part"] == "train", "well_id"])
        lines = sites.set_index("well_id")["cell_type"]
        assert set(lines[tested["well_id"]]) == {"M14", "SF539"}
        assert make_splits(sites, questions=["controls"]).empty


def contrasts(images: list[np.ndarray]) -> np.ndarray:
    """(images, 5): mean light of each image, and the logarithm of its contrast at four scales."""
    found = []
    for image in images:
        blurred = [image / 118, *(ndimage.gaussian_filter(image / 118, sigma) for sigma in (1, 2, 4, 8))]
        bands = [one - next_one for one, next_one in pairwise(blurred)]
        found.append((image.mean() / 118, *(np.log(band.std()) for band in bands)))
    return np.array(found)


def read_out(images: list[np.ndarray]) -> np.ndarray:
    """(images, 3): standard deviation, fine texture, and share of the ground that is empty (even) of each image."""
    found = []
    for image in images:
        light = image / np.median(image)
        fine = light - ndimage.gaussian_filter(light, 1.5)
        local = ndimage.gaussian_filter(fine**2, 3)
        found.append((light.std(), fine.std(), (local < 0.0006).mean()))
    return np.array(found)


class TestImages:
    def test_images_are_grey_levels_around_the_lamps_and_lines_look_different(self) -> None:
        means = {}
        for name, line in TUMOUR_LINES.items():
            drawn = [draw_grey_site(Field(line), 128, 1.0, np.random.default_rng(seed)) for seed in range(3)]
            assert drawn[0].images.shape == (1, 128, 128)
            pixels = np.stack([site.images[0] for site in drawn])
            assert 95 < pixels.mean() < 125
            assert np.mean((pixels == 0) | (pixels == 255)) < 0.005
            means[name] = pixels.std()
        assert max(means.values()) > 1.2 * min(means.values())

    def test_a_finer_pixel_than_textures_have_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"at least 0\.5 um"):
            draw_grey_site(Field(TUMOUR_LINES["M14"]), 64, 0.4, np.random.default_rng(0))

    def test_an_empty_field_shows_the_lamp_alone(self) -> None:
        image = draw_grey_site(Field(TUMOUR_LINES["M14"], density=0.0), 64, 1.0, np.random.default_rng(0)).images[0]
        assert image.mean() == pytest.approx(118, abs=1)
        assert image.std() < 4

    def test_a_simple_read_out_separates_strong_drugs_from_vehicle_and_not_the_inert_one(self) -> None:
        screen = cell_lines.screen_of(settings(lines=1, plates=1, vehicle_wells=24, drug_wells=12, image_px=128))
        wells = cell_lines.true_wells(screen)
        images: dict[str, list[np.ndarray]] = {}
        for well, drawing in zip(wells, cell_lines.drawings(screen, wells), strict=True):
            name = "DMSO" if well.drug is None else well.drug.name
            if name in ("DMSO", "DOX", "MTX", "ASP"):
                images.setdefault(name, []).append(np.asarray(Image.open(io.BytesIO(draw_well(drawing).images[0]))))
        found = {name: read_out(of_drug) for name, of_drug in images.items()}

        def separation(drug: str) -> float:
            truth = np.repeat([0, 1], [len(found["DMSO"]), len(found[drug])])
            values = np.concatenate([found["DMSO"], found[drug]])
            aucs = [roc_auc_score(truth, column) for column in values.T]
            return max(max(auc, 1 - auc) for auc in aucs)

        assert separation("DOX") > 0.9
        assert separation("MTX") > 0.85
        assert separation("ASP") < 0.8

    def test_opposite_drugs_do_opposite_things_to_images_too_and_similar_ones_the_same(self) -> None:
        """Opposite traits alone are no planted truth: of some traits much and little make an image look alike."""
        screen = cell_lines.screen_of(settings(plates=1, vehicle_wells=24, drug_wells=12, image_px=128, effect=2.0))
        wells = cell_lines.true_wells(screen)
        images: dict[tuple[str, str], list[np.ndarray]] = {}
        for well, drawing in zip(wells, cell_lines.drawings(screen, wells), strict=True):
            name = "DMSO" if well.drug is None else well.drug.name
            if name in ("DMSO", "MTX", "PEM", "PAC", "RAP"):
                image = np.asarray(Image.open(io.BytesIO(draw_well(drawing).images[0])))
                images.setdefault((well.plate.cell_type, name), []).append(image)
        opposite = []
        for line in TUMOUR_CELLS:
            vehicle = contrasts(images[line, "DMSO"])
            shift = {
                name: ((contrasts(images[line, name]) - vehicle.mean(axis=0)) / vehicle.std(axis=0)).mean(axis=0)
                for name in ("MTX", "PEM", "PAC", "RAP")
            }
            assert min(map(np.linalg.norm, shift.values())) > 1, line
            assert cosine(shift["MTX"], shift["PEM"]) > 0.9, line
            opposite.append(cosine(shift["PAC"], shift["RAP"]))
        assert max(opposite) < -0.2
        assert np.median(opposite) < -0.7
