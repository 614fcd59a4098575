"""The simulated BBBC021: compounds of four known mechanisms, in the format that the source reads, with phenotypes to be seen."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from gandl.config import Bbbc021Settings, Bbbc021Simulation, Dataset, ImagesSettings, SimulationSettings
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.images.store_reader import ImageStore
from gandl.source.screens.bbbc021 import sites as reader
from gandl.source.screens.bbbc021.terms import POSITIVE_WELLS, VEHICLE_WELLS
from gandl.source.simulator import bbbc021
from gandl.source.simulator.archive import draw_well
from gandl.source.simulator.cells.cytoskeleton import Skeleton
from gandl.source.simulator.cells.drawing import draw_skeleton_site
from gandl.source.simulator.cells.morphology import Perturbation
from gandl.source.simulator.cells.nuisance import Field
from gandl.source.simulator.layout import LayoutError, sites_of_simulation
from gandl.source.simulator.mechanisms import ANNOTATED, EFFECTS, MCF7, Effect, Mechanism
from gandl.source.simulator.plan import files_of_simulation, mirror_of, stores_of_simulation
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

FILES = files_of_simulation(Dataset.BBBC021)
PIXEL_UM = 0.8


def settings(**sizes: float) -> SimulationSettings:
    return SimulationSettings(bbbc021=Bbbc021Simulation.model_validate(sizes))


DEFAULT = settings()
TINY = settings(weeks=2, plates=1, concentrations=2, sites=1, image_px=32)


@cache
def truth_of(given: SimulationSettings) -> pd.DataFrame:
    wells = bbbc021.true_wells(bbbc021.screen_of(given))
    return bbbc021.truth_table(wells, [0.0] * len(wells))


def treated(truth: pd.DataFrame) -> pd.DataFrame:
    """Wells of the compounds that are no controls."""
    return truth[~truth["compound"].isin(["DMSO", "taxol"])]


class TestTruth:
    def test_every_mechanism_has_a_compound_in_each_week_that_no_other_week_has(self) -> None:
        truth = treated(truth_of(DEFAULT))
        weeks = truth.groupby("compound")["experiment"].unique()
        assert (weeks.map(len) == 1).all()
        of_mechanism = truth.groupby(["mechanism", "experiment"])["compound"].nunique()
        assert set(of_mechanism) == {1}
        assert len(of_mechanism) == 2 * len(Mechanism)
        assert truth["compound"].str.startswith("simulated ").all()
        assert len(truth_of(DEFAULT)) * 4 == sites_of_simulation(DEFAULT, Dataset.BBBC021) == 576

    def test_controls_lie_where_the_real_ones_do_and_replicates_share_their_layout(self) -> None:
        truth = truth_of(DEFAULT)
        truth = truth.assign(plate=truth["well_id"].str[:-4], well=truth["well_id"].str[-3:])
        for compound, places in (("DMSO", VEHICLE_WELLS), ("taxol", POSITIVE_WELLS)):
            of_plate = truth[truth["compound"] == compound].groupby("plate")["well"].agg(tuple)
            assert (of_plate == tuple(sorted(places))).all()
            assert len(of_plate) == 6
        for _, week in truth.groupby("experiment"):
            layouts = week.pivot(index="well", columns="plate", values="compound")
            assert layouts.shape[1] == 3
            assert layouts.eq(layouts.iloc[:, 0], axis=0).all(axis=None)

    def test_effects_rise_with_the_concentration_and_lie_along_one_axis(self) -> None:
        truth = treated(truth_of(DEFAULT))
        expected = (
            truth.groupby(["compound", "concentration_um"])["severity_expected"].first().unstack(fill_value=np.nan)
        )
        for _, values in expected.iterrows():
            assert np.all(np.diff(values.dropna()) > 0)
            assert values.dropna().iloc[0] < 0.3 < 0.85 < values.dropna().iloc[-1]
        axes = truth[list(bbbc021.AXES.values())]
        assert ((axes > 0).sum(axis=1) == 1).all()
        for mechanism, axis in bbbc021.AXES.items():
            assert (truth.loc[truth[axis] > 0, "mechanism"] == mechanism.value).all()
        assert (axes.sum(axis=1) == truth["severity"]).all()

    def test_dmso_changes_nothing_and_a_factor_of_0_gives_a_screen_without_effects(self) -> None:
        traits = list(bbbc021.TRAITS)
        vehicle = truth_of(DEFAULT)[lambda frame: frame["compound"] == "DMSO"]
        assert (vehicle[["severity", *traits]] == 0).all(axis=None)
        assert vehicle[["concentration_um", "mechanism"]].isna().all(axis=None)
        assert (truth_of(settings(effect=0))[["severity", *traits]] == 0).all(axis=None)

    def test_a_week_is_the_same_in_a_smaller_screen(self) -> None:
        small = truth_of(settings(weeks=1, plates=2))
        pd.testing.assert_frame_equal(
            small, truth_of(DEFAULT)[lambda frame: frame["well_id"].isin(small["well_id"])].reset_index(drop=True)
        )

    @pytest.mark.parametrize("given", [DEFAULT, settings(weeks=3, compounds=2, concentrations=5)])
    def test_an_oracle_finds_every_mechanism_by_the_nearest_treatment_of_another_compound(
        self, given: SimulationSettings
    ) -> None:
        """Cosine of mean traits, as the 1-NN protocol has it; other compounds (NSC), and those of other weeks alone (NSCB)."""
        truth = treated(truth_of(given))
        truth = truth[truth["severity_expected"] >= ANNOTATED]
        traits = list(bbbc021.TRAITS)
        keys = ["compound", "concentration_um", "mechanism", "experiment"]
        profiles = truth.groupby(keys)[traits].mean()
        unit = profiles.to_numpy() / np.linalg.norm(profiles.to_numpy(), axis=1, keepdims=True)
        cosine, index = unit @ unit.T, profiles.index.to_frame(index=False)
        for other in ("compound", "experiment"):
            allowed = index[other].to_numpy()[:, None] != index[other].to_numpy()
            nearest = np.where(allowed, cosine, -np.inf).argmax(axis=1)
            assert (index["mechanism"].to_numpy()[nearest] == index["mechanism"]).all()

    def test_more_treatments_than_a_plate_has_wells_for_are_refused(self) -> None:
        with pytest.raises(LayoutError, match="60 treatments do not fit the 48 wells"):
            bbbc021.true_wells(bbbc021.screen_of(settings(compounds=5)))

    def test_a_simulation_without_its_sizes_has_no_such_screen(self) -> None:
        with pytest.raises(ValueError, match=r"source\.simulation\.bbbc021 is empty"):
            stores_of_simulation(SimulationSettings(), Dataset.BBBC021)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    bbbc021.write_bbbc021(TINY, folder, folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def sites(mirror: Path) -> pd.DataFrame:
    mechanisms, structures = (mirror / table for table in FILES.tables)
    reader.write_sites(
        mirror / FILES.metadata, mechanisms, Bbbc021Settings(complete=False), mirror / "sites.parquet", structures
    )
    return read_table(mirror / "sites.parquet", SITES)


class TestFormat:
    def test_the_source_reads_stores_controls_and_mechanisms(self, mirror: Path, sites: pd.DataFrame) -> None:
        stores = stores_of_simulation(TINY, Dataset.BBBC021)
        assert list(dict.fromkeys(sites["store_id"])) == stores == ["Week1_22123", "Week2_24121"]
        truth = pd.read_parquet(mirror / "truth.parquet").set_index("well_id").loc[sites["well_id"]].reset_index()
        assert sites["control"].value_counts().to_dict() == {"none": 16, "negative": 12, "positive": 12}
        assert sites["treatment"].fillna("DMSO").tolist() == truth["compound"].tolist()
        np.testing.assert_array_equal(sites["concentration_um"], truth["concentration_um"])
        known = sites["moa"].notna()
        assert known.tolist() == (truth["severity_expected"] >= ANNOTATED).tolist()
        assert sites.loc[known, "moa"].tolist() == truth.loc[known, "mechanism"].tolist()
        assert set(sites["moa"].dropna()) == {mechanism.value for mechanism in Mechanism}
        assert (truth["cell_count"] >= 0).all()

    def test_its_files_lie_at_their_official_places_below_the_mirror(self, mirror: Path) -> None:
        archives = [FILES.images_of(store) for store in stores_of_simulation(TINY, Dataset.BBBC021)]
        for file in (FILES.metadata, *FILES.tables, *archives):
            assert (mirror / file).is_file()
            assert mirror_of(mirror / file) == str(mirror)

    def test_its_images_are_packed_as_those_of_the_real_screen_are(
        self, mirror: Path, sites: pd.DataFrame, tmp_path: Path
    ) -> None:
        name = "Week2_24121"
        target = Target(*(tmp_path / f"{name}{ending}" for ending in (".zarr", ".parquet", ".manifest.json")))
        archive = FILES.images_of(name)
        pack_store_of(
            "bbbc021",
            name,
            Raw(address=f"https://{archive}", mirror=str(mirror)),
            mirror / "sites.parquet",
            target,
            resolutions=[32, 16],
            source={"images_from": "archive", "image_px": 32, "pixel_size_um": PIXEL_UM},
            settings=ImagesSettings(resolutions={Dataset.BBBC021: [32, 16]}),
            code="code",
        )
        store = ImageStore(target.store)
        assert (store.channels, store.shape_at(32), store.shape_at(16)) == (
            ["dapi", "tubulin", "actin"],
            (32, 40),
            (16, 20),
        )
        rows = sites[sites["store_id"] == name]
        assert store.site_ids == rows["site_id"].tolist()
        with ZipFile(mirror / archive) as members:
            image = Image.open(io.BytesIO(members.read(f"{name}/{rows.iloc[3]['file_tubulin']}")))
        np.testing.assert_array_equal(store.sites([3])[0, 1], np.asarray(image))
        assert store.sites([3]).max() > 255

    def test_the_same_seed_gives_the_same_bytes_and_another_one_others(self, mirror: Path, tmp_path: Path) -> None:
        one = settings(weeks=1, plates=1, concentrations=2, sites=1, image_px=32)
        archive = FILES.images_of("Week1_22123")
        bbbc021.write_bbbc021(one.model_copy(update={"seed": 1}), tmp_path, tmp_path / "truth.parquet")
        bbbc021.write_bbbc021(one, tmp_path / "again", tmp_path / "truth.parquet")
        assert sha256_of(mirror / archive) == sha256_of(tmp_path / "again" / archive) != sha256_of(tmp_path / archive)

    def test_weeks_differ_in_stain_and_density_where_nothing_was_given(self) -> None:
        screen = bbbc021.screen_of(DEFAULT)
        wells = [well for well in bbbc021.true_wells(screen) if well.compound is None]
        fields = [drawing.fields[0] for drawing in bbbc021.drawings(screen, wells)]
        gains = pd.DataFrame([np.log([*field.gain[:3], field.density]) for field in fields])
        weeks = gains.groupby([well.plate.experiment for well in wells]).mean()
        assert (weeks.diff().iloc[1].abs() > 0.05).any()
        assert (gains.groupby([well.plate.plate_id for well in wells]).std() > 0.05).all(axis=None)


@cache
def read_outs(mechanism: Mechanism | None) -> dict[str, float]:
    """Means over six sites.

    cells; area : of nuclei (px, median); spread : covered ground per cell; fibres : contrast of tubulin within 1.5 px, relative
    to the local mean, where it is least (first quartile); tubulin : where it is brightest; clumps : contrast of actin there.
    """
    effect = Effect(Perturbation(), Skeleton()) if mechanism is None else EFFECTS[mechanism].scaled(0.9)
    found = []
    for seed in range(6):
        field = Field(MCF7, perturbation=effect.traits, debris=0.0)
        site = draw_skeleton_site(field, effect.skeleton, (128, 160), PIXEL_UM, np.random.default_rng(seed))
        levels = site.images / 64 - np.array(field.background[:3])[:, None, None]
        dna, tubulin, actin = levels
        nuclei, n = ndimage.label(ndimage.gaussian_filter(dna, 1) > 12)
        areas = ndimage.sum_labels(np.ones_like(dna), nuclei, range(1, n + 1))
        ground = ndimage.gaussian_filter(actin, 1) > 4
        inner = ndimage.binary_erosion(ground, iterations=3)
        mean, square = (ndimage.gaussian_filter(tubulin**power, 1.5) for power in (1, 2))
        contrast = np.sqrt(np.clip(square - mean**2, 0, None)) / np.clip(mean, 1, None)
        around = ndimage.gaussian_filter(actin, 3)
        found.append(
            {
                "cells": site.cells,
                "area": float(np.median(areas[areas > 15])),
                "spread": float(ground.mean() / max(1, site.cells)),
                "fibres": float(np.percentile(contrast[inner], 25)),
                "tubulin": float(np.percentile(tubulin[inner], 99)),
                "clumps": float(np.percentile(((actin - around) / np.clip(around, 1, None))[inner], 99)),
            }
        )
    return pd.DataFrame(found).mean().to_dict()


class TestImages:
    def test_an_image_is_wider_than_high_and_uses_more_than_eight_bits(self) -> None:
        screen = bbbc021.screen_of(TINY)
        wells = bbbc021.true_wells(screen)[:1]
        (drawn,) = [draw_well(drawing) for drawing in bbbc021.drawings(screen, wells)]
        images = [np.asarray(Image.open(io.BytesIO(image))) for image in drawn.images]
        assert [image.shape for image in images] == [(32, 40)] * 3
        assert all(image.dtype == np.uint16 for image in images)

    def test_damaged_cells_are_few_and_large(self) -> None:
        healthy, changed = read_outs(None), read_outs(Mechanism.DAMAGE)
        assert changed["cells"] < 0.6 * healthy["cells"]
        assert changed["area"] > 1.4 * healthy["area"]
        assert changed["spread"] > 1.3 * healthy["spread"]

    def test_destabilizers_take_the_fibres_out_of_tubulin_and_stabilizers_gather_them(self) -> None:
        healthy = read_outs(None)
        assert read_outs(Mechanism.DESTABILIZED)["fibres"] < 0.7 * healthy["fibres"]
        assert read_outs(Mechanism.STABILIZED)["tubulin"] > 1.7 * healthy["tubulin"]
        assert read_outs(Mechanism.STABILIZED)["fibres"] > 0.9 * healthy["fibres"]

    def test_actin_disruptors_leave_clumps_in_small_cells(self) -> None:
        healthy, changed = read_outs(None), read_outs(Mechanism.ACTIN)
        assert changed["clumps"] > 1.7 * healthy["clumps"]
        assert changed["spread"] < 0.87 * healthy["spread"]

    def test_an_empty_field_shows_the_background_alone(self) -> None:
        field = Field(MCF7, density=0.0)
        site = draw_skeleton_site(field, Skeleton(), (32, 40), PIXEL_UM, np.random.default_rng(0))
        assert site.cells == 0
        assert site.images.reshape(3, -1).mean(1) == pytest.approx(64 * np.array(field.background[:3]), rel=0.05)
